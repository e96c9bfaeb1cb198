import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from sgan_jax.models import losses, resnet


def count(tree):
    return sum(leaf.size for leaf in jax.tree.leaves(tree))


def shapes_of_parameters(model, points=3041):
    return jax.eval_shape(
        lambda key: model.init(key, jnp.zeros((1, points)), train=False), jax.random.key(0)
    )["params"]


@pytest.mark.parametrize(("classes", "parameters"), [(144, 649_521), (14, 641_071)])
def test_released_variant_has_the_published_parameter_count(classes, parameters):
    model = resnet.ResNet1D(
        classes, stem_pool=False, projection_shortcuts=True, real_fake_head=True
    )
    assert count(shapes_of_parameters(model)) == parameters


def test_paper_variant_drops_the_second_head_and_the_second_blocks_projections():
    # 641 071 minus the head (64 + 1) and, per stage, a 1x1 convolution and LayerNorm (C² + 2 C).
    expected = 641_071 - 65 - sum(c * c + 2 * c for c in (32, 64, 64, 64))
    assert count(shapes_of_parameters(resnet.ResNet1D(14))) == expected


@pytest.mark.parametrize(("width", "wide"), [(1, 64), (3, 192)])
def test_width_is_that_of_the_stages_after_the_first(width, wide):
    def block(kernel, before, channels):  # two convolutions, two LayerNorms
        return kernel * (before + channels) * channels + 2 * 2 * channels

    def stage(kernel, before, channels):  # the first block has a projection and its LayerNorm
        projection = before * channels + 2 * channels
        return block(kernel, before, channels) + projection + block(kernel, channels, channels)

    stem, head = 13 * 32 + 2 * 32, wide * 14 + 14
    stages = stage(5, 32, 32) + stage(7, 32, wide) + stage(17, wide, wide) + stage(13, wide, wide)
    assert count(shapes_of_parameters(resnet.ResNet1D(14, width=width))) == stem + stages + head


@pytest.mark.parametrize(
    ("stem_pool", "lengths"),
    [(False, [758, 190, 38, 13]), (True, [109, 28, 6, 2])],
)
def test_lengths_along_the_network(stem_pool, lengths):
    model = resnet.ResNet1D(14, stem_pool=stem_pool)

    def of_block(module, _):
        return isinstance(module, resnet.ResidualBlock)

    def intermediates(key):
        x = jnp.zeros((1, 3041))
        variables = model.init(key, x, train=False)
        return model.apply(variables, x, train=False, capture_intermediates=of_block)[1]

    found = jax.eval_shape(intermediates, jax.random.key(0))["intermediates"]
    names = [f"stage{stage}_block2" for stage in (1, 2, 3, 4)]
    assert [found[name]["__call__"][0].shape[1] for name in names] == lengths


def test_outputs_and_finite_gradients():
    model = resnet.ResNet1D(5, real_fake_head=True)
    x = jax.random.uniform(jax.random.key(0), (3, 3041))
    params = model.init(jax.random.key(1), x, train=False)["params"]

    def loss(params):
        rngs = {"dropout": jax.random.key(2)}
        out = model.apply({"params": params}, x, train=True, rngs=rngs)
        assert (out.logits.shape, out.features.shape, out.real_fake.shape) == (
            (3, 5),
            (3, 64),
            (3,),
        )
        return (out.logits**2).sum() + out.real_fake.sum()

    gradients = jax.jit(jax.grad(loss))(params)
    for leaf in jax.tree.leaves(gradients):
        assert np.isfinite(leaf).all()
        assert np.abs(leaf).max() > 0


def test_examples_do_not_see_each_other():
    model = resnet.ResNet1D(5, stem_pool=False)
    x = jax.random.uniform(jax.random.key(0), (3, 3041))
    variables = model.init(jax.random.key(1), x, train=False)
    together = model.apply(variables, x, train=False).logits
    alone = model.apply(variables, x[1:2], train=False).logits
    np.testing.assert_allclose(together[1:2], alone, atol=1e-5)


def plain_classifier(params, x, *, stem_pool, projection_shortcuts):
    """Return the logits from the plain formulas of the paper's network, without dropout."""

    def conv(x, kernel, stride, padding):
        numbers = ("NWC", "WIO", "NWC")
        pads = [(padding, padding)]
        return lax.conv_general_dilated(x, kernel, (stride,), pads, dimension_numbers=numbers)

    def norm(x, p):
        n = (x - x.mean(-1, keepdims=True)) / jnp.sqrt(x.var(-1, keepdims=True) + 1e-5)
        return n * p["scale"][None, None] + p["bias"][None, None]

    def gelu(x):
        return jax.nn.gelu(x, approximate=False)

    stem = params["stem"]
    x = gelu(norm(conv(x[:, :, None], stem["conv"]["kernel"], 1, 0), stem["norm"]))
    if stem_pool:
        x = lax.reduce_window(x, -jnp.inf, lax.max, (1, 7, 1), (1, 7, 1), ((0, 0), (3, 3), (0, 0)))
    for stage, stride in enumerate((4, 4, 5, 3), 1):
        for block in (1, 2):
            p = params[f"stage{stage}_block{block}"]
            first, padding = block == 1, p["conv1"]["kernel"].shape[0] // 2
            y = conv(x, p["conv1"]["kernel"], stride if first else 1, padding)
            y = conv(gelu(norm(y, p["norm1"])), p["conv2"]["kernel"], 1, padding)
            y = norm(y, p["norm2"])
            if first or projection_shortcuts:
                x = conv(x, p["shortcut_conv"]["kernel"], stride if first else 1, 0)
                x = norm(x, p["shortcut_norm"])
            x = gelu(x + y)
    head = params["class_head"]
    return x.max(1) @ head["kernel"] + head["bias"][None]


@pytest.mark.parametrize(
    "variant",
    [
        {"stem_pool": True, "projection_shortcuts": False},
        {"stem_pool": False, "projection_shortcuts": True},
    ],
)
def test_network_and_its_gradients_are_those_of_the_plain_formulas(variant):
    model = resnet.ResNet1D(5, **variant)
    x = jax.random.uniform(jax.random.key(0), (3, 3041))  # an odd number: the stem in three parts
    labels = jnp.arange(3)
    params = model.init(jax.random.key(1), x, train=False)["params"]
    # Move scales and biases away from their initial ones and zeros.
    leaves, tree = jax.tree.flatten(params)
    keys = jax.random.split(jax.random.key(2), len(leaves))
    leaves = [p + 0.02 * jax.random.normal(k, p.shape) for p, k in zip(leaves, keys, strict=True)]
    params = jax.tree.unflatten(tree, leaves)

    def fast(params, x):
        return model.apply({"params": params}, x, train=False).logits

    def plain(params, x):
        return plain_classifier(params, x, **variant)

    def loss(classifier):
        return lambda params, x: losses.cross_entropy(classifier(params, x), labels).sum()

    np.testing.assert_allclose(jax.jit(fast)(params, x), jax.jit(plain)(params, x), atol=2e-5)
    found = jax.jit(jax.grad(loss(fast), argnums=(0, 1)))(params, x)
    expected = jax.jit(jax.grad(loss(plain), argnums=(0, 1)))(params, x)
    for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-4 * np.abs(b).max())
