"""Preferred orientation against the formula, summed over all equivalents in float64."""

import gemmi
import jax.numpy as jnp
import numpy as np
import pytest
import render_cases

from sgan_jax.crystals import synthetic
from sgan_jax.diffraction import march_dollase
from sgan_jax.diffraction.instrument import PRESETS


def summed(crystal, hkl, axis, r):
    """Return the mean over all equivalents, h R and -h R, each counted once."""
    to_reciprocal = np.array(gemmi.UnitCell(*crystal.cell).frac.mat.tolist())
    direction = np.asarray(axis, float) @ to_reciprocal
    direction /= np.linalg.norm(direction)
    factors = []
    for one in hkl.astype(int):
        equivalents = {
            tuple(sign * (one @ rotation)) for rotation in crystal.rotations for sign in (1, -1)
        }
        vectors = np.array(sorted(equivalents), float) @ to_reciprocal
        cosine = vectors @ direction / np.linalg.norm(vectors, axis=1)
        factors.append(np.mean((r**2 * cosine**2 + (1 - cosine**2) / r) ** -1.5))
    return np.array(factors)


# One or more of each Laue group; hexagonal axes among them.
@pytest.mark.parametrize("group", [1, 14, 62, 88, 141, 148, 149, 152, 167, 176, 194, 205, 229])
def test_factors_are_those_of_all_equivalents(group):
    crystal = synthetic.random_crystal(group, 2)
    stored = render_cases.stored([crystal], PRESETS["nist2022"])
    known = min(int((stored.strength > 0).sum()), 200)
    random = np.random.default_rng(group)
    for axis in random.permutation(march_dollase.AXES)[:3]:
        r = random.uniform(0.6, 1.4)
        factors = march_dollase.weights(
            *(jnp.asarray(x) for x in (stored.hkl, stored.d_angstrom, stored.reciprocal_metric)),
            jnp.asarray(stored.rotations),
            jnp.asarray(axis)[None],
            jnp.asarray([r], jnp.float32),
        )
        expected = summed(crystal, stored.hkl[0, :known], axis, r)
        np.testing.assert_allclose(np.asarray(factors)[0, :known], expected, rtol=2e-5)


def test_planes_along_and_across_the_axis_have_the_textbooks_factors():
    """r⁻³ along the axis of a crystal without symmetry, r^(3/2) across it; 1 in a true powder."""
    lengths = np.array([3.0, 4.0, 5.0], np.float32)
    hkl, d = np.array([[[0, 0, 2], [3, 0, 0], [1, 2, 3]]], np.int16), [2.5, 1.0]
    d = np.array([[*d, 1 / np.linalg.norm(hkl[0, 2] / lengths)]], np.float32)
    metric = np.diag(lengths**-2.0)[None]
    rotations = np.tile(np.eye(3, dtype=np.int8), (1, 24, 1, 1))
    for r, expected in ((0.7, (0.7**-3, 0.7**1.5)), (1.3, (1.3**-3, 1.3**1.5)), (1.0, (1.0, 1.0))):
        axis = jnp.array([[0.0, 0.0, 1.0]])
        factors = march_dollase.weights(
            *map(jnp.asarray, (hkl, d, metric, rotations)), axis, jnp.array([r])
        )
        np.testing.assert_allclose(factors[0, :2], expected, rtol=1e-5)
    np.testing.assert_allclose(factors, 1.0, rtol=1e-5)
