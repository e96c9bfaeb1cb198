"""bfloat16: convolutions and activations in it, everything that is kept or summed in float32.

The networks are the real ones with fewer layers, so that they compile in seconds.
"""

import re

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from sgan_jax.models import generator, losses, resnet

POINTS, CLASSES, BATCH = 300, 5, 8


@pytest.fixture(autouse=True)
def few_layers(monkeypatch):
    monkeypatch.setattr(resnet, "STAGES", ((32, 5, 4), (64, 7, 4)))
    monkeypatch.setattr(generator, "HIDDEN", ((5, 2), (6, 1), (7, 3)))


def of_discriminator(dtype, stem_pool):
    """The objective of the parameters, and the parameters, which do not depend on the type."""
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


@CASES
def test_gradients_are_those_of_float32_within_5_percent(network, stem_pool):
    both = []
    for dtype in ("bfloat16", "float32"):
        objective, params = network(dtype, stem_pool)
        loss, gradients = jax.jit(jax.value_and_grad(objective))(params)
        assert {leaf.dtype for leaf in jax.tree.leaves((loss, gradients, params))} == {
            np.dtype(np.float32)
        }
        flat = np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(gradients)])
        both.append((float(loss), flat))
    (loss, gradient), (expected_loss, expected) = both
    assert loss == pytest.approx(expected_loss, rel=0.01) and loss != expected_loss
    error = np.linalg.norm(gradient - expected) / np.linalg.norm(expected)
    assert 1e-4 < error < 0.05


@CASES
def test_convolutions_are_in_bfloat16_and_statistics_in_float32(network, stem_pool):
    objective, params = network("bfloat16", stem_pool)
    text = jax.jit(jax.grad(objective)).lower(params).as_text()
    convolutions = re.findall(r"stablehlo\.convolution.*?:\s*\((.*?)\)", text)
    assert convolutions and all(types.count("bf16>") == 2 for types in convolutions)
    roots = re.findall(r"stablehlo\.rsqrt.*: (tensor<.*>)", text)
    assert roots and all(kind.endswith("xf32>") for kind in roots)


def test_steps_descend():
    objective, params = of_discriminator("bfloat16", True)
    tx = optax.adam(1e-3)

    @jax.jit
    def step(params, opt_state):
        loss, gradients = jax.value_and_grad(objective)(params)
        updates, opt_state = tx.update(gradients, opt_state, params)
        return optax.apply_updates(params, updates), opt_state, loss

    opt_state, seen = tx.init(params), []
    for _ in range(30):
        params, opt_state, loss = step(params, opt_state)
        seen.append(float(loss))
    assert seen[-1] < 0.3 * seen[0]
