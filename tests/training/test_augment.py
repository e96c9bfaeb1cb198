import dataclasses

import jax
import numpy as np
import pytest

from sgan_jax.training import augment

TWO_THETA_DEG = 3 + 0.05 * np.arange(3041)
ALL = augment.Strengths(
    strain=0.05,
    zero_shift_deg=0.2,
    displacement_deg=0.1,
    broadening_deg=0.2,
    texture=0.3,
    impurity=0.2,
    background=0.1,
    noise=0.03,
    missing_deg=10.0,
)
FIELDS = [field.name for field in dataclasses.fields(ALL)]


def patterns():
    """Return peaks; weaker peaks; nothing; a background without a peak."""
    centres = np.array([40.0, 55.0, 90.0, 120.0])
    peaks = np.exp(-(((TWO_THETA_DEG[:, None] - centres) / 0.15) ** 2)).sum(axis=1)
    rows = np.stack([peaks, 0.3 * peaks[::-1], 0 * peaks, np.full_like(peaks, 0.5)])
    return rows.astype(np.float32)


def test_off_leaves_the_patterns_alone_and_compiles_to_nothing():
    function = augment.make_augment(TWO_THETA_DEG, augment.Strengths())
    given = patterns()
    assert function(jax.random.key(0), given) is given
    assert not jax.make_jaxpr(function)(jax.random.key(0), given).eqns


@pytest.mark.parametrize("field", FIELDS)
def test_each_strength_alone_changes_a_pattern(field):
    strengths = augment.Strengths(**{field: getattr(ALL, field)})
    view = augment.make_augment(TWO_THETA_DEG, strengths)(jax.random.key(1), patterns())
    assert abs(np.asarray(view) - patterns()).max() > 1e-3


def test_views_keep_the_maximum_and_the_key_decides():
    function = jax.jit(augment.make_augment(TWO_THETA_DEG, ALL))
    for seed in range(20):
        view = np.asarray(function(jax.random.key(seed, impl="rbg"), patterns()))
        assert np.isfinite(view).all() and (view >= 0).all()
        np.testing.assert_allclose(view.max(axis=1)[:2], [1.0, 0.3], rtol=1e-2)
        assert view[2].max() <= 1e-5  # nothing stays nothing
    key = jax.random.key(3, impl="rbg")
    np.testing.assert_array_equal(function(key, patterns()), function(key, patterns()))
    other = function(jax.random.key(4, impl="rbg"), patterns())
    assert abs(np.asarray(function(key, patterns())) - np.asarray(other)).max() > 0.1
