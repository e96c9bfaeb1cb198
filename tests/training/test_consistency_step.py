import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import stand_ins
from stand_ins import POINTS

from sgan_jax.training import consistency_step, optimizers, parallel, pseudo_labels, state

COUNT, RATE = 24, 0.1
OPTIONS = consistency_step.Consistency(
    thresholds="adaptive",
    confidence=0.5,
    momentum=0.5,
    weight=0.7,
    start_steps=0,
    ramp_steps=0,
    fairness_weight=0.3,
    distribution_alignment=True,
)
KNOWN = (0.36, 0.33, 0.31)  # the mean prediction so far
PRIOR = np.array([0.3, 0.3, 0.4], np.float32)


def weak(key, patterns):
    return patterns * 1.5


def strong(key, patterns):
    return patterns[:, ::-1] * 0.9


def make(options=OPTIONS, tx=None, *, logit_offset=0.0, dropout=0.0):
    tx = tx or optax.sgd(RATE)
    classifier = stand_ins.Discriminator(dropout=dropout)
    created = state.create_classifier_state(classifier, tx, seed=0, points=POINTS)
    known = (np.float32(0.7), np.array(KNOWN), np.array([0.2, 0.2, 0.6]))
    known = jax.tree.map(lambda x: jnp.asarray(x, jnp.float32), known)
    created = created.replace(pseudo_labels=pseudo_labels.Statistics(*known))
    step = consistency_step.make_consistency_step(
        classifier, tx, weak, strong, options, prior=PRIOR, logit_offset=logit_offset
    )
    return step, created


def indices(devices, steps, labelled, unlabelled):
    index = stand_ins.indices(devices, steps, labelled, COUNT, parts=("labelled",))
    more = stand_ins.indices(devices, steps, unlabelled, COUNT, seed=1, parts=("unlabelled",))
    return {**index, **more}


def probabilities(params, patterns):
    output = stand_ins.Discriminator().apply({"params": params}, patterns, train=False)
    return np.asarray(jax.nn.softmax(output.logits), np.float64)


def test_step_descends_the_loss_as_it_is_written():
    offset = np.array([[0.3, -0.2, 0.1]], np.float32)
    step, created = make(logit_offset=offset)
    data = stand_ins.patterns_and_labels(COUNT)
    index = indices(1, 1, 4, 12)
    labelled, unlabelled = (data.patterns[index[p][0, 0]] for p in ("labelled", "unlabelled"))
    labels = data.labels[index["labelled"][0, 0]]

    # Pseudo-labels, in plain numpy.
    q = probabilities(created.params, weak(None, unlabelled))
    aligned = q * PRIOR / KNOWN
    aligned /= aligned.sum(axis=1, keepdims=True)
    best = aligned.argmax(axis=1)
    confidence = 0.5 * 0.7 + 0.5 * aligned.max(axis=1).mean()
    distribution = 0.5 * np.array(KNOWN) + 0.5 * q.mean(axis=0)
    histogram = 0.5 * np.array([0.2, 0.2, 0.6]) + 0.5 * np.bincount(best, minlength=3) / 12
    threshold = confidence * distribution / distribution.max()
    accepted = aligned.max(axis=1) >= threshold[best]
    assert 0 < accepted.sum() < 12  # or the example says little

    def loss(params):
        apply = stand_ins.Discriminator().apply
        seen = apply({"params": params}, weak(None, labelled), train=False).logits + offset
        of_labelled = -jax.nn.log_softmax(seen)[jnp.arange(4), labels].mean()
        logits = apply({"params": params}, strong(None, unlabelled), train=False).logits
        of_each = -jax.nn.log_softmax(logits)[jnp.arange(12), best]
        of_unlabelled = (of_each * accepted).sum() / 12
        probability = jax.nn.softmax(logits)[np.flatnonzero(accepted)]
        won = np.bincount(probability.argmax(axis=1), minlength=3) / accepted.sum()
        a = distribution / histogram / (distribution / histogram).sum()
        b = jnp.where(won > 0, probability.mean(axis=0) / np.where(won > 0, won, 1), 0)
        b = b / b.sum()
        fairness = (a * jnp.log(b + 1e-12)).sum()
        return of_labelled + 0.7 * of_unlabelled + 0.3 * fairness

    with jax.numpy_rank_promotion("allow"):
        slope = jax.grad(loss)(created.params)
    expected = jax.tree.map(lambda p, g: p - RATE * g, created.params, slope)
    after, sums = stand_ins.run(step, created, data, index, 1)
    stand_ins.assert_trees_close(after.params, expected, rtol=1e-4, atol=1e-6)
    stand_ins.assert_trees_close(
        after.pseudo_labels,
        pseudo_labels.Statistics(confidence, distribution, histogram),
        rtol=1e-5,
    )
    assert float(sums["accepted"][0]) == pytest.approx(4 * accepted.mean(), rel=1e-5)
    assert float(sums["threshold"][0]) == pytest.approx(4 * threshold[best].mean(), rel=1e-5)
    assert float(sums["examples"][0]) == 4


def test_one_device_equals_eight():
    step, created = make()
    data = stand_ins.patterns_and_labels(COUNT)
    whole = indices(1, 2, 8, 16)
    cut = {
        part: index.reshape(index.shape[1], 8, -1).swapaxes(0, 1) for part, index in whole.items()
    }
    one, sums_of_one = stand_ins.run(step, created, data, whole, 1)
    eight, sums_of_eight = stand_ins.run(step, created, data, cut, 8)
    stand_ins.assert_trees_close(eight, one, rtol=1e-5, atol=1e-6)
    stand_ins.assert_trees_close(sums_of_eight, sums_of_one, rtol=1e-4, atol=1e-5)
    moved = jax.tree.map(lambda a, b: abs(a - b).max(), one.params, created.params)
    assert min(jax.tree.leaves(moved)) > 1e-4


def test_nothing_unlabelled_counts_where_no_prediction_is_sure_enough():
    """FixMatch with a threshold of 1 and nothing else is supervised training."""
    fixed = dataclasses.replace(OPTIONS, thresholds="fixed", confidence=1.0, fairness_weight=0.0)
    data = stand_ins.patterns_and_labels(COUNT)
    index = indices(1, 1, 4, 8)
    step, created = make(fixed)
    without, _ = make(dataclasses.replace(fixed, weight=0.0))
    after, sums = stand_ins.run(step, created, data, index, 1)
    expected, _ = stand_ins.run(without, created, data, index, 1)
    stand_ins.assert_trees_equal(after, expected)
    assert float(sums["accepted"][0]) == 0


def test_the_unlabelled_weight_climbs_to_its_full_value():
    ramps = dataclasses.replace(OPTIONS, start_steps=2, ramp_steps=4)
    resident = stand_ins.resident(stand_ins.patterns_and_labels(COUNT), 1)
    index = indices(1, 1, 4, 8)

    def make_moved(options):
        step, created = make(options)
        call = parallel.make_parallel_step(step)

        def moved(steps_done):
            begun = created.replace(step=jnp.int32(steps_done))
            after, _ = call(parallel.replicate(begun, jax.local_devices()[:1]), resident, index)
            before = created.params["hidden"]["kernel"]
            return np.asarray(after.params["hidden"]["kernel"]) - np.asarray(before)

        return moved

    moved, none = (
        make_moved(ramps),
        make_moved(dataclasses.replace(ramps, weight=0.0, fairness_weight=0.0))(0),
    )
    full = moved(100)
    assert abs(full - none).max() > 1e-4
    for steps_done, part in ((0, 0.0), (1, 0.0), (2, 0.25), (3, 0.5), (5, 1.0)):
        np.testing.assert_allclose(
            moved(steps_done), none + part * (full - none), rtol=1e-3, atol=1e-6
        )


def test_unlabelled_patterns_teach():
    """Four labelled patterns, and what the weak views of the others suggest."""
    options = dataclasses.replace(
        OPTIONS, weight=1.0, fairness_weight=0.0, distribution_alignment=False
    )
    step, created = make(options, optimizers.make_adam(0.01), dropout=0.1)
    data = stand_ins.patterns_and_labels(COUNT)
    index = indices(2, 80, 4, 8)
    _, sums = stand_ins.run(step, created, data, index, 2)
    assert sums["loss"][-10:].mean() < 0.3 * sums["loss"][:5].mean()
    assert sums["unlabelled_loss"][-10:].mean() < 0.5 * sums["unlabelled_loss"][:5].mean()
    assert sums["confidence"][-1] > sums["confidence"][0]
