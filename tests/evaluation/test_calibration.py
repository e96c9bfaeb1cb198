import json

import numpy as np
import pytest

from sgan_jax.diffraction.instrument import PRESETS
from sgan_jax.evaluation import calibration, first_lines, noise_levels

NAMES = ("cubic (F)", "cubic (I)")


def made(patterns=200, seed=0):
    """Return logits, three times too large, and labels of two classes."""
    random = np.random.default_rng(seed)
    honest = np.stack([random.normal(0.0, 1.5, patterns), np.zeros(patterns)], axis=1)
    labels = (random.uniform(size=patterns) > 1.0 / (1.0 + np.exp(-honest[:, 0]))).astype(int)
    return 3.0 * honest, labels


def test_what_is_written_is_what_is_read(tmp_path):
    logits, labels = made()
    found = calibration.make(
        logits - 1.0, labels, np.linspace(0.0, 1.0, 1001), np.linspace(2.0, 8.0, 100),
        class_names=NAMES, step=7, made_by="the test",
    )  # fmt: skip
    path = tmp_path / calibration.NAME
    calibration.write(path, found.to_json())
    read = calibration.read(path)
    np.testing.assert_allclose(read.scores, found.scores, atol=1e-7)
    for field in ("temperature", "energy_quantiles", "class_names", "patterns", "step", "made_by"):
        assert getattr(read, field) == getattr(found, field), field
    assert read.first_line_range_angstrom == pytest.approx((2.0, 8.0), abs=0.01)
    assert read.noise_limit == pytest.approx(0.999)
    energies = np.log(np.exp(logits - 1.0).sum(axis=1))
    assert read.energy_quantile(0.5) == pytest.approx(np.median(energies))
    assert calibration.read(tmp_path / "absent.json") is None


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"temperature": "x"}'])
def test_a_damaged_file_is_named(tmp_path, text):
    path = tmp_path / calibration.NAME
    path.write_text(text)
    with pytest.raises(ValueError, match=rf"{calibration.NAME} cannot be read.*--mode=evaluate"):
        calibration.read(path)


def test_the_check_on_other_patterns():
    logits, labels = made(20_000)
    found = calibration.make(
        *made(5000, seed=1), np.ones(9), np.ones(9), class_names=NAMES, step=0, made_by=""
    )
    assert found.temperature == pytest.approx(3.0, rel=0.1)
    checked = calibration.check(found, logits, labels)
    assert checked["ece_before"] > 0.05 > 0.02 > checked["ece_after"]
    assert json.loads(json.dumps(checked)) == checked
    for entry in checked["sets"]:
        assert entry["enough"]
        assert entry["covered"] == pytest.approx(entry["coverage"], abs=0.02)
        assert 1.0 <= entry["mean_size"] <= 2.0


def test_too_few_patterns_say_so_and_leave_nothing_out():
    logits, labels = made()
    found = calibration.make(
        logits[:8], labels[:8], np.ones(9), np.ones(9), class_names=NAMES, step=0, made_by=""
    )
    by_coverage = {x["coverage"]: x for x in calibration.check(found, logits, labels)["sets"]}
    assert by_coverage[0.8]["enough"] and not by_coverage[0.9]["enough"]
    assert (by_coverage[0.9]["covered"], by_coverage[0.9]["mean_size"]) == (1.0, 2.0)


def test_first_strong_lines():
    instrument = PRESETS["nist2022"]
    grid = instrument.two_theta_deg

    def peak(d, height):
        centre = 2.0 * np.degrees(np.arcsin(instrument.wavelength_angstrom / (2.0 * d)))
        return height * np.exp(-(((grid - centre) / 0.3) ** 2))

    patterns = np.stack([
        peak(6.0, 0.1) + peak(3.1, 0.4) + peak(1.5, 1.0),  # the first is too weak
        peak(8.0, 1.0) + peak(3.1, 0.4),
        np.zeros_like(grid) + 1e-3 * (grid == grid[0]),  # no peak at all: the highest point
    ])  # fmt: skip
    found = first_lines.first_lines_angstrom(patterns, instrument)
    np.testing.assert_allclose(found[:2], [3.1, 8.0], rtol=2e-3)
    assert found[2] == pytest.approx(2.079 / 2.0 / np.sin(np.radians(1.5)))


def test_the_noise_of_a_pattern():
    """Peaks, a slope and unmeasured ranges do not change it."""
    random = np.random.default_rng(0)
    x = np.arange(3041)
    peaks = sum(np.exp(-(((x - centre) / 5.0) ** 2)) for centre in range(700, 2800, 150))
    noise = np.array([[0.0], [1e-3], [1e-2]]) * random.normal(size=(3, 3041))
    found = noise_levels.noise_levels(peaks + 1e-4 * x + noise)
    np.testing.assert_allclose(found[1:], [1e-3, 1e-2], rtol=0.15)
    assert found[0] < 1e-5
    missing = peaks + noise[1:2]
    missing[0, :1500] = 1e-3
    assert noise_levels.noise_levels(missing)[0] == pytest.approx(1e-3, rel=0.2)
    missing[0, :1500] = random.normal(size=1500)
    assert noise_levels.noise_levels(missing, x >= 1500)[0] == pytest.approx(1e-3, rel=0.2)
    assert noise_levels.noise_levels(np.ones((1, 100)))[0] == 0.0
