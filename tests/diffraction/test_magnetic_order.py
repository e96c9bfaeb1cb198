import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sgan_jax.diffraction import magnetic_order

CRYSTALS = 4000
# Triclinic, so that no two points have one length; Å⁻².
CELL = np.array([[4.0, 0.0, 0.0], [0.5, 5.0, 0.0], [-0.3, 0.7, 6.0]])
METRIC = np.linalg.inv(CELL @ CELL.T)


@pytest.fixture(scope="module")
def found():
    """Of crystals with two reflections: at 2 Å of strength 3, at 1 Å of strength 5."""
    d, strength = magnetic_order.magnetic_reflections(
        jax.random.key(0),
        jnp.tile(jnp.array([2.0, 1.0, 1e6]), (CRYSTALS, 1)),
        jnp.tile(jnp.array([3.0, 5.0, 0.0]), (CRYSTALS, 1)),
        jnp.tile(jnp.asarray(METRIC, jnp.float32), (CRYSTALS, 1, 1)),
        share=0.3,
        most=0.8,
    )
    return np.asarray(d, np.float64), np.asarray(strength, np.float64)


def propagation_vectors(d):
    """k, from the lengths: |G + k|² - |k|² - |G|² = 2 G·k is linear in it; with what is left."""
    points = magnetic_order.POINTS
    origin = int(np.flatnonzero((points == 0).all(axis=1))[0])
    length = np.where(d == 1.0, 0.0, d**-2.0)  # the origin itself is given as 1 Å
    own = np.einsum("mi,ij,mj->m", points, METRIC, points)
    target = (length - length[:, [origin]] - own).T
    twice = 2.0 * points @ METRIC
    k, *_ = np.linalg.lstsq(twice, target)
    return k.T, np.abs(twice @ k - target).max()


def test_they_lie_at_lattice_points_and_one_vector(found):
    k, left = propagation_vectors(found[0])
    assert left < 1e-5
    assert k.min() > -1e-4 and k.max() < 0.5 + 1e-4
    zero = np.abs(k).max(axis=1) < 1e-4
    assert 0.5 < zero.mean() < 0.65  # half, and those of the others that come to it
    halves = np.minimum(np.abs(k), np.abs(k - 0.5)).max(axis=1) < 1e-4
    assert 0.8 < halves.mean() < 0.95


def test_a_share_of_crystals_is_magnetic_as_strongly_as_asked(found):
    d, strength = found
    magnetic = strength.max(axis=1) > 0.0
    assert 0.27 < magnetic.mean() < 0.33
    highest = (strength * d * d).max(axis=1)[magnetic] / 12.0  # 3 times 2²
    assert 0.0 < highest.min() and highest.max() <= 0.8 * (1 + 1e-5)
    np.testing.assert_allclose(highest.mean(), 0.4, atol=0.03)


def test_the_origin_is_no_reflection_and_small_spacings_are_weak(found):
    d, strength = found
    k, _ = propagation_vectors(d)
    points = magnetic_order.POINTS[None] + k[:, None]
    inverse_squared = np.einsum("bmi,ij,bmj->bm", points, METRIC, points)
    assert strength[inverse_squared < 1e-5].max() == 0.0
    # The form factor squared at 1.3 Å (Q = 4.8): manganese 0.03, erbium 0.2; at 4 Å 0.7 and 0.9.
    far, near = inverse_squared > 0.6, (inverse_squared < 0.07) & (inverse_squared > 1e-5)
    assert strength[far].mean() < 0.25 * strength[near].mean()
