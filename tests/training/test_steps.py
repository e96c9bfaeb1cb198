import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import stand_ins
from stand_ins import LATENT, POINTS

from sgan_jax.models import generator, resnet
from sgan_jax.training import (
    instance_noise,
    messages,
    optimizers,
    sgan_step,
    state,
    steps,
    supervised_step,
)

COUNT = 24
RATE = 0.1
SGD = optax.sgd(RATE)


def supervised(tx=SGD, dropout=0.0):
    discriminator = stand_ins.Discriminator(dropout=dropout)
    created = state.create_classifier_state(discriminator, tx, seed=0, points=POINTS)
    return supervised_step.make_supervised_step(discriminator, tx, stand_ins.no_augment), created


def sgan(tx=SGD, head=False, dropout=0.0, **options):
    discriminator = stand_ins.Discriminator(real_fake_head=head, dropout=dropout)
    networks = (discriminator, stand_ins.Generator(axis_name=state.AXIS))
    txs = state.Networks(tx, tx)
    created = state.create_sgan_state(*networks, txs, seed=0, points=POINTS, latent=LATENT)
    step = sgan_step.make_sgan_step(*networks, txs, LATENT, stand_ins.no_augment, **options)
    return step, created


@pytest.fixture
def fixed_latents(monkeypatch):
    """Fix the latents of a global batch of 8, however many devices share it."""

    def table(latent):
        return np.random.default_rng(5).normal(size=(8, latent)).astype(np.float32)

    def draw(key, size, latent):
        start = jax.lax.axis_index(state.AXIS) * size
        return jax.lax.dynamic_slice(jnp.asarray(table(latent)), (start, 0), (size, latent))

    monkeypatch.setattr(steps, "draw_latents", draw)
    return table(LATENT)


def spread(indices, devices):
    """Divide the indices [1, steps, 8] of one device among several."""
    return {
        part: index.reshape(index.shape[1], devices, -1).swapaxes(0, 1)
        for part, index in indices.items()
    }


@pytest.mark.parametrize("make", [supervised, sgan])
def test_one_device_equals_eight(make, fixed_latents):
    step, created = make()
    data = stand_ins.patterns_and_labels(COUNT)
    indices = stand_ins.indices(1, 2, 8, COUNT)
    one, sums_of_one = stand_ins.run(step, created, data, indices, 1)
    eight, sums_of_eight = stand_ins.run(step, created, data, spread(indices, 8), 8)
    stand_ins.assert_trees_close(eight, one, rtol=1e-5, atol=1e-6)
    stand_ins.assert_trees_close(sums_of_eight, sums_of_one, rtol=1e-5, atol=1e-6)
    moved = jax.tree.map(lambda a, b: abs(a - b).max(), one.params, created.params)
    assert min(jax.tree.leaves(moved)) > 1e-4  # or the comparison shows nothing


@pytest.mark.slow
def test_one_device_equals_eight_with_the_real_networks(fixed_latents):
    networks = (resnet.ResNet1D(14, dropout=0.0), generator.Generator(axis_name=state.AXIS))
    txs = state.Networks(optax.sgd(1.0), optax.sgd(1.0))
    latent = generator.LATENT
    created = state.create_sgan_state(*networks, txs, seed=0, points=3041, latent=latent)
    step = sgan_step.make_sgan_step(*networks, txs, latent, stand_ins.no_augment)
    rng = np.random.default_rng(0)
    labels = rng.integers(14, size=8).astype(np.int32)
    data = stand_ins.Examples(rng.random((8, 3041), np.float32), labels)
    indices = stand_ins.indices(1, 1, 8, 8)
    one, _ = stand_ins.run(step, created, data, indices, 1)
    eight, _ = stand_ins.run(step, created, data, spread(indices, 8), 8)
    for name in ("params", "batch_stats"):
        before, left, right = (
            jax.tree.leaves(jax.device_get(getattr(s, name))) for s in (created, one, eight)
        )
        moved = [a - b for a, b in zip(left, before, strict=True)]
        for a, b, by in zip(left, right, moved, strict=True):
            np.testing.assert_allclose(a, b, atol=1e-5 * abs(by).max() + 1e-7)


@pytest.mark.parametrize(("noise", "fewer"), [(0.0, 1), (0.25, 1), (0.25, 4)])
@pytest.mark.parametrize("head", [False, True], ids=["sum of classes", "head"])
def test_sgan_step_descends_eq_3_and_eq_2_as_they_are_written(
    head, noise, fewer, fixed_latents, monkeypatch
):
    monkeypatch.setattr(instance_noise, "noisy", stand_ins.known_noise)
    step, created = sgan(head=head, noise=noise, real_per_generated=fewer)
    latents = fixed_latents[: 8 // fewer]
    data = stand_ins.patterns_and_labels(COUNT)
    indices = stand_ins.indices(1, 1, 8, COUNT)
    labelled, unlabelled = (
        data.patterns[indices[part][0, 0]] for part in ("labelled", "unlabelled")
    )
    labels = data.labels[indices["labelled"][0, 0]]
    discriminator = stand_ins.Discriminator(real_fake_head=head)

    def generated(params):
        variables = {"params": params, "batch_stats": created.batch_stats}
        patterns, moved = stand_ins.Generator().apply(
            variables, latents, train=True, mutable=["batch_stats"]
        )
        return patterns + noise, moved

    def is_real(params, patterns):  # D
        output = discriminator.apply({"params": params}, patterns, train=False)
        odds = jnp.exp(output.real_fake) if head else jnp.exp(output.logits).sum(axis=-1)
        return odds / (odds + 1)

    unlabelled = unlabelled + noise

    def eq_3(params):
        logits = discriminator.apply({"params": params}, labelled, train=False).logits
        target = jnp.log(jax.nn.softmax(logits))[jnp.arange(8), labels]
        fakes = generated(created.params.generator)[0]
        of_fakes = jnp.mean(jnp.log(1 - is_real(params, fakes)))
        return jnp.mean(jnp.log(is_real(params, unlabelled)) + target) + of_fakes

    def eq_2(params):
        fakes = generated(params)[0]
        return jnp.mean(jnp.log(is_real(created.params.discriminator, fakes)))

    uphill = state.Networks(
        jax.grad(eq_3)(created.params.discriminator), jax.grad(eq_2)(created.params.generator)
    )
    expected = jax.tree.map(lambda p, g: p + RATE * g, created.params, uphill)
    after, sums = stand_ins.run(step, created, data, indices, 1)
    stand_ins.assert_trees_close(after.params, expected, rtol=1e-5, atol=1e-6)
    # The statistics were updated once, in the pass that generated the patterns.
    statistics = generated(created.params.generator)[1]["batch_stats"]
    stand_ins.assert_trees_close(after.batch_stats, statistics, rtol=1e-5, atol=1e-6)

    sums = {name: float(value[0]) for name, value in sums.items()}
    params = created.params
    fakes = generated(params.generator)[0]
    assert sums["examples"] == 8
    assert sums["discriminator_loss"] == pytest.approx(
        -8 * float(eq_3(params.discriminator)), rel=1e-5
    )
    assert sums["generator_loss"] == pytest.approx(-8 * float(eq_2(params.generator)), rel=1e-5)
    for name, patterns in (("d_unlabelled", unlabelled), ("d_generated", fakes)):
        expected_sum = 8 * is_real(params.discriminator, patterns).mean()
        assert sums[name] == pytest.approx(float(expected_sum), rel=1e-5)
    for name, of_network in zip(("", "generator_"), uphill, strict=True):
        norm = np.sqrt(sum(float((leaf**2).sum()) for leaf in jax.tree.leaves(of_network)))
        assert sums[f"{name}gradient_norm"] == pytest.approx(8 * norm, rel=1e-4)


@pytest.mark.parametrize("make", [supervised, sgan])
def test_replicas_stay_bit_identical(make):
    step, created = make(optimizers.make_adam(1e-3), dropout=0.3)
    data = stand_ins.patterns_and_labels(COUNT)
    after, _ = stand_ins.run(step, created, data, stand_ins.indices(8, 4, 2, COUNT), 8)
    assert differing_replicas(after) == []


def test_a_missing_average_would_be_seen(monkeypatch):
    monkeypatch.setattr(messages, "average_and_sum", lambda gradients, sums: (gradients, sums))
    step, created = supervised()
    data = stand_ins.patterns_and_labels(COUNT)
    after, _ = stand_ins.run(step, created, data, stand_ins.indices(8, 1, 2, COUNT), 8)
    assert any("kernel" in name for name in differing_replicas(after))


def differing_replicas(tree):
    """Return the names of the leaves that differ between devices."""
    names = []
    for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
        copies = {np.asarray(shard.data).tobytes() for shard in leaf.addressable_shards}
        assert len(leaf.addressable_shards) == 8
        if len(copies) > 1:
            names.append(jax.tree_util.keystr(path))
    return names


def test_devices_draw_different_dropout_and_the_same_call_the_same():
    step, created = supervised(dropout=0.5)
    data = stand_ins.patterns_and_labels(COUNT)
    same = {"labelled": np.tile(np.arange(4, dtype=np.int32), (8, 1, 1))}
    _, sums_of_one = stand_ins.run(step, created, data, {"labelled": same["labelled"][:1]}, 1)
    after, sums = stand_ins.run(step, created, data, same, 8)
    # Device 0 draws the same alone and among others: eight alike would have eight times the loss.
    assert abs(float(sums["loss"][0]) / 8 - float(sums_of_one["loss"][0])) > 1e-3
    again, sums_again = stand_ins.run(step, created, data, same, 8)
    stand_ins.assert_trees_equal(after, again)
    stand_ins.assert_trees_equal(sums, sums_again)


@pytest.mark.parametrize("make", [supervised, sgan])
def test_losses_go_down(make):
    step, created = make(optax.adam(0.02))
    data = stand_ins.patterns_and_labels(240)
    _, sums = stand_ins.run(step, created, data, stand_ins.indices(1, 60, 16, 240), 1)
    assert sums["loss"][-10:].mean() < 0.3 * sums["loss"][:5].mean()
    assert sums["accuracy"][-10:].sum() > 0.9 * 160
    if make is sgan:
        assert sums["discriminator_loss"][-10:].mean() < 0.7 * sums["discriminator_loss"][:5].mean()


@pytest.mark.parametrize("make", [supervised, sgan])
def test_a_step_that_is_not_finite_shows_in_its_sums(make):
    step, created = make()
    data = stand_ins.patterns_and_labels(COUNT)
    data.patterns[3, 5] = np.inf
    indices = stand_ins.indices(1, 3, 4, 3)  # the first three patterns are sound
    indices["labelled"][0, 1, 2] = 3
    _, sums = stand_ins.run(step, created, data, indices, 1)
    finite = np.all([np.isfinite(value) for value in sums.values()], axis=0)
    assert finite[0] and not finite[1]


def test_labelled_and_unlabelled_patterns_are_augmented_apart():
    noise = lambda key, patterns: patterns + jax.random.normal(key, patterns.shape)  # noqa: E731
    zeros = {"labelled": jnp.zeros((2, POINTS)), "unlabelled": jnp.zeros((2, POINTS))}
    labelled, unlabelled = steps.augment_parts(noise, jax.random.key(0), zeros)
    assert (labelled != unlabelled).all()
