import jax
import jax.numpy as jnp
import numpy as np

from sgan_jax.models import contrastive


def unit(rng, count):
    x = rng.normal(size=(count, 4))
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def test_loss_is_the_papers_sum_over_all_other_views():
    """Equation 1 of Chen et al. 2020, summed term by term."""
    views = unit(np.random.default_rng(0), 6)  # views 0..2 and their partners 3..5
    itself, partner = np.arange(6), np.array([3, 4, 5, 0, 1, 2])
    expected = []
    for i, j in zip(itself, partner, strict=True):
        weights = [np.exp(views[i] @ views[k] / 0.3) for k in range(6) if k != i]
        expected.append(-np.log(np.exp(views[i] @ views[j] / 0.3) / sum(weights)))
    loss = contrastive.contrastive_loss(
        views.astype(np.float32),
        views.astype(np.float32),
        jnp.asarray(itself),
        jnp.asarray(partner),
        0.3,
    )
    np.testing.assert_allclose(loss, expected, rtol=1e-5)


def test_the_slope_is_finite_and_pulls_partners_together():
    views = jnp.asarray(unit(np.random.default_rng(1), 4), jnp.float32)
    itself, partner = jnp.arange(4), jnp.array([1, 0, 3, 2])

    def loss(views):
        return contrastive.contrastive_loss(views, views, itself, partner, 0.1).mean()

    slope = jax.grad(loss)(views)
    assert np.isfinite(slope).all()
    nearer = views - 0.01 * slope
    assert float(nearer[0] @ nearer[1]) > float(views[0] @ views[1])


def test_unit_vectors_are_directions_from_the_mean():
    x, mean = np.array([[4.0, 1.0], [1.0, 5.0], [1.0, 1.0]], np.float32), np.array([1.0, 1.0])
    directions = contrastive.unit_vectors(x, mean.astype(np.float32))
    np.testing.assert_allclose(directions, [[1, 0], [0, 1], [0, 0]], atol=1e-6)
