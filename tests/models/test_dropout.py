import jax
import jax.numpy as jnp
import numpy as np

from sgan_jax.models import dropout

SHAPE = (64, 301, 32)


def keep(seed, rate=0.1):
    words = dropout.hash_words(jax.random.key(seed))
    return np.asarray(dropout.keep_mask(words, SHAPE, rate)).ravel()


def test_rate_is_the_one_asked_for():
    for rate in (0.05, 0.1, 0.5):
        dropped = 1 - keep(0, rate).mean()
        assert abs(dropped - rate) < 5 * np.sqrt(rate * (1 - rate) / np.prod(SHAPE))


def test_elements_and_keys_are_independent():
    masks = np.stack([keep(seed) for seed in range(8)]).astype(float) - 0.9
    size, variance = masks.shape[1], 0.09
    five_sigma = 5 / np.sqrt(size)
    correlations = masks @ masks.T / size / variance
    assert np.abs(correlations - np.diag(np.diag(correlations))).max() < five_sigma
    for lag in (1, 2, 3, 16, 31, 32, 33, 64, 1024, 301 * 32):
        correlation = (masks[0, :-lag] * masks[0, lag:]).mean() / variance
        assert abs(correlation) < five_sigma, lag
        correlation = (masks[0, :-lag] * masks[1, lag:]).mean() / variance
        assert abs(correlation) < five_sigma, lag


def test_a_mask_has_as_many_runs_as_chance_gives():
    # Counts of dropped elements in blocks of 50 follow the binomial distribution.
    counts = (~keep(3))[: 50 * 12_000].reshape(-1, 50).sum(1)
    assert abs(counts.var() / (50 * 0.09) - 1) < 5 * np.sqrt(2 / counts.size)


def test_masks_of_parts_are_the_whole_mask_in_turn():
    words = dropout.hash_words(jax.random.key(5))
    whole = dropout.keep_mask(words, (6, 10, 4), 0.3)
    for i, part in enumerate(dropout.words_of_parts(words, 3, 2 * 10 * 4)):
        np.testing.assert_array_equal(
            dropout.keep_mask(part, (2, 10, 4), 0.3), whole[2 * i : 2 * i + 2]
        )


def test_gradient_uses_the_same_mask():
    words = dropout.hash_words(jax.random.key(1))
    x = jnp.ones((40, 8))
    y, pull = jax.vjp(lambda x: dropout.dropout(x, words, 0.25), x)
    (gradient,) = pull(x)
    np.testing.assert_array_equal(y, gradient)
    np.testing.assert_allclose(np.unique(y), [0, 4 / 3], rtol=1e-6)


def test_layer_is_the_identity_outside_training():
    x = jnp.ones((4, 8))
    layer = dropout.Dropout(0.5)
    np.testing.assert_array_equal(layer.apply({}, x, train=False), x)
    rngs = {"dropout": jax.random.key(0)}
    assert (layer.apply({}, x, train=True, rngs=rngs) == 0).any()
