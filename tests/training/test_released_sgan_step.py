import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import stand_ins
from stand_ins import LATENT, POINTS

from sgan_jax.training import released_sgan_step, state, steps

COUNT = 24


def released(generator=0.0, labelled=0.0, real_fake=0.0, *, soft_labels=False, head=True):
    """Return the step with SGD at these rates; with 0 an optimiser does nothing."""
    discriminator = stand_ins.Discriminator(real_fake_head=head)
    networks = (discriminator, stand_ins.Generator(axis_name=state.AXIS))
    txs = state.ReleasedOptimizers(
        generator=optax.sgd(generator), labelled=optax.sgd(labelled), real_fake=optax.sgd(real_fake)
    )
    created = state.create_sgan_state(*networks, txs, seed=0, points=POINTS, latent=LATENT)
    step = released_sgan_step.make_released_sgan_step(
        *networks,
        txs,
        LATENT,
        stand_ins.no_augment,
        soft_labels=soft_labels,
        steps_per_epoch=2,
    )
    return step, created


def moved_parts(after, before):
    """Return the names of the modules in which any parameter has changed."""
    names = set()
    for network in ("discriminator", "generator"):
        for module, params in getattr(after.params, network).items():
            old = getattr(before.params, network)[module]
            if any((params[name] != old[name]).any() for name in params):
                names.add(f"{network}.{module}")
    return names


@pytest.mark.parametrize(
    ("optimizer", "moves"),
    [
        ("generator", {"generator.hidden", "generator.BatchNorm_0", "generator.last"}),
        ("labelled", {"discriminator.hidden", "discriminator.class_head"}),
        ("real_fake", {"discriminator.hidden", "discriminator.real_fake_head"}),
    ],
)
def test_each_optimiser_moves_its_own_parameters_only(optimizer, moves):
    step, created = released(**{optimizer: 0.1})
    data = stand_ins.patterns_and_labels(COUNT)
    after, _ = stand_ins.run(step, created, data, stand_ins.indices(2, 1, 4, COUNT), 2)
    assert moved_parts(after, created) == moves


def test_the_order_is_generator_labelled_real_fake(monkeypatch):
    z = np.random.default_rng(5).normal(size=(8, LATENT)).astype(np.float32)
    monkeypatch.setattr(steps, "draw_latents", lambda *_: jnp.asarray(z))
    step, created = released(generator=0.1, labelled=0.2, real_fake=0.3)
    data = stand_ins.patterns_and_labels(COUNT)
    indices = stand_ins.indices(1, 1, 8, COUNT)
    labelled, unlabelled = (
        data.patterns[indices[part][0, 0]] for part in ("labelled", "unlabelled")
    )
    labels = data.labels[indices["labelled"][0, 0]]
    discriminator = stand_ins.Discriminator(real_fake_head=True)

    def seen(params, patterns):
        return discriminator.apply({"params": params}, patterns, train=False)

    def generated(params):
        variables = {"params": params, "batch_stats": created.batch_stats}
        return stand_ins.Generator().apply(variables, z, train=True, mutable=["batch_stats"])[0]

    def generator_loss(params):
        logit = seen(created.params.discriminator, generated(params)).real_fake
        return -jnp.log(jax.nn.sigmoid(logit)).mean()

    def labelled_loss(params):
        return -jnp.log(jax.nn.softmax(seen(params, labelled).logits))[jnp.arange(8), labels].mean()

    def real_fake_loss(params):
        real = jax.nn.sigmoid(seen(params, unlabelled).real_fake)
        fake = jax.nn.sigmoid(seen(params, generated(created.params.generator)).real_fake)
        return -jnp.log(real).mean() - jnp.log(1 - fake).mean()

    def descend(loss, params, rate):
        return jax.tree.map(lambda p, g: p - rate * g, params, jax.grad(loss)(params))

    expected = state.Networks(
        descend(real_fake_loss, descend(labelled_loss, created.params.discriminator, 0.2), 0.3),
        descend(generator_loss, created.params.generator, 0.1),
    )
    after, sums = stand_ins.run(step, created, data, indices, 1)
    stand_ins.assert_trees_close(after.params, expected, rtol=1e-5, atol=1e-6)
    assert float(sums["loss"][0]) == pytest.approx(
        8 * float(labelled_loss(created.params.discriminator)), rel=1e-5
    )


def test_replicas_stay_bit_identical_without_the_head_too():
    step, created = released(0.1, 0.1, 0.1, soft_labels=True, head=False)
    data = stand_ins.patterns_and_labels(COUNT)
    after, _ = stand_ins.run(step, created, data, stand_ins.indices(8, 3, 2, COUNT), 8)
    for leaf in jax.tree.leaves(after):
        assert len({np.asarray(shard.data).tobytes() for shard in leaf.addressable_shards}) == 1


def test_soft_labels_are_drawn_once_an_epoch():
    _, created = released()

    def targets(step):
        at_step = created.replace(step=jnp.int32(step))
        draw = jax.pmap(
            lambda s, _: released_sgan_step.soft_targets(s, 50, 3), state.AXIS, in_axes=(None, 0)
        )
        return np.stack(draw(at_step, np.arange(2)))  # [real or fake, device, B]

    first = targets(0)
    real, fake = first
    assert 0.8 <= real.min() < 0.82 and 0.98 < real.max() <= 1
    assert 0 <= fake.min() < 0.02 and 0.18 < fake.max() <= 0.2
    assert (first[:, 0] != first[:, 1]).any()  # devices
    np.testing.assert_array_equal(first, targets(2))
    assert (first != targets(3)).mean() > 0.9
