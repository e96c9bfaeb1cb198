import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sgan_jax.models import resnet


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
    # 641 071 less a 64 + 1 head and, a stage, C² + 2 C of the 1x1 convolution and its LayerNorm.
    expected = 641_071 - 65 - sum(c * c + 2 * c for c in (32, 64, 64, 64))
    assert count(shapes_of_parameters(resnet.ResNet1D(14))) == expected


@pytest.mark.parametrize(
    ("stem_pool", "lengths"),
    [(False, [758, 190, 38, 13]), (True, [109, 28, 6, 2])],
)
def test_lengths_along_the_network(stem_pool, lengths):
    model = resnet.ResNet1D(14, stem_pool=stem_pool)

    def intermediates(key):
        x = jnp.zeros((1, 3041))
        variables = model.init(key, x, train=False)
        return model.apply(variables, x, train=False, capture_intermediates=True)[1]

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
