import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from sgan_jax.models import batch_norm

AXIS = "devices"


def plain(x, scale, bias):
    activated = jnp.where(x > 0, x, 0.2 * x)
    centred = activated - activated.mean(0, keepdims=True)
    variance = (centred**2).mean(0, keepdims=True)
    return centred / jnp.sqrt(variance + 1e-4) * scale[None] + bias[None]


def arrays():
    keys = jax.random.split(jax.random.key(0), 4)
    x, cotangent = 0.3 + jax.random.normal(keys[0], (2, 12, 5), jnp.float64)
    scale, bias = jax.random.normal(keys[1], (2, 5), jnp.float64)
    return x, scale, bias, cotangent


def test_values_and_gradients_are_those_of_the_plain_formula():
    with jax.enable_x64(True):
        x, scale, bias, cotangent = arrays()
        expected, pull_expected = jax.vjp(plain, x, scale, bias)
        found, pull_found = jax.vjp(
            lambda *a: batch_norm.leaky_batch_norm(*a, None)[0], x, scale, bias
        )
        np.testing.assert_allclose(found, expected, atol=1e-12)
        for a, b in zip(pull_found(cotangent), pull_expected(cotangent), strict=True):
            np.testing.assert_allclose(a, b, atol=1e-12)


def test_gradients_on_four_devices_are_those_of_the_whole_batch():
    with jax.enable_x64(True):
        x, scale, bias, cotangent = arrays()
        _, pull_expected = jax.vjp(plain, x, scale, bias)

        def on_a_device(x, cotangent):
            function = lambda *a: batch_norm.leaky_batch_norm(*a, AXIS)[0]  # noqa: E731
            _, pull = jax.vjp(function, x, scale, bias)
            dx, dscale, dbias = pull(cotangent)
            return dx, lax.psum(dscale, AXIS), lax.psum(dbias, AXIS)

        split = lambda a: a.reshape(4, 3, 5)  # noqa: E731
        dx, dscale, dbias = jax.pmap(on_a_device, AXIS)(split(x), split(cotangent))
        for a, b in zip(
            (dx.reshape(12, 5), dscale[0], dbias[0]), pull_expected(cotangent), strict=True
        ):
            np.testing.assert_allclose(a, b, atol=1e-12)


def test_running_statistics_move_by_a_tenth_and_are_used_outside_training():
    layer = batch_norm.LeakyBatchNorm()
    x = jnp.arange(24.0).reshape(2, 4, 3)
    variables = layer.init(jax.random.key(0), x, train=True)
    np.testing.assert_array_equal(variables["batch_stats"]["mean"], 0)
    _, updated = layer.apply(variables, x, train=True, mutable=["batch_stats"])
    np.testing.assert_allclose(updated["batch_stats"]["mean"], [1.05, 1.15, 1.25], rtol=1e-6)
    np.testing.assert_allclose(updated["batch_stats"]["var"], 0.9 + 0.1 * 47.25, rtol=1e-6)
    y = layer.apply(variables, x, train=False)
    np.testing.assert_allclose(y, x / np.sqrt(1 + 1e-4), rtol=1e-6)
