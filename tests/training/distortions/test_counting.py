import jax
import numpy as np

from sgan_jax.training.distortions import counting

TWO_THETA_DEG = 3 + 0.05 * np.arange(3041)


def test_noise_is_that_of_counts():
    """Against numpy's Poisson numbers: the mean, and the standard deviation at each intensity."""
    levels = np.array([0.0, 0.01, 0.1, 0.5, 1.0], np.float32)
    patterns = np.tile(np.repeat(levels, 20_000), (8, 1))
    noisy = np.asarray(counting.make_counting_noise(noise=0.1)(jax.random.key(0), patterns))
    noisy = noisy.reshape(8, 5, -1)
    noisy = noisy[np.argmax(noisy[:, -1].std(axis=1))]  # the strongest noise of the eight
    a = noisy[-1].std()
    assert 0.04 < a < 0.1
    counts = np.random.default_rng(0).poisson(levels[:, None] / a**2, (5, 20_000))
    np.testing.assert_allclose(noisy[2:].std(axis=1), (counts[2:] * a**2).std(axis=1), rtol=0.03)
    np.testing.assert_allclose(noisy.mean(axis=1), levels, atol=a**2)
    assert noisy.min() >= 0


def test_the_strength_of_noise_is_uniform_and_follows_the_maximum():
    patterns = np.ones((500, 3041), np.float32)
    noisy = np.asarray(counting.make_counting_noise(noise=0.05)(jax.random.key(0), patterns))
    strengths = noisy.std(axis=1)
    np.testing.assert_allclose(np.quantile(strengths, [0.25, 0.5, 0.75]) / 0.05, [0.25, 0.5, 0.75],
                               atol=0.07)  # fmt: skip
    assert strengths.max() < 0.053
    scaled = np.asarray(counting.make_counting_noise(noise=0.05)(jax.random.key(0), 4 * patterns))
    np.testing.assert_allclose(scaled, 4 * noisy, rtol=1e-4)


def test_background_is_smooth_positive_and_as_high_as_asked():
    patterns = np.zeros((300, 3041), np.float32)
    patterns[:, 1000] = 2.0
    view = np.asarray(
        counting.make_background(TWO_THETA_DEG, background=0.4)(jax.random.key(0), patterns)
    )
    added = view - patterns
    assert added.min() >= -1e-6
    height = added.max(axis=1) / 2.0
    np.testing.assert_allclose(np.quantile(height, [0.25, 0.75]) / 0.4, [0.25, 0.75], atol=0.08)
    assert height.max() <= 0.4 + 1e-6
    # Much wider than any peak: over half a degree it hardly changes.
    change = abs(added[:, 10:] - added[:, :-10]).max(axis=1)
    assert (change < 0.06 * added.max(axis=1) + 1e-6).all()
    shapes = added / added.max(axis=1, keepdims=True)
    assert shapes.std(axis=0).min() > 0.1  # and they differ
