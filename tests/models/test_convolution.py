import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from sgan_jax.models import convolution


def plain_conv(x, kernel, stride, padding):
    numbers = ("NWC", "WIO", "NWC")
    return lax.conv_general_dilated(
        x, kernel, (stride,), [(padding, padding)], dimension_numbers=numbers
    )


def normal(seed, *shape):
    return jax.random.normal(jax.random.key(seed), shape)


def assert_same_values_and_gradients(function, reference, *arguments):
    """Compare two functions of the same arrays, and their pullbacks of a random cotangent."""
    with jax.default_matmul_precision("highest"):
        expected, pull_expected = jax.vjp(reference, *arguments)
        found, pull_found = jax.vjp(function, *arguments)
        cotangents = jax.tree.map(lambda y: normal(99, *y.shape), expected)
        pairs = zip(
            jax.tree.leaves((expected, pull_expected(cotangents))),
            jax.tree.leaves((found, pull_found(cotangents))),
            strict=True,
        )
    for a, b in pairs:
        np.testing.assert_allclose(b, a, atol=1e-5 * np.abs(a).max())


@pytest.mark.parametrize(
    ("length", "taps", "stride"), [(20, 5, 1), (6, 17, 1), (2, 13, 1), (5, 5, 2)]
)
def test_convolution(length, taps, stride):
    x, kernel = normal(0, 2, length, 3), normal(1, taps, 3, 4)
    assert_same_values_and_gradients(
        lambda x, k: convolution.conv(x, k, stride, taps // 2),
        lambda x, k: plain_conv(x, k, stride, taps // 2),
        *(x, kernel),
    )


def test_convolution_inside_a_loop():
    """XLA's gradients are slow on CPU inside a loop; the reference takes them outside it."""
    x, kernel = normal(0, 3, 2, 20, 3), normal(1, 5, 3, 4)
    assert_same_values_and_gradients(
        lambda x, k: lax.map(lambda part: convolution.conv(part, k, padding=1), x),
        lambda x, k: plain_conv(x.reshape(6, 20, 3), k, 1, 1).reshape(3, 2, 18, 4),
        *(x, kernel),
    )


@pytest.mark.parametrize("length", [40, 41, 43])
@pytest.mark.parametrize(
    ("taps", "stride"), [(5, 4), (7, 4), (17, 5), (13, 3), (7, 1), (3, 2), (3, 5)]
)
def test_convolution_and_shortcut(length, taps, stride):
    arrays = normal(0, 2, length, 3), normal(1, taps, 3, 4), normal(2, 1, 3, 6)
    assert_same_values_and_gradients(
        lambda x, k, s: convolution.conv_and_shortcut(x, k, s, stride),
        lambda x, k, s: (plain_conv(x, k, stride, taps // 2), plain_conv(x, s, stride, 0)),
        *arrays,
    )


@pytest.mark.parametrize("group", [1, 4, 7, 30])
def test_stem_convolution(group):
    x, kernel = normal(0, 2, 3 * group + 12), normal(1, 13, 1, 5)
    assert_same_values_and_gradients(
        lambda x, k: convolution.stem_conv(x, k, group),
        lambda x, k: plain_conv(x[:, :, None], k, 1, 0).reshape(2, 3, group, 5),
        *(x, kernel),
    )


@pytest.mark.parametrize("features", [1, 4])
@pytest.mark.parametrize(("taps", "stride"), [(5, 1), (5, 2), (7, 3), (18, 3), (2, 3)])
def test_transposed_convolution(features, taps, stride):
    x, kernel = normal(0, 2, 6, 3), normal(1, taps, 3, features)

    def spread(x, kernel):
        zeros = ((0, 0, 0), (taps - 1, taps - 1, stride - 1), (0, 0, 0))
        return plain_conv(lax.pad(x, jnp.float32(0), zeros), kernel[::-1], 1, 0)

    assert_same_values_and_gradients(
        lambda x, k: convolution.transposed_conv(x, k, stride), spread, *(x, kernel)
    )
