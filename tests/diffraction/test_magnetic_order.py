import jax
import jax.numpy as jnp
import numpy as np
import periodictable
import pytest

from sgan_jax.diffraction import magnetic_order

CRYSTALS = 4000
# Triclinic, so that no two points have the same length; Å, and Å⁻² for the metric.
CELL = np.array([[4.0, 0.0, 0.0], [0.5, 5.0, 0.0], [-0.3, 0.7, 6.0]])
METRIC = np.linalg.inv(CELL @ CELL.T)


def draw(metric, **options):
    """Return d and strength for crystals of two reflections: 2 Å, strength 3; 1 Å, strength 5."""
    d, strength = magnetic_order.magnetic_reflections(
        jax.random.key(0),
        jnp.tile(jnp.array([2.0, 1.0, 1e6]), (CRYSTALS, 1)),
        jnp.tile(jnp.array([3.0, 5.0, 0.0]), (CRYSTALS, 1)),
        jnp.tile(jnp.asarray(metric, jnp.float32), (CRYSTALS, 1, 1)),
        **options,
    )
    return np.asarray(d, np.float64), np.asarray(strength, np.float64)


@pytest.fixture(scope="module")
def found():
    return draw(METRIC, share=0.3, most=0.8)


def propagation_vectors(d):
    """Return k from |G + k|² - |k|² - |G|² = 2 G·k, which is linear in it, and the residual."""
    points = magnetic_order.POINTS
    origin = int(np.flatnonzero((points == 0).all(axis=1))[0])
    length = d**-2.0
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
    assert 0.5 < zero.mean() < 0.65  # half, and those of the others that are drawn as zero
    halves = np.minimum(np.abs(k), np.abs(k - 0.5)).max(axis=1) < 1e-4
    assert 0.8 < halves.mean() < 0.95


def test_a_share_of_crystals_is_magnetic_as_strongly_as_asked(found):
    d, strength = found
    magnetic = strength.max(axis=1) > 0.0
    assert 0.27 < magnetic.mean() < 0.33
    highest = (strength * d * d).max(axis=1)[magnetic] / 12.0  # 3 times 2²
    assert 0.0 < highest.min() and highest.max() <= 0.8 * (1 + 1e-5)
    np.testing.assert_allclose(highest.mean(), 0.4, atol=0.03)


def test_what_is_beyond_every_instrument_has_no_strength_and_sets_no_scale():
    d, strength = draw(np.diag([30.0**-2, 35.0**-2, 40.0**-2]), share=1.0, most=0.8)
    assert (d > 100.0).any() and strength[d > magnetic_order.LONGEST_ANGSTROM].max() == 0.0
    highest = (strength * d * d).max(axis=1) / 12.0
    np.testing.assert_allclose(highest.mean(), 0.4, atol=0.03)


def test_both_sides_of_every_point_are_there(found):
    """For k = (1/2, 1/2, 1/2) the eight nearest are (±1/2, ±1/2, ±1/2), of four lengths."""
    k, _ = propagation_vectors(found[0])
    (chosen, *_) = np.flatnonzero(np.abs(k - 0.5).max(axis=1) < 1e-4)
    signs = 0.5 * np.array([[1, 1, 1], [1, 1, -1], [1, -1, 1], [-1, 1, 1]])
    expected = np.einsum("mi,ij,mj->m", signs, METRIC, signs) ** -0.5
    for length in expected:
        assert np.isclose(found[0][chosen], length, rtol=1e-5).sum() == 2


def test_extinctions_are_rules(found):
    """With k = 0 a point and its opposite are present or absent together, by one of a few rules."""
    k, _ = propagation_vectors(found[0])
    present = found[1][(np.abs(k).max(axis=1) < 1e-4) & (found[1].max(axis=1) > 0)] > 0.0
    origin = len(magnetic_order.POINTS) // 2
    there = np.delete(present, origin, axis=1)
    assert (there == there[:, ::-1]).all()
    assert 2 <= len(np.unique(there, axis=0)) <= 16
    assert 0.5 < there.mean() < 0.62  # one rule in eight keeps all, the others half


def test_form_factors_are_between_those_of_erbium_and_manganese():
    """⟨j0⟩ of periodictable, from International Tables C, for Q from 1 to 5 Å⁻¹."""
    q = np.linspace(1.0, 5.0, 9)
    slow, fast = (
        np.exp(-fall * (q / (2 * np.pi)) ** 2 / 2) for fall in magnetic_order.FALLS_ANGSTROM2
    )
    np.testing.assert_allclose(slow, periodictable.Er.magnetic_ff[3].j0_Q(q), atol=0.03)
    np.testing.assert_allclose(fast, periodictable.Mn.magnetic_ff[2].j0_Q(q), atol=0.03)


def test_small_spacings_are_weak(found):
    d, strength = found
    far, near = (d < 1.3) & (d > 1.2), (d > 3.5) & (d < 10.0)
    ratio = strength[far].mean() / strength[near].mean()
    assert 0.05 < ratio < 0.25  # exp(-c / d²) at 1.25 Å over that at 4 to 6 Å, for either extreme
