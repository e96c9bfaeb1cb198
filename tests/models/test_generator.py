import jax
import jax.numpy as jnp
import numpy as np

from sgan_jax.models import generator

Z = (2, generator.LATENT)


def variables():
    return generator.Generator().init(jax.random.key(0), jnp.zeros(Z), train=False)


def test_parameter_count_is_the_published_one():
    assert sum(leaf.size for leaf in jax.tree.leaves(variables()["params"])) == 92_416


def test_generates_the_instruments_points_between_zero_and_one():
    z = jax.random.normal(jax.random.key(1), Z)
    x, updates = generator.Generator().apply(variables(), z, train=True, mutable=["batch_stats"])
    assert x.shape == (2, 3041)
    assert 0 <= x.min() < x.max() <= 1
    assert set(updates) == {"batch_stats"}


def test_an_untrained_one_makes_about_the_same_everywhere_what_it_is_told_to():
    z = jax.random.normal(jax.random.key(1), (8, generator.LATENT))
    for start in (0.5, 0.02):
        model = generator.Generator(start)
        x = np.asarray(model.apply(variables(), z, train=True, mutable=["batch_stats"])[0])
        np.testing.assert_allclose(np.median(x), start, rtol=0.2)


def test_transposed_convolution_spreads_each_point_by_its_kernel():
    layer = generator.TransposedConv(features=2, kernel_size=5, stride=3)
    x = jax.random.normal(jax.random.key(1), (1, 4, 3))
    params = layer.init(jax.random.key(2), x)
    kernel = np.asarray(params["params"]["kernel"])
    expected = np.zeros((1, 3 * 3 + 5, 2))
    for point in range(4):
        for tap in range(5):
            expected[0, 3 * point + tap] += np.asarray(x)[0, point] @ kernel[tap]
    np.testing.assert_allclose(layer.apply(params, x), expected, atol=1e-5)


def test_batch_norm_is_of_all_devices():
    z = jax.random.normal(jax.random.key(1), (4, generator.LATENT))
    both = variables()

    def run(model):
        return lambda z: model.apply(both, z, train=True, mutable=["batch_stats"])

    whole, stats = jax.jit(run(generator.Generator()))(z)
    parallel = jax.pmap(
        run(generator.Generator(axis_name="devices")), axis_name="devices", in_axes=0
    )
    parts, parallel_stats = parallel(z.reshape(2, 2, generator.LATENT))
    np.testing.assert_allclose(parts.reshape(4, -1), whole, atol=1e-5)
    jax.tree.map(
        lambda one, two: np.testing.assert_allclose(two[1], one, atol=1e-5), stats, parallel_stats
    )
