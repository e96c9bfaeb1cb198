"""Rendered patterns against the float64 simulator, which is independent of the renderer."""

import dataclasses

import numpy as np
import pytest
import render_cases

from sgan_jax.datasets import stored_crystals
from sgan_jax.diffraction import few_reflections, instrument, peak_shape, profile
from sgan_jax.diffraction.instrument import PRESETS

NIST = PRESETS["nist2022"]
TOLERANCE = 1e-3  # of the maximum


@pytest.fixture(scope="module")
def crystals():
    return render_cases.crystals()


@pytest.mark.parametrize("name", PRESETS)
def test_patterns_of_every_preset_are_the_simulators(crystals, name):
    preset = PRESETS[name]
    arrays = render_cases.stored(crystals, preset)
    patterns, inside = render_cases.rendered(arrays, [preset], preset, [0])
    assert inside.all()
    for crystal, pattern in zip(crystals, patterns, strict=True):
        expected = profile.simulate(crystal, preset).intensity
        np.testing.assert_allclose(pattern, expected, atol=TOLERANCE, err_msg=crystal.id)


def test_very_many_reflections_are_put_together_without_harm():
    """5000 reflections of a large triclinic cell, of which 4096 are kept."""
    random = np.random.default_rng(0)
    count = 5000
    d = np.sort(1.0 + 14.0 * random.uniform(size=count) ** 3)[::-1]
    strength = random.exponential(size=count)
    arrays = stored_crystals.empty(1, render_cases.REFLECTIONS)
    kept, merged, _ = few_reflections.merge(d, strength, render_cases.REFLECTIONS)
    assert len(kept) == render_cases.REFLECTIONS and (np.diff(kept) < 0).all()
    np.testing.assert_allclose(merged.sum(), strength.sum())
    arrays.d_angstrom[0], arrays.strength[0] = kept, merged
    (pattern,), _ = render_cases.rendered(arrays, [NIST], NIST, [0])
    expected = profile.intensity_pattern(d, strength, NIST)
    np.testing.assert_allclose(pattern, expected, atol=TOLERANCE)


@pytest.mark.parametrize("strain", [-0.03, 0.0, 0.02])
@pytest.mark.parametrize(("zero", "displacement"), [(0.0, 0.0), (0.3, 0.0), (-0.1, 0.2)])
def test_peaks_are_where_braggs_law_puts_them(strain, zero, displacement):
    d = np.array([4.1, 2.3, 1.6, 1.25])
    arrays = stored_crystals.empty(len(d), 16)
    arrays.d_angstrom[:, 0], arrays.strength[:, 0] = d, 1.0
    symmetric = dataclasses.replace(NIST, s_over_l=0.0, h_over_l=0.0)
    patterns, _ = render_cases.rendered(
        arrays,
        [symmetric],
        symmetric,
        [0, 0],
        strain=strain,
        zero_shift_deg=zero,
        displacement_deg=displacement,
    )
    theta = np.arcsin(NIST.wavelength_angstrom / (2 * d * (1 + strain)))
    expected = np.degrees(2 * theta) + zero + displacement * np.cos(theta)
    x = NIST.two_theta_deg
    near = np.abs(x - expected[:, None]) < 1.0  # symmetric, so the tails do not count
    centre = np.sum(x * patterns * near, axis=1) / np.sum(patterns * near, axis=1)
    np.testing.assert_allclose(centre, expected, atol=2e-3)


def test_another_wavelength_comes_to_the_grid_as_regrid_brings_it(crystals):
    """For wide peaks, which are not widened: a point has the intensity measured at the same d."""
    coarse = instrument.Instrument(
        "coarse", 1.54, 5.0, 0.05, 2401, u=0.8, v=-0.2, w=0.4, s_over_l=0.02, h_over_l=0.03
    )
    arrays = render_cases.stored(crystals, NIST)
    patterns, inside = render_cases.rendered(arrays, [NIST, coarse], NIST, [1, 0])
    half = len(crystals) // 2
    sine = np.sin(np.radians(NIST.two_theta_deg) / 2) * 1.54 / NIST.wavelength_angstrom
    there = 2 * np.degrees(np.arcsin(sine))
    measured = (there >= 5.0) & (there <= 125.0)
    np.testing.assert_array_equal(inside[0], measured)
    assert inside[half:].all()
    fine = dataclasses.replace(coarse, two_theta_step_deg=0.01, points=12001)
    for crystal, pattern in zip(crystals[:half], patterns[:half], strict=True):
        simulated = profile.simulate(crystal, fine)
        expected = np.interp(there, simulated.two_theta_deg, simulated.intensity) * measured
        np.testing.assert_allclose(pattern, expected / expected.max(), atol=2 * TOLERANCE)


def test_sharper_instruments_are_given_the_grids_widths():
    sharp = dataclasses.replace(
        NIST, u=0.05, w=0.002, x=0.01, wavelength_angstrom=1.3, s_over_l=0.0, h_over_l=0.0
    )
    arrays = stored_crystals.empty(3, 16)
    arrays.d_angstrom[:, 0], arrays.strength[:, 0] = [4.0, 2.0, 1.4], 1.0
    (patterns, _) = render_cases.rendered(arrays, [NIST, sharp], NIST, [1])
    for pattern, d in zip(patterns, (4.0, 2.0, 1.4), strict=True):
        above = NIST.two_theta_deg[pattern > 0.5]
        at = np.array([2 * np.degrees(np.arcsin(NIST.wavelength_angstrom / 2 / d))])
        wanted, _ = peak_shape.pseudo_voigt_parameters(*NIST.widths_deg(at))
        assert above[-1] - above[0] == pytest.approx(wanted[0], abs=0.07)


def test_what_an_instrument_does_not_reach_is_not_inside():
    long_wave = dataclasses.replace(NIST, wavelength_angstrom=2.5)
    arrays = stored_crystals.empty(1, 16)
    arrays.d_angstrom[0, :2], arrays.strength[0, :2] = [3.0, 1.1], [1.0, 100.0]
    (pattern,), (inside,) = render_cases.rendered(arrays, [long_wave], NIST, [0])
    d_min = 2.5 / 2 / np.sin(np.radians(155 / 2))
    last = 2 * np.degrees(np.arcsin(NIST.wavelength_angstrom / 2 / d_min))
    np.testing.assert_array_equal(inside[60:], NIST.two_theta_deg[60:] <= last)
    assert (pattern[~inside] == 0).all() and pattern.max() == 1.0
    at = 2 * np.degrees(np.arcsin(NIST.wavelength_angstrom / 2 / 3.0))
    assert abs(NIST.two_theta_deg[pattern.argmax()] - at) < 0.06
