import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from sgan_jax.models import input_noise, resnet


def test_each_pattern_has_gaussian_noise_of_its_own_and_any_strength_up_to_the_most():
    patterns = jnp.broadcast_to(jnp.linspace(0.0, 1.0, 4000), (400, 4000))
    noise = np.asarray(input_noise.noisy(jax.random.key(0), patterns, 0.3) - patterns)
    deviations = noise.std(axis=1)
    assert stats.kstest(deviations, stats.uniform(0, 0.3).cdf).pvalue > 0.01
    strong = noise[deviations > 0.1] / deviations[deviations > 0.1, None]
    assert stats.kstest(strong[:50].ravel(), stats.norm.cdf).pvalue > 0.01
    correlations = np.corrcoef(strong[:30])
    assert np.abs(correlations - np.eye(30)).max() < 5 / np.sqrt(4000)


@pytest.mark.parametrize("noise", [0.0, 0.2])
def test_a_network_sees_it_in_training_and_never_else(noise):
    plain, network = (resnet.ResNet1D(3, dropout=0.0, input_noise=x) for x in (0.0, noise))
    twins = jnp.broadcast_to(jax.random.uniform(jax.random.key(0), (3041,)), (2, 3041))
    variables = plain.init(jax.random.key(1), twins, train=False)
    expected = plain.apply(variables, twins, train=False).logits
    asked = network.apply(variables, twins, train=False).logits
    np.testing.assert_array_equal(asked, expected)
    rngs = {"dropout": jax.random.key(2)}
    first, second = network.apply(variables, twins, train=True, rngs=rngs).logits
    assert (np.abs(first - second).max() > 1e-3) == (noise > 0)
