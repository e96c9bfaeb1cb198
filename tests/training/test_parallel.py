import functools

import jax
import numpy as np
import optax
import pytest
import stand_ins
from stand_ins import POINTS

from sgan_jax.evaluation import metrics
from sgan_jax.training import batches, optimizers, parallel, state, steps, supervised_step

COUNT = 24


@pytest.fixture
def discriminator():
    return stand_ins.Discriminator(dropout=0.2)


@pytest.fixture
def step_and_state(discriminator):
    tx = optimizers.make_adam(1e-2)
    created = state.create_classifier_state(discriminator, tx, seed=0, points=POINTS)
    return supervised_step.make_supervised_step(discriminator, tx, stand_ins.no_augment), created


@pytest.fixture
def data():
    return stand_ins.patterns_and_labels(COUNT)


def labelled(devices, steps_per_call, batch=2):
    return stand_ins.indices(devices, steps_per_call, batch, COUNT, parts=("labelled",))


def test_four_steps_are_two_and_two_bit_for_bit(step_and_state, data):
    step, created = step_and_state
    call = parallel.make_parallel_step(step)
    resident = stand_ins.resident(data, 8)
    index = labelled(8, 4)["labelled"]

    def train(train_state, which):
        train_state = parallel.replicate(train_state)
        for i in which:
            train_state, _ = call(train_state, resident, {"labelled": index[:, i : i + 1]})
        return jax.device_get(train_state)  # as a checkpoint holds it

    whole = train(created, range(4))
    stand_ins.assert_trees_equal(train(train(created, range(2)), range(2, 4)), whole)
    assert int(whole.step) == 4


def test_steps_in_one_call_are_steps_one_by_one(step_and_state, data):
    step, created = step_and_state
    index = labelled(2, 3)
    together, sums = stand_ins.run(step, created, data, index, 2)
    alone, each = created, []
    for i in range(3):
        one = {part: array[:, i : i + 1] for part, array in index.items()}
        alone, sums_of_one = stand_ins.run(step, alone, data, one, 2)
        each.append(sums_of_one)
        assert {value.shape for value in sums_of_one.values()} == {(1,)}
    stand_ins.assert_trees_close(together, alone, rtol=1e-5, atol=1e-6)
    for name, value in sums.items():
        np.testing.assert_allclose(value, np.concatenate([s[name] for s in each]), rtol=1e-5)


def test_a_single_step_is_compiled_without_a_loop(step_and_state, data):
    step, created = step_and_state
    call = parallel.make_parallel_step(step)
    # Threefry's rounds are loops, too; several steps in a call are one loop more.
    on_one = stand_ins.resident(data, 1)
    text = {n: call.lower(created, on_one, labelled(1, n)).as_text() for n in (1, 3)}
    assert "dense<3> : tensor<i32>" in text[3] and "stablehlo.while" in text[3]
    assert text[1].count("stablehlo.while") == text[3].count("stablehlo.while") - 1


def test_only_positions_travel_and_the_state_is_given_away(step_and_state, data):
    step, created = step_and_state
    call = parallel.make_parallel_step(step)
    train_state, resident = parallel.replicate(created), stand_ins.resident(data, 8)
    for _ in range(2):  # the second starts from the first's own output
        given = train_state
        with (
            jax.transfer_guard_device_to_device("disallow"),
            jax.transfer_guard_device_to_host("disallow"),
        ):
            train_state, sums = call(given, resident, labelled(8, 1))
        assert all(leaf.is_deleted() for leaf in jax.tree.leaves(given))
        assert not any(leaf.is_deleted() for leaf in jax.tree.leaves(resident))
    for leaf in jax.tree.leaves(resident):
        assert [shard.data.shape[0] for shard in leaf.addressable_shards] == [1] * 8
    for leaf in jax.tree.leaves((train_state, sums)):
        assert leaf.is_fully_replicated and len(leaf.sharding.device_set) == 8
    # A data set that is on one device only is refused.
    with pytest.raises(ValueError, match=r"[Ss]harding"):
        call(train_state, jax.device_put(resident, jax.devices()[0]), labelled(8, 1))


def test_replicate_leaves_its_argument_usable(step_and_state, data):
    step, created = step_and_state
    stand_ins.run(step, created, data, labelled(1, 1), 1)
    assert np.isfinite(jax.device_get(created.params["hidden"]["kernel"])).all()


def test_batches_are_the_patterns_of_the_indices(data):
    def step(seen, batch):  # the "state" is the device's own first batch, summed over devices
        total = jax.lax.psum(batch["labelled"] * batch["labels"][:, None], state.AXIS)
        return seen + total, {"unlabelled": jax.lax.psum(batch["unlabelled"].sum(), state.AXIS)}

    index = stand_ins.indices(8, 1, 2, COUNT)
    seen, sums = stand_ins.run(step, np.zeros((2, POINTS), np.float32), data, index, 8)
    first, second = index["labelled"][:, 0], index["unlabelled"][:, 0]
    expected = (data.patterns[first] * data.labels[first][..., None]).sum(axis=0)
    np.testing.assert_allclose(seen, expected, rtol=1e-5)
    np.testing.assert_allclose(sums["unlabelled"][0], data.patterns[second].sum(), rtol=1e-5)


def test_evaluation_counts_each_pattern_once(discriminator, data):
    params = state.create_classifier_state(
        discriminator, optax.sgd(0.1), seed=1, points=POINTS
    ).params
    evaluate = parallel.make_parallel_evaluation(steps.make_evaluation_step(discriminator))
    share = batches.evaluation_share(np.arange(COUNT - 1), devices=8)  # 23: one device has fewer
    parts = []
    for positions, mask in batches.padded_batches(COUNT - 1, devices=8, batch_size=2):
        counts, logits = evaluate(
            parallel.replicate(params),
            parallel.distribute(data.patterns[share]),
            parallel.distribute(data.labels[share]),
            positions,
            mask,
        )
        parts.append((counts, logits))
    counts = functools.reduce(metrics.add, (counts for counts, _ in parts))
    logits = np.concatenate([logits for _, logits in parts], axis=1)[:, : share.shape[1]]
    logits = batches.in_order(logits, COUNT - 1)
    data = stand_ins.Examples(data.patterns[:-1], data.labels[:-1])
    expected = discriminator.apply({"params": params}, data.patterns, train=False).logits
    np.testing.assert_allclose(logits, expected, rtol=1e-5, atol=1e-6)
    right = np.argmax(expected, axis=1) == data.labels
    assert int(counts.examples) == COUNT - 1 and int(counts.top1) == right.sum()
    assert int(counts.confusion.sum()) == COUNT - 1
    log_likelihood = np.asarray(jax.nn.log_softmax(expected))[np.arange(COUNT - 1), data.labels]
    assert float(counts.loss) == pytest.approx(-log_likelihood.sum(), rel=1e-5)
