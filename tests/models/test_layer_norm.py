import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sgan_jax.models import activations, layer_norm, pooling


@pytest.fixture(autouse=True)
def double_precision():
    with jax.enable_x64(True):
        yield


def plain_layer_norm(x, scale, bias):
    centred = x - x.mean(-1, keepdims=True)
    return centred / jnp.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5) * scale + bias


def plain_gelu(x):
    return x * jax.scipy.stats.norm.cdf(x)


def arrays(*shape):
    keys = jax.random.split(jax.random.key(0), 3)
    x = 0.5 + jax.random.normal(keys[0], shape, jnp.float64)
    scale, bias = jax.random.normal(keys[1], (2, 1, shape[-1]), jnp.float64)
    return x, scale[0], bias[0]


def assert_same_values_and_gradients(function, reference, *arguments):
    expected, pull_expected = jax.vjp(reference, *arguments)
    found, pull_found = jax.vjp(function, *arguments)
    cotangent = jax.random.normal(jax.random.key(9), expected.shape, jnp.float64)
    np.testing.assert_allclose(found, expected, atol=1e-12)
    for a, b in zip(pull_found(cotangent), pull_expected(cotangent), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-12)


def test_gelu():
    x = jnp.linspace(-9, 9, 501)
    assert_same_values_and_gradients(activations.gelu, plain_gelu, x)


def test_gelu_stays_finite_where_float32_ends():
    x = jnp.array([-1e30, -40.0, 0.0, 40.0, 1e30], jnp.float32)
    value, slope = jax.vmap(jax.value_and_grad(activations.gelu))(x)
    np.testing.assert_array_equal(value, [0, 0, 0, 40, np.float32(1e30)])
    np.testing.assert_allclose(slope, [0, 0, 0.5, 1, 1], atol=1e-7)


@pytest.mark.parametrize("gelu", [False, True])
def test_layer_norm(gelu):
    def plain(x, scale, bias):
        y = plain_layer_norm(x, scale[None], bias[None])
        return plain_gelu(y) if gelu else y

    assert_same_values_and_gradients(
        lambda *a: layer_norm.layer_norm(*a, gelu), plain, *arrays(11, 8)
    )


def test_layer_norm_of_a_nearly_constant_row_keeps_its_digits():
    # Far from zero, mean(x²) - mean(x)² would lose all digits of float32.
    deviation = jnp.array([[1.0, -1.0, 1.0, -1.0]], jnp.float32)
    one, zero = jnp.ones(4, jnp.float32), jnp.zeros(4, jnp.float32)
    y = layer_norm.layer_norm(1000 + deviation, one, zero, False)
    np.testing.assert_allclose(y, deviation, rtol=1e-5)


def test_layer_norm_gelu_max():
    inside = jnp.arange(35).reshape(5, 7) >= 3  # the first window starts with padding

    def plain(x, scale, bias):
        y = plain_gelu(plain_layer_norm(x, scale[None, None], bias[None, None]))
        return jnp.where(inside[:, :, None], y, -jnp.inf).max(1)

    assert_same_values_and_gradients(
        lambda x, scale, bias: pooling.layer_norm_gelu_max(x, inside, scale, bias),
        plain,
        *arrays(5, 7, 6),
    )


def test_among_equal_points_the_first_one_inside_gets_the_gradient():
    x = jnp.tile(jnp.array([1.0, -2.0, 4.0]), (1, 4, 1))  # four equal points
    inside = jnp.array([[False, True, True, True]])

    def pooled(x):
        y = pooling.layer_norm_gelu_max(x, inside, jnp.ones(3), jnp.zeros(3))
        return (y * jnp.arange(3.0)[None]).sum()

    gradient = np.asarray(jax.grad(pooled)(x))
    assert np.abs(gradient[0, 1]).max() > 0.1
    np.testing.assert_array_equal(np.delete(gradient[0], 1, axis=0), 0)
