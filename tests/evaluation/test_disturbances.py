"""Each disturbance against a calculation by hand."""

import math

import numpy as np
import pytest

from sgan_jax.crystals import sites
from sgan_jax.diffraction import march_dollase, profile
from sgan_jax.diffraction.instrument import LEAST, MISSING, PRESETS
from sgan_jax.evaluation import disturbances

NIST = PRESETS["nist2022"]
TETRAGONAL = np.array([4.0, 4.0, 6.0, 90.0, 90.0, 90.0])
FOURFOLD = np.array([[0, 1, 0], [-1, 0, 0], [0, 0, 1]])


def crystal(d, strength, hkl=None, cell=TETRAGONAL, rotations=None):
    hkl = np.zeros((len(d), 3), int) if hkl is None else hkl
    turns = [np.linalg.matrix_power(FOURFOLD, n) for n in range(4)]
    return disturbances.CrystalReflections(
        np.asarray(d, float),
        np.asarray(strength, float),
        np.asarray(hkl),
        cell,
        np.array(turns if rotations is None else rotations),
    )


def test_a_fraction_of_the_intensity_is_anothers():
    own = np.array([[1.0, 0.0, 1.0, 0.0], [1.0, 0.0, 0.0, 0.0]])
    others = np.array([[0.0, 1.0, 0.0, 0.0], [1.0, 1.0, 1.0, 1.0]])
    # 0.8 of (1/2, 0, 1/2, 0) and 0.2 of (0, 1, 0, 0); 0.8 of (1, 0, 0, 0) and 0.2 of quarters.
    by_hand = [[1.0, 0.5, 1.0, 0.0], [1.0, 1 / 17, 1 / 17, 1 / 17]]
    np.testing.assert_allclose(disturbances.mixed(own, others, 0.2), by_hand, rtol=1e-12)
    np.testing.assert_allclose(disturbances.mixed(own, others, 0.0), own)


@pytest.mark.parametrize(
    ("steps", "shifted"),
    [(0, [0.0, 0.5, 1.0, 0.0]), (1, [0.0, 0.0, 0.5, 1.0]), (-2, [1.0, 0.0, 0.0, 0.0])],
)
def test_a_zero_shift_moves_all_by_the_same(steps, shifted):
    moved = disturbances.zero_shifted(np.array([[0.0, 0.5, 1.0, 0.0]]), steps)
    np.testing.assert_array_equal(moved, [shifted])


def test_counts_scatter_as_poisson_says():
    pattern = np.full((1, 20_001), 0.5)
    pattern[0, 0] = 1.0
    counted = disturbances.counted(pattern, 400.0, seed=0)[0, 1:]
    # 400 (0.5 + 0.1) counts, of which 40 are background.
    assert np.std(counted) / np.mean(counted) == pytest.approx(math.sqrt(240) / 200, rel=0.02)
    many = disturbances.counted(pattern, 1e10, seed=0)
    np.testing.assert_allclose(many, pattern, atol=2e-4)
    nothing = disturbances.counted(np.zeros((1, 100)), 10.0, seed=0)  # 1 count of background
    assert nothing.min() == pytest.approx(LEAST) and nothing.max() == 1.0


def test_what_is_not_measured_is_filled_as_in_training():
    angles = np.array([3.0, 4.0, 5.0, 6.0])
    pattern = np.array([[1.0, 0.25, 0.5, 0.25]])
    missing = disturbances.not_measured(pattern, angles, [(0.0, 3.5)])
    np.testing.assert_allclose(missing, [[MISSING, 0.5, 1.0, 0.5]])
    np.testing.assert_array_equal(disturbances.not_measured(pattern, angles, []), pattern)


@pytest.mark.parametrize(
    ("name", "angle_deg", "error"),
    # Where D1A's peaks are narrower, the broadening grows across the peak: slightly too much of it.
    [("hb2a", 90.0, 0.02), ("d1a", 35.0, 0.02), ("d1a", 90.0, 0.06)],
)
def test_peaks_are_as_wide_as_the_other_instruments_and_never_narrower(name, angle_deg, error):
    other = PRESETS[name]
    d = NIST.wavelength_angstrom / (2 * np.sin(np.deg2rad(angle_deg) / 2))
    (pattern,) = disturbances.of_resolution([crystal([d], [1.0])], NIST, other)
    x = NIST.two_theta_deg
    above = np.flatnonzero(pattern >= 0.5)
    left, right = above[0], above[-1]
    begin = np.interp(0.5, pattern[[left - 1, left]], x[[left - 1, left]])
    end = np.interp(0.5, pattern[[right + 1, right]], x[[right + 1, right]])
    tan = math.tan(math.radians(angle_deg) / 2)
    width = max(math.sqrt(one.u * tan**2 + one.v * tan + one.w) for one in (other, NIST))
    assert end - begin == pytest.approx(width, rel=error)


def test_the_instruments_own_resolution_changes_nothing():
    d, strength = np.array([3.0, 2.0, 1.3]), np.array([1.0, 2.0, 3.0])
    (same,) = disturbances.of_resolution([crystal(d, strength)], NIST, NIST)
    np.testing.assert_allclose(same, profile.intensity_pattern(d, strength, NIST), rtol=1e-9)


@pytest.mark.parametrize("r", [0.7, 1.0, 1.3])
def test_grains_along_an_axis_change_intensities_as_march_and_dollase_say(r):
    one = crystal([6.0, 4.0, 4.0 / math.sqrt(2)], [1, 1, 1], [[0, 0, 1], [1, 0, 0], [1, 1, 0]])
    # cos α is 1, 0 and 0.
    np.testing.assert_allclose(disturbances._march_dollase(one, r), [r**-3, r**1.5, r**1.5])
    (pattern,) = disturbances.oriented([one], NIST, r)
    plain = profile.intensity_pattern(one.d_angstrom, one.strength * [r**-3, r**1.5, r**1.5], NIST)
    np.testing.assert_allclose(pattern, plain, rtol=1e-9)


def test_orientation_agrees_with_the_one_of_the_training():
    cell = np.array([5.0, 6.0, 7.0, 90.0, 100.0, 90.0])
    hkl = np.array([[1, 2, 3], [2, 0, -1], [0, 1, 1]])
    twofold = np.array([np.eye(3), np.diag([-1.0, 1.0, -1.0])], int)
    to_cartesian = sites.orthogonalisation(tuple(cell))
    metric = np.linalg.inv(to_cartesian.T @ to_cartesian)
    d = 1 / np.sqrt(np.einsum("mi,ij,mj->m", hkl, metric, hkl))
    one = crystal(d, np.ones(3), hkl, cell, twofold)
    trained = march_dollase.weights(
        *(np.asarray(x, np.float32)[None] for x in (hkl, d, metric)),
        np.tile(twofold, (12, 1, 1))[None],
        np.array([[0.0, 0.0, 1.0]], np.float32),
        np.array([0.8], np.float32),
    )
    np.testing.assert_allclose(disturbances._march_dollase(one, 0.8), trained[0], rtol=1e-4)
