import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import stand_ins
from stand_ins import LATENT, POINTS

from sgan_jax.training import feature_matching_step, instance_noise, state, steps

COUNT, RATE = 24, 0.1


def make(txs=None, noise=0.0):
    txs = txs or state.Networks(optax.sgd(RATE), optax.sgd(RATE))
    networks = (stand_ins.Discriminator(), stand_ins.Generator(axis_name=state.AXIS))
    created = state.create_sgan_state(*networks, txs, seed=0, points=POINTS, latent=LATENT)
    step = feature_matching_step.make_feature_matching_step(
        *networks, txs, LATENT, stand_ins.no_augment, noise=noise
    )
    return step, created


@pytest.fixture
def fixed_latents(monkeypatch):
    """Fix the latents of a global batch of 8, however many devices share it."""
    table = np.random.default_rng(5).normal(size=(8, LATENT)).astype(np.float32)

    def draw(key, size, latent):
        start = jax.lax.axis_index(state.AXIS) * size
        return jax.lax.dynamic_slice(jnp.asarray(table), (start, 0), (size, latent))

    monkeypatch.setattr(steps, "draw_latents", draw)
    return table


@pytest.mark.parametrize("noise", [0.0, 0.25])
def test_step_descends_the_distance_of_mean_features_and_eq_3(fixed_latents, monkeypatch, noise):
    monkeypatch.setattr(instance_noise, "noisy", stand_ins.known_noise)
    step, created = make(noise=noise)
    data = stand_ins.patterns_and_labels(COUNT)
    index = stand_ins.indices(1, 1, 8, COUNT)
    labelled, unlabelled = (data.patterns[index[p][0, 0]] for p in ("labelled", "unlabelled"))
    labels, unlabelled = data.labels[index["labelled"][0, 0]], unlabelled + noise

    def seen(params, patterns):
        return stand_ins.Discriminator().apply({"params": params}, patterns, train=False)

    def generated(params):
        variables = {"params": params, "batch_stats": created.batch_stats}
        return (
            noise
            + stand_ins.Generator().apply(
                variables, fixed_latents, train=True, mutable=["batch_stats"]
            )[0]
        )

    def distance(params):
        of = created.params.discriminator
        real, fake = seen(of, unlabelled).features, seen(of, generated(params)).features
        return ((real.sum(axis=0) / 8 - fake.sum(axis=0) / 8) ** 2).sum()

    def eq_3(params):
        def odds(patterns):
            return jnp.exp(seen(params, patterns).logits).sum(axis=-1)

        target = jnp.log(jax.nn.softmax(seen(params, labelled).logits))[jnp.arange(8), labels]
        real, fake = odds(unlabelled), odds(generated(created.params.generator))
        return -jnp.mean(jnp.log(real / (real + 1)) + jnp.log(1 / (fake + 1)) + target)

    downhill = state.Networks(
        jax.grad(eq_3)(created.params.discriminator), jax.grad(distance)(created.params.generator)
    )
    expected = jax.tree.map(lambda p, g: p - RATE * g, created.params, downhill)
    after, sums = stand_ins.run(step, created, data, index, 1)
    stand_ins.assert_trees_close(after.params, expected, rtol=1e-5, atol=1e-6)
    assert float(sums["generator_loss"][0]) == pytest.approx(
        8 * float(distance(created.params.generator)), rel=1e-4
    )
    assert float(sums["discriminator_loss"][0]) == pytest.approx(
        8 * float(eq_3(created.params.discriminator)), rel=1e-5
    )


def test_one_device_equals_eight(fixed_latents):
    """The means are over all devices: means per device would give another distance."""
    step, created = make()
    data = stand_ins.patterns_and_labels(COUNT)
    whole = stand_ins.indices(1, 2, 8, COUNT)
    cut = {
        part: index.reshape(index.shape[1], 8, -1).swapaxes(0, 1) for part, index in whole.items()
    }
    one, sums_of_one = stand_ins.run(step, created, data, whole, 1)
    eight, sums_of_eight = stand_ins.run(step, created, data, cut, 8)
    stand_ins.assert_trees_close(eight, one, rtol=1e-5, atol=1e-6)
    stand_ins.assert_trees_close(sums_of_eight, sums_of_one, rtol=1e-4, atol=1e-5)
    moved = jax.tree.map(
        lambda a, b: abs(a - b).max(), one.params.generator, created.params.generator
    )
    assert max(jax.tree.leaves(moved)) > 1e-4


def test_the_generators_mean_features_come_nearer():
    step, created = make(state.Networks(optax.sgd(0.0), optax.adam(0.01)))
    data = stand_ins.patterns_and_labels(COUNT)
    after, sums = stand_ins.run(step, created, data, stand_ins.indices(2, 80, 8, COUNT), 2)
    assert sums["generator_loss"][-10:].mean() < 0.5 * sums["generator_loss"][:5].mean()
    stand_ins.assert_trees_equal(after.params.discriminator, created.params.discriminator)
