import jax
import numpy as np
import pytest

from sgan_jax.training import augment

TWO_THETA_DEG = 3 + 0.05 * np.arange(3041)
WAVELENGTH = 2.079
D_ANGSTROM = np.array([4.1, 2.4, 1.5, 1.2, 1.1])  # 2θ = 29.4 to 141.8


def peak_pattern(d_angstrom, sigma_deg=0.3):
    centres = 2 * np.rad2deg(np.arcsin(WAVELENGTH / (2 * d_angstrom)))
    peaks = np.exp(-((TWO_THETA_DEG[:, None] - centres) ** 2) / (2 * sigma_deg**2))
    return peaks.sum(axis=1).astype(np.float32), centres


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


def test_off_leaves_the_patterns_alone_and_compiles_to_nothing():
    function = augment.make_augment(TWO_THETA_DEG, strain=0.0, zero_shift_deg=0.0)
    patterns = np.random.default_rng(0).random((2, 3041))
    assert function(jax.random.key(0), patterns) is patterns
    assert not jax.make_jaxpr(function)(jax.random.key(0), patterns).eqns


def test_strained_peaks_are_where_braggs_law_puts_them():
    pattern, centres = peak_pattern(D_ANGSTROM)
    function = augment.make_augment(TWO_THETA_DEG, strain=0.02, zero_shift_deg=0.0)
    moved = np.asarray(function(jax.random.key(1), np.tile(pattern, (32, 1))))
    # ε is read off the first peak alone; the other four are then foretold.
    first = np.array([peak_positions(row, centres[:1])[0] for row in moved])
    epsilon = np.sin(np.deg2rad(centres[0] / 2)) / np.sin(np.deg2rad(first / 2)) - 1
    assert (abs(epsilon) <= 0.02 + 1e-4).all()
    assert epsilon.min() < -0.01 and epsilon.max() > 0.01
    for row, strain in zip(moved, epsilon, strict=True):
        _, expected = peak_pattern(D_ANGSTROM * (1 + strain))
        np.testing.assert_allclose(peak_positions(row, expected), expected, atol=0.02)


def test_zero_shift_moves_all_peaks_alike():
    pattern, centres = peak_pattern(D_ANGSTROM)
    function = augment.make_augment(TWO_THETA_DEG, strain=0.0, zero_shift_deg=0.2)
    moved = np.asarray(function(jax.random.key(2), np.tile(pattern, (32, 1))))
    shifts = np.array([peak_positions(row, centres) - centres for row in moved])
    np.testing.assert_allclose(shifts, np.tile(shifts[:, :1], (1, 5)), atol=2e-3)
    assert (abs(shifts) <= 0.201).all()
    assert shifts.min() < -0.1 and shifts.max() > 0.1


def test_each_pattern_keeps_its_maximum_and_the_key_decides():
    pattern, _ = peak_pattern(D_ANGSTROM, sigma_deg=0.08)
    patterns = np.stack([pattern, 0.5 * pattern, 0 * pattern])
    function = jax.jit(augment.make_augment(TWO_THETA_DEG, strain=0.01, zero_shift_deg=0.05))
    moved = np.asarray(function(jax.random.key(3), patterns))
    np.testing.assert_allclose(moved.max(axis=1), patterns.max(axis=1), rtol=1e-6)
    assert np.isfinite(moved).all() and (moved >= 0).all()
    np.testing.assert_array_equal(moved, function(jax.random.key(3), patterns))
    assert abs(moved - function(jax.random.key(4), patterns)).max() > 0.1


def test_uneven_grid_is_refused():
    with pytest.raises(ValueError, match="evenly spaced"):
        augment.make_augment(TWO_THETA_DEG**1.1, strain=0.01, zero_shift_deg=0.0)
