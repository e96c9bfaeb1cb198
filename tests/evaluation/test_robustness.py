"""Accuracy under disturbances, for a classifier whose mistakes can be counted by hand."""

import json

import numpy as np
import pytest

from sgan_jax.diffraction import profile
from sgan_jax.diffraction.instrument import PRESETS
from sgan_jax.evaluation import report, robustness, robustness_curves, robustness_figure
from sgan_jax.evaluation.disturbances import CrystalReflections
from sgan_jax.evaluation.robustness_curves import Sample

NIST = PRESETS["nist2022"]
BIN = 20  # points, 1 degree


def sample():
    """Return crystals with one strong line each, in the middle of a bin or at its last point."""
    points = [20 * BIN * n + (BIN // 2 if n % 2 else BIN - 1) for n in range(1, 7)]
    angles = NIST.two_theta_deg[points]
    # Each line is 001 of a cubic cell of its own size.
    crystals = [
        CrystalReflections(
            np.array([d]),
            np.array([1.0]),
            np.array([[0, 0, 1]]),
            np.array([d, d, d, 90.0, 90.0, 90.0]),
            np.eye(3, dtype=int)[None],
        )
        for d in NIST.wavelength_angstrom / (2 * np.sin(np.deg2rad(angles) / 2))
    ]
    patterns = np.stack(
        [profile.intensity_pattern(each.d_angstrom, each.strength, NIST) for each in crystals]
    )
    return Sample(patterns, np.argmax(patterns, axis=1) // BIN, crystals, NIST)


def logits(patterns):
    """Return logits that name the bin of the highest point."""
    return np.eye(len(NIST.two_theta_deg) // BIN + 1)[np.argmax(patterns, axis=1) // BIN]


@pytest.fixture(scope="module")
def curves():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(robustness_curves, "PRESETS", {n: PRESETS[n] for n in ("nist2022", "d1a")})
        return {curve["name"]: curve for curve in robustness.measure(logits, sample())}


def test_without_a_disturbance_nothing_is_lost(curves):
    none = {"impurity": 0.0, "zero_shift": 0.0, "resolution": "nist2022", "missing_range": "whole"}
    none["preferred_orientation"] = 1.0
    for name, level in none.items():
        curve = curves[name]
        assert curve["top1"][curve["levels"].index(level)] == curve["plain_top1"] == 1.0


def test_a_shift_is_a_mistake_where_the_line_leaves_its_bin(curves):
    curve = curves["zero_shift"]
    by_hand = {-0.3: 1.0, -0.2: 1.0, -0.1: 1.0, 0.0: 1.0, 0.1: 0.5, 0.2: 0.5, 0.3: 0.5}
    assert dict(zip(curve["levels"], curve["top1"], strict=True)) == by_hand
    assert curve["lost_points"] == 50.0 and not curve["kept"]


def test_an_impurity_below_a_half_leaves_the_strongest_line(curves):
    assert curves["impurity"]["lost_points"] <= 0.0 and curves["impurity"]["kept"]


def test_a_missing_range_takes_the_lines_in_it(curves):
    curve = curves["missing_range"]
    lines = NIST.two_theta_deg[np.argmax(sample().patterns, axis=1)]
    assert curve["top1"][curve["levels"].index("to 90°")] == pytest.approx(np.mean(lines < 90.0))


def test_a_pattern_has_the_same_noise_in_any_company():
    found = {curve.name: curve for curve in robustness_curves.curves(sample())}["noise"]
    together = found.disturb(300, np.arange(4))
    np.testing.assert_array_equal(found.disturb(300, np.array([2]))[0], together[2])
    assert not np.array_equal(together[2], sample().patterns[2])


def test_no_crystal_is_its_own_impurity():
    for count in (2, 3, 50):
        partners = robustness_curves._partners(count, seed=0)
        assert sorted(partners) == list(range(count))
        assert (partners != np.arange(count)).all()


def test_what_is_written_is_found_again_for_the_same_model(tmp_path, curves):
    assert robustness.read(tmp_path, step=7) is None
    found = {"patterns": 6, "step": 7, "curves": list(curves.values())}
    robustness.write(tmp_path, found)
    assert json.loads((tmp_path / "robustness.json").read_text()) == found
    assert robustness.read(tmp_path, step=7) == found
    assert robustness.read(tmp_path, step=8) is None
    (tmp_path / "robustness.json").write_text("{")
    assert robustness.read(tmp_path, step=7) is None


def test_the_picture_shows_accuracy_and_bar(curves):
    (axes,) = robustness_figure.accuracy_over_levels(curves["zero_shift"]).axes
    line = axes.lines[1].get_xydata()
    np.testing.assert_allclose(line[:, 0], curves["zero_shift"]["levels"])
    np.testing.assert_allclose(line[:, 1], [100, 100, 100, 100, 50, 50, 50])
    (bars,) = axes.collections
    assert len(bars.get_segments()) == 6
    assert {point[1] for segment in bars.get_segments() for point in segment} == {95.0}
    assert len(report.robustness_curves({"curves": list(curves.values())})) == len(curves)
    assert report.robustness_curves(None) == []
