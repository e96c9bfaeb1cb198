"""bfloat16: used by convolutions and activations; all that is kept or summed is float32.

The networks are the real ones with fewer layers, so that they compile in seconds.
"""

import functools
import re
import types

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sgan_jax.models import generator, losses, resnet

POINTS, CLASSES, BATCH = 150, 5, 8
ROUNDING = 2.0**-9  # the largest relative error of rounding to bfloat16


@pytest.fixture(autouse=True)
def few_layers(monkeypatch):
    monkeypatch.setattr(resnet, "STAGES", ((32, 5, 4),))
    monkeypatch.setattr(generator, "HIDDEN", ((5, 2), (6, 1)))


def of_discriminator(dtype, stem_pool):
    """Return an objective of the parameters, and these, which do not depend on `dtype`."""
    model = resnet.ResNet1D(CLASSES, stem_pool=stem_pool, dropout=0.1, dtype=dtype)
    x = jax.random.uniform(jax.random.key(0), (BATCH, POINTS)) ** 4
    labels = jnp.arange(BATCH) % CLASSES

    def objective(params):
        logits = model.apply(
            {"params": params}, x, train=True, rngs={"dropout": jax.random.key(2)}
        ).logits
        return losses.cross_entropy(logits, labels).mean()

    return objective, jax.jit(lambda: model.init(jax.random.key(1), x, train=False)["params"])()


def of_generator(dtype, _):
    model = generator.Generator(dtype=dtype)
    z = jax.random.normal(jax.random.key(0), (BATCH, 20))
    variables = jax.jit(lambda: model.init(jax.random.key(1), z, train=False))()

    def objective(params):
        of_all = {"params": params, "batch_stats": variables["batch_stats"]}
        generated, updated = model.apply(of_all, z, train=True, mutable=["batch_stats"])
        assert {leaf.dtype for leaf in jax.tree.leaves(updated)} == {np.dtype(np.float32)}
        return jnp.square(generated - jnp.linspace(0.2, 0.8, generated.shape[1])[None]).mean()

    return objective, variables["params"]


CASES = pytest.mark.parametrize(
    ("network", "stem_pool"),
    [(of_discriminator, True), (of_discriminator, False), (of_generator, None)],
    ids=["pooled", "unpooled", "generator"],
)


def flat(tree):
    return np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(tree)])


def shaken(params):
    """Return the parameters, perturbed by up to their rounding error."""
    rng = np.random.default_rng(0)
    return jax.tree.map(
        lambda a: a * (1 + ROUNDING * rng.uniform(-1, 1, a.shape)).astype(np.float32), params
    )


@functools.cache
def compiled(network, dtype, stem_pool):
    """Return the compiled loss and gradient, quickly compiled rather than fast, and parameters."""
    objective, params = network(dtype, stem_pool)
    hurry = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}
    function = jax.jit(jax.value_and_grad(objective), compiler_options=hurry)
    return function.lower(params).compile(), params


@pytest.mark.parametrize(
    ("network", "stem_pool"), [(of_discriminator, False), (of_generator, None)]
)
def test_gradients_are_as_far_from_float32_as_rounding_explains(network, stem_pool, monkeypatch):
    # A max pool whose two largest inputs differ by less than rounding sends its gradient elsewhere,
    # which is an error of neither type and of random size; so a mean replaces it here.
    with_mean = types.SimpleNamespace(**{**vars(jnp), "max": jnp.mean})
    monkeypatch.setattr(resnet, "jnp", with_mean)
    compiled.cache_clear()
    # The tolerance is measured: float32 with parameters that are off by a rounding; ten roundings
    # follow one another in these networks.
    of_float32, params = compiled(network, "float32", stem_pool)
    (loss, gradients), (_, near_gradients) = of_float32(params), of_float32(shaken(params))
    found_loss, found = compiled(network, "bfloat16", stem_pool)[0](params)
    assert {leaf.dtype for leaf in jax.tree.leaves((found_loss, found))} == {np.dtype(np.float32)}
    norm = np.linalg.norm(flat(gradients))
    allowed = np.linalg.norm(flat(near_gradients) - flat(gradients)) / norm
    error = np.linalg.norm(flat(found) - flat(gradients)) / norm
    compiled.cache_clear()
    assert 0 < error < min(10 * allowed, 0.05)
    assert float(found_loss) == pytest.approx(float(loss), rel=0.01)


@CASES
def test_convolutions_are_in_bfloat16_and_statistics_in_float32(network, stem_pool):
    objective, params = network("bfloat16", stem_pool)
    text = jax.jit(jax.grad(objective)).lower(params).as_text()
    convolutions = re.findall(r"stablehlo\.convolution.*?:\s*\((.*?)\)", text)
    assert convolutions and all(types.count("bf16>") == 2 for types in convolutions)
    roots = re.findall(r"stablehlo\.rsqrt.*: (tensor<.*>)", text)
    assert roots and all(kind.endswith("xf32>") for kind in roots)


def test_steps_descend():
    value_and_gradient, params = compiled(of_discriminator, "bfloat16", True)
    seen = []
    for _ in range(20):
        loss, gradients = value_and_gradient(params)
        params = jax.tree.map(lambda p, g: p - 0.05 * g, params, gradients)
        seen.append(float(loss))
    assert seen[-1] < 0.7 * seen[0]
