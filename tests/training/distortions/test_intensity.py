import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from sgan_jax.models import losses, resnet
from sgan_jax.training.distortions import intensity

TWO_THETA_DEG = 3 + 0.05 * np.arange(3041)


def test_texture_is_a_smooth_factor_of_the_strength_asked_for():
    patterns = np.full((400, 3041), 0.5, np.float32)
    view = np.asarray(
        intensity.make_texture(TWO_THETA_DEG, texture=0.6)(jax.random.key(0), patterns)
    )
    log_factor = np.log(view / patterns)
    # Of normal numbers times a strength uniform in 0..0.6: variance 0.6² / 3, at each angle.
    np.testing.assert_allclose(log_factor.var(axis=0), 0.12, rtol=0.35)
    assert abs(log_factor.mean()) < 0.01
    change = log_factor[:, 10:] - log_factor[:, :-10]  # half a degree
    assert change.std() < 0.2 * log_factor.std()
    ordered = np.sort(abs(log_factor).max(axis=1))
    assert ordered[10] < 0.1 and ordered[-10] > 1.0


def test_impurities_are_two_other_patterns_of_the_batch():
    patterns = np.eye(16, dtype=np.float32)  # pattern i has its peak at point i
    seen = np.stack(
        [intensity.make_impurity(impurity=0.3)(jax.random.key(k), patterns) for k in range(200)]
    )
    np.testing.assert_allclose(seen.sum(axis=2), 1.0, rtol=1e-5)
    own = seen[:, np.arange(16), np.arange(16)]
    assert 0.7 <= own.min() < 0.71 and 0.99 < own.max() <= 1.0
    np.testing.assert_allclose(own.mean(), 0.85, atol=0.01)
    others = (seen > 0).sum(axis=2) - 1
    assert set(np.unique(others)) == {1, 2}  # one, where the two phases are the same pattern
    assert (others == 2).mean() > 0.85


def test_a_single_pattern_has_no_impurity_but_itself():
    pattern = np.random.default_rng(0).random((1, 50), np.float32)
    mixed = intensity.make_impurity(impurity=0.3)(jax.random.key(0), pattern)
    np.testing.assert_allclose(mixed, pattern, rtol=1e-5)


def test_missing_ranges_are_two_ends_and_one_gap():
    patterns = np.ones((300, 3041), np.float32)
    view = np.asarray(
        intensity.make_missing(TWO_THETA_DEG, missing_deg=20.0)(jax.random.key(0), patterns)
    )
    assert set(np.unique(view)) == {np.float32(intensity.MISSING), 1.0}
    view = np.where(view == 1.0, 1.0, 0.0)
    first = np.argmax(view > 0, axis=1) * 0.05
    last = np.argmax(view[:, ::-1] > 0, axis=1) * 0.05
    for cut in (first, last):
        inside = cut[cut <= 20.01]  # else the gap has joined the end
        assert len(inside) > 270
        assert abs(inside.mean() - 10) < 1.5 and inside.min() < 1 and inside.max() > 19
    gaps = ((view[:, :-1] > 0) & (view[:, 1:] == 0)).sum(axis=1)
    assert set(np.unique(gaps)) <= {0, 1, 2}
    middle = (view[:, 500:-500] == 0).sum(axis=1) * 0.05
    assert 18 < middle.max() <= 20.05
    assert abs(middle[middle > 0].mean() - 10) < 2


@pytest.mark.slow
def test_missing_ranges_do_not_blow_up_the_gradients_of_an_untrained_network():
    """Ranges of exact zeros do."""
    peaks = np.exp(-((TWO_THETA_DEG[None, :] - np.array([[45.0], [60.0]])) ** 2))
    patterns = (peaks + 1e-4).astype(np.float32)  # a real one has tails everywhere
    network = resnet.ResNet1D(3, dropout=0.0)
    params = network.init(jax.random.key(0), patterns, train=False)["params"]

    @jax.jit
    def gradient_norm(patterns):
        def loss(params):
            logits = network.apply({"params": params}, patterns, train=False).logits
            return jnp.mean(losses.cross_entropy(logits, jnp.array([0, 1])))

        return optax.tree.norm(jax.grad(loss)(params))

    view = intensity.make_missing(TWO_THETA_DEG, missing_deg=30.0)
    seen = jnp.asarray(view(jax.random.key(1), patterns))
    zeros = jnp.where(seen == intensity.MISSING * patterns.max(axis=1, keepdims=True), 0.0, seen)
    assert gradient_norm(seen) < 10 * gradient_norm(patterns)
    assert gradient_norm(zeros) > 1000 * gradient_norm(patterns)
