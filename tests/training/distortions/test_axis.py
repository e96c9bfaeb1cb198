import dataclasses

import jax
import numpy as np
import pytest

from sgan_jax.crystals import scattering_lengths
from sgan_jax.diffraction import instrument, profile
from sgan_jax.training.distortions import axis

TWO_THETA_DEG = 3 + 0.05 * np.arange(3041)
WAVELENGTH = 2.079
D_ANGSTROM = np.array([4.1, 2.4, 1.5, 1.2, 1.1])  # 2θ = 29.4 to 141.8


def moved_axis(strain=0.0, zero_shift_deg=0.0, displacement_deg=0.0):
    return axis.make_moved_axis(
        TWO_THETA_DEG,
        strain=strain,
        zero_shift_deg=zero_shift_deg,
        displacement_deg=displacement_deg,
    )


def bragg_angle_deg(d_angstrom):
    return 2 * np.rad2deg(np.arcsin(WAVELENGTH / (2 * d_angstrom)))


def peak_pattern(centres, sigma_deg=0.3):
    peaks = np.exp(-((TWO_THETA_DEG[:, None] - centres) ** 2) / (2 * sigma_deg**2))
    return peaks.sum(axis=1).astype(np.float32)


def peak_positions(pattern, near):
    """Fit a parabola to the logarithm of three points: exact for a Gaussian."""
    positions = []
    for centre in near:
        window = np.flatnonzero(abs(TWO_THETA_DEG - centre) < 3)
        top = window[np.argmax(pattern[window])]
        low, mid, high = np.log(pattern[top - 3 : top + 4 : 3].astype(float))
        offset = 3 * 0.5 * (low - high) / (low - 2 * mid + high)
        positions.append(TWO_THETA_DEG[0] + 0.05 * (top + offset))
    return np.array(positions)


def strains(moved, centres):
    """Return ε from the first peak of each pattern."""
    first = np.array([peak_positions(row, centres[:1])[0] for row in moved])
    return np.sin(np.deg2rad(centres[0] / 2)) / np.sin(np.deg2rad(first / 2)) - 1


def test_strained_peaks_are_where_braggs_law_puts_them():
    centres = bragg_angle_deg(D_ANGSTROM)
    patterns = np.tile(peak_pattern(centres), (32, 1))
    moved = np.asarray(moved_axis(strain=0.02)(jax.random.key(1), patterns))
    epsilon = strains(moved, centres)  # which predicts the other four peaks
    assert (abs(epsilon) <= 0.02 + 1e-4).all()
    assert epsilon.min() < -0.01 and epsilon.max() > 0.01
    for row, strain in zip(moved, epsilon, strict=True):
        expected = bragg_angle_deg(D_ANGSTROM * (1 + strain))
        np.testing.assert_allclose(peak_positions(row, expected), expected, atol=0.02)


def test_zero_shift_moves_all_peaks_alike_and_displacement_as_the_cosine():
    centres = bragg_angle_deg(D_ANGSTROM)
    patterns = np.tile(peak_pattern(centres), (32, 1))
    for options, law in (
        ({"zero_shift_deg": 0.2}, np.ones(5)),
        ({"displacement_deg": 0.2}, np.cos(np.deg2rad(centres / 2))),
    ):
        moved = np.asarray(moved_axis(**options)(jax.random.key(2), patterns))
        shifts = np.array([peak_positions(row, centres) - centres for row in moved])
        expected = shifts[:, :1] / law[0] * law
        np.testing.assert_allclose(shifts, expected, atol=3e-3)
        assert (abs(shifts) <= 0.201).all()
        assert shifts[:, 0].min() < -0.1 and shifts[:, 0].max() > 0.1


def test_a_strained_pattern_is_the_simulation_of_the_strained_crystal():
    """Aluminium, on an instrument whose widths do not depend on the angle."""
    even = dataclasses.replace(
        instrument.PRESETS["nist2022"], u=0.0, v=0.0, w=0.16, x=0.0, s_over_l=0.0, h_over_l=0.0
    )
    hkl = [(1, 1, 1), (2, 0, 0), (2, 2, 0), (3, 1, 1), (2, 2, 2)]
    multiplicity = np.array([8, 6, 12, 24, 8])
    d = 4.05 / np.linalg.norm(hkl, axis=1)
    weight = multiplicity * scattering_lengths.scattering_length_fm("Al") ** 2

    def simulated(strain):
        strained = d * (1 + strain)
        # Intensities stay as they were: the view does not recalculate the Lorentz factor.
        _, before = profile.integrated_intensity(d, weight, even.wavelength_angstrom)
        _, after = profile.integrated_intensity(strained, weight, even.wavelength_angstrom)
        return profile.intensity_pattern(strained, weight * before / after, even)

    pattern = simulated(0.0).astype(np.float32)
    centres = 2 * np.rad2deg(np.arcsin(even.wavelength_angstrom / (2 * d)))
    moved = np.asarray(moved_axis(strain=0.01)(jax.random.key(3), np.tile(pattern, (8, 1))))
    epsilon = strains(moved, centres)
    assert abs(epsilon).max() > 0.005
    for row, strain in zip(moved, epsilon, strict=True):
        # The view stretches peaks as it moves them, which is its only error.
        np.testing.assert_allclose(row, simulated(strain), atol=0.03)
    assert abs(moved - pattern).max() > 0.8


def test_interpolation_is_that_of_numpy_and_angles_that_of_the_standard_library():
    rng = np.random.default_rng(0)
    patterns = rng.random((2, 50), np.float32)
    position = rng.uniform(0, 49, (2, 70)).astype(np.float32)
    position[0, :2] = 0, 49
    expected = [np.interp(x, np.arange(50), row) for x, row in zip(position, patterns, strict=True)]
    np.testing.assert_allclose(axis.interpolate(patterns, position), expected, atol=1e-5)
    # Half a point of the grid is 4e-4 rad of 2θ.
    x = np.linspace(0, 1, 4001, dtype=np.float32)
    np.testing.assert_allclose(axis._arcsin(x), np.arcsin(x.astype(float)), atol=5e-7)
    angle, shift = np.float32(0.7), np.linspace(-0.1, 0.1, 101, dtype=np.float32)
    sine = axis._sine_of_difference(np.sin(angle), np.cos(angle), shift)
    np.testing.assert_allclose(sine, np.sin(0.7 - shift.astype(float)), atol=3e-7)


def test_uneven_grid_is_refused():
    with pytest.raises(ValueError, match="evenly spaced"):
        axis.make_moved_axis(
            TWO_THETA_DEG**1.1, strain=0.01, zero_shift_deg=0.0, displacement_deg=0.0
        )
