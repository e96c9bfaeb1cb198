import dataclasses

import made_up
import numpy as np
import pytest

from sgan_jax.answers import refusal, seeing
from sgan_jax.diffraction import profile
from sgan_jax.measured import regrid
from sgan_jax.measured.pattern import MeasuredPattern


def seen_of(measured):
    return regrid.to_model_grid(measured, made_up.MODEL)


def test_a_good_pattern_is_answered_for():
    seen = seen_of(made_up.measure())
    assert refusal.of_measurement(seen) is None
    assert seen.peaks == len(made_up.D)


def test_background_alone_is_refused():
    for seed in range(5):
        measured = made_up.measure(highest=0.0, seed=seed)
        assert "mostly background" in refusal.of_measurement(seen_of(measured))


def test_peaks_that_drown_in_the_noise_are_refused():
    # Peaks of 90 counts on 10 000: less than their standard deviation.
    measured = made_up.measure(highest=90.0, flat=1e4)
    assert "mostly background" in refusal.of_measurement(seen_of(measured))


def test_more_noise_than_the_training_had_is_refused():
    """About 15 counts between peaks of 5000: 3e-3, of which the negative half is cut off at 0."""
    seen = seen_of(made_up.measure(name="nist2022"))
    assert refusal.of_noise(seen, made_up.calibration(["a"], noise=3e-3)) is None
    known = made_up.calibration(["a"], noise=1e-4)
    assert "noisier than the training patterns" in refusal.of_noise(seen, known)
    silent = seen_of(made_up.measure(name="nist2022", flat=1.0, highest=1e6))
    assert refusal.of_noise(silent, known) is None


@pytest.mark.parametrize("peaks", [1, 2])
def test_too_few_peaks_are_refused(peaks):
    seen = seen_of(made_up.measure(made_up.D[:peaks], made_up.F_SQUARED[:peaks]))
    assert seen.peaks == peaks
    assert f"too few peaks: {peaks} stand" in refusal.of_measurement(seen)


def test_too_small_a_range_is_refused():
    whole = made_up.measure()
    part = (whole.two_theta_deg > 40.0) & (whole.two_theta_deg < 85.0)
    measured = dataclasses.replace(
        whole, two_theta_deg=whole.two_theta_deg[part], intensity=whole.intensity[part]
    )
    assert "too little was measured: 3" in refusal.of_measurement(seen_of(measured))


def test_scaled_patterns_have_their_peaks_where_bragg_has_them():
    """The wavelength given is too small by a factor of 1.24, and so are the d-spacings."""
    measured = made_up.measure(name="nist2022", flat=0.0, highest=1e5)
    wrong = dataclasses.replace(measured, wavelength_angstrom=measured.wavelength_angstrom / 1.24)
    seen = seen_of(wrong)
    scaled, inside = seeing.with_wavelength(seen.intensity, seen.inside, made_up.MODEL, 1.24)
    expected = profile.intensity_pattern(made_up.D, made_up.F_SQUARED, made_up.MODEL)
    grid = made_up.MODEL.two_theta_deg
    for d in made_up.D:
        centre = 2.0 * np.degrees(np.arcsin(made_up.MODEL.wavelength_angstrom / (2.0 * d)))
        near = np.abs(grid - centre) < 0.6
        if inside[near].all():
            found = np.average(grid[near], weights=scaled[near])
            assert found == pytest.approx(np.average(grid[near], weights=expected[near]), abs=0.05)
    assert inside[np.abs(grid - 70.0) < 5.0].all()
    # sin θ ≤ 1 in the wrong pattern is sin θ ≤ 1 / 1.24 in the scaled one: 107.5°.
    assert not inside[grid > 107.6].any() and not scaled[~inside].any()


def test_a_first_line_where_no_cell_has_it_is_a_wrong_wavelength():
    seen = seen_of(made_up.measure())  # 111 at 3.9 / √3 = 2.25 Å

    def reason(lines):
        known = made_up.calibration(["a"], lines=lines)
        return refusal.of_wavelength(seen, made_up.MODEL, known, 0.0, {})

    assert reason((1.0, 10.0)) is None
    assert "first strong line is at d = 2.25 Å" in reason((3.0, 10.0))
    assert "λ = 1.909 Å" in reason((0.5, 2.0))


def test_a_line_that_was_not_looked_for_is_none_that_is_absent():
    whole = made_up.measure()
    part = whole.two_theta_deg > 45.0
    cut = MeasuredPattern(
        "cut", "columns", "", whole.two_theta_deg[part], whole.intensity[part],
        wavelength_angstrom=1.909,
    )  # fmt: skip
    known = made_up.calibration(["a"], lines=(3.0, 10.0))
    found = refusal.of_wavelength(seen_of(cut), made_up.MODEL, known, 0.0, {})
    assert found is None


def test_a_pattern_that_another_wavelength_makes_familiar_is_refused():
    seen = seen_of(made_up.measure())
    known = made_up.calibration(["a"], energies=10.0)
    others = {2.41: 5.0, 1.54: 4.0}
    assert refusal.of_wavelength(seen, made_up.MODEL, known, 5.0, others) is None
    others[2.41] = 11.0
    assert "with 2.41 Å it would" in refusal.of_wavelength(seen, made_up.MODEL, known, 5.0, others)
    assert refusal.of_wavelength(seen, made_up.MODEL, known, 10.5, others) is None
    assert refusal.other_wavelengths(1.909) == [1.22, 1.54, 2.08, 2.41]
    assert refusal.other_wavelengths(1.5403) == [1.22, 1.91, 2.08, 2.41]


def test_an_unfamiliar_pattern_is_refused():
    known = made_up.calibration(["a"], energies=10.0)
    assert "unlike the training patterns" in refusal.of_energy(known, 9.0)
    assert refusal.of_energy(known, 11.0) is None
