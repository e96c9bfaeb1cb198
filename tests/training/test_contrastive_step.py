import jax
import jax.numpy as jnp
import numpy as np
import optax
import stand_ins
from stand_ins import POINTS

from sgan_jax.models import contrastive
from sgan_jax.training import contrastive_step, optimizers, state

COUNT, RATE, TEMPERATURE = 24, 0.1, 0.3
PROJECTOR = contrastive.Projector(hidden=6, features=4)


def shifted(key, patterns):
    """Return the patterns: a view without noise, the same on all devices."""
    return patterns


def noisy(key, patterns):
    return patterns + 0.01 * jax.random.normal(key, patterns.shape)


def make(tx=None, view=shifted, labelled_weight=0.5, dropout=0.0):
    tx = tx or optax.sgd(RATE)
    classifier = stand_ins.Discriminator(dropout=dropout)
    created = state.create_classifier_state(classifier, optax.sgd(0.2), seed=0, points=POINTS)
    created = state.add_projector(created, classifier, PROJECTOR, tx, seed=0, points=POINTS)
    step = contrastive_step.make_contrastive_step(
        classifier,
        PROJECTOR,
        tx,
        view,
        temperature=TEMPERATURE,
        labelled_weight=labelled_weight,
    )
    return step, created


def test_step_descends_the_loss_of_all_pairs():
    views = iter([lambda x: x * 1.1, lambda x: x[:, ::-1]])
    step, created = make(view=lambda key, x: next(views)(x))
    data = stand_ins.patterns_and_labels(COUNT)
    index = stand_ins.indices(1, 1, 4, COUNT)
    patterns = np.concatenate([data.patterns[index[p][0, 0]] for p in ("labelled", "unlabelled")])
    labels = data.labels[index["labelled"][0, 0]]

    def loss(both):
        params, projector_params = both
        seen = np.concatenate([patterns * 1.1, patterns[:, ::-1]])
        output = stand_ins.Discriminator().apply({"params": params}, seen, train=False)
        z = PROJECTOR.apply({"params": projector_params}, output.features)
        z = jnp.stack([row - z.sum(axis=0) / 16 for row in z])
        z = jnp.stack([row / jnp.sqrt((row**2).sum()) for row in z])
        total = 0.0
        for i in range(16):
            j = (i + 8) % 16
            others = jnp.array([k for k in range(16) if k != i])
            total += (
                jnp.log(jnp.exp(z[others] @ z[i] / TEMPERATURE).sum()) - z[i] @ z[j] / TEMPERATURE
            )
        of_labelled = -jax.nn.log_softmax(output.logits[:4])[jnp.arange(4), labels].mean()
        return total / 16 + 0.5 * of_labelled

    both = (created.params, created.projector)
    slope = jax.grad(loss)(both)
    expected = jax.tree.map(lambda p, g: p - RATE * g, both, slope)
    after, sums = stand_ins.run(step, created, data, index, 1)
    stand_ins.assert_trees_close((after.params, after.projector), expected, rtol=1e-4, atol=1e-6)
    assert int(after.step) == 1
    assert set(sums) == {"examples", "loss", "accuracy", "contrastive_loss", "gradient_norm"}


def test_one_device_equals_eight():
    """Each view is compared with those on all devices."""
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
    moved = jax.tree.map(lambda a, b: abs(a - b).max(), one.projector, created.projector)
    assert min(jax.tree.leaves(moved)) > 1e-4


def test_two_views_of_a_pattern_become_alike_and_others_apart():
    step, created = make(optimizers.make_adam(0.01), noisy, labelled_weight=0.0)
    data = stand_ins.patterns_and_labels(COUNT)
    after, sums = stand_ins.run(step, created, data, stand_ins.indices(2, 100, 6, COUNT), 2)
    assert sums["contrastive_loss"][-10:].mean() < 0.8 * sums["contrastive_loss"][:5].mean()
    # With no weight on the labelled patterns the class head does not move.
    stand_ins.assert_trees_equal(after.params["class_head"], created.params["class_head"])


def test_replicas_stay_bit_identical():
    step, created = make(optimizers.make_adam(0.01), noisy, dropout=0.3)
    data = stand_ins.patterns_and_labels(COUNT)
    after, _ = stand_ins.run(step, created, data, stand_ins.indices(8, 3, 2, COUNT), 8)
    for leaf in jax.tree.leaves(after):
        assert len({np.asarray(shard.data).tobytes() for shard in leaf.addressable_shards}) == 1
