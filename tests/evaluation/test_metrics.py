"""Counts against tables worked out by hand."""

import json

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sgan_jax.evaluation import metrics

# Seven classes, five examples. The rank of the true class, counted by hand, stands at the right.
LOGITS = np.array(
    [
        [9, 1, 2, 3, 4, 5, 6],  # true 0: first
        [9, 1, 2, 3, 4, 5, 6],  # true 3: fifth (after 0, 6, 5, 4)
        [9, 1, 2, 3, 4, 5, 6],  # true 2: sixth
        [0, 0, 7, 0, 0, 0, 0],  # true 2: first
        [0, 1, 0, 0, 0, 0, 0],  # true 0: second
    ],
    np.float32,
)
LABELS = np.array([0, 3, 2, 2, 0], np.int32)


def test_hand_computed_table():
    result = metrics.summary(metrics.count(LOGITS, LABELS))
    assert result["examples"] == 5
    assert result["top1"] == 2 / 5
    assert result["top5"] == 4 / 5
    assert result["per_class_recall"] == [1 / 2, None, 1 / 2, 0.0, None, None, None]
    confusion = np.zeros((7, 7), int)
    confusion[0, 0] = confusion[3, 0] = confusion[2, 0] = confusion[2, 2] = confusion[0, 1] = 1
    assert result["confusion"] == confusion.tolist()


def test_loss_is_the_mean_cross_entropy():
    logits = np.log([[0.5, 0.25, 0.25], [0.1, 0.1, 0.8]]).astype(np.float32) + 3.0
    result = metrics.summary(metrics.count(logits, np.array([1, 2], np.int32)))
    assert result["loss"] == pytest.approx(-(np.log(0.25) + np.log(0.8)) / 2, rel=1e-6)


@pytest.mark.parametrize("split_at", [1, 2, 4])
def test_padded_batches_add_up_to_the_whole(split_at):
    whole = metrics.count(LOGITS, LABELS)
    padded_logits = np.full((5, 7), np.nan, np.float32)
    padded_labels = np.zeros(5, np.int32)
    parts = []
    for part in (slice(0, split_at), slice(split_at, 5)):
        n = len(LABELS[part])
        logits, labels = padded_logits.copy(), padded_labels.copy()
        logits[:n], labels[:n] = LOGITS[part], LABELS[part]
        parts.append(metrics.count(logits, labels, jnp.arange(5) < n))
    total = metrics.add(*parts)
    for field, value in total._asdict().items():
        np.testing.assert_allclose(value, getattr(whole, field), rtol=1e-6, err_msg=field)


def test_ties_go_to_the_lower_class():
    constant = np.zeros((7, 7), np.float32)
    counts = metrics.count(constant, np.arange(7, dtype=np.int32))
    assert int(counts.top1) == 1  # class 0 only
    assert int(counts.top5) == 5  # classes 0..4
    assert np.asarray(counts.confusion)[:, 0].tolist() == [1] * 7
    assert metrics.best_classes(constant)[0].tolist() == [0, 1, 2, 3, 4]


def test_fewer_than_five_classes_are_all_in_the_top_five():
    logits = np.array([[3, 2, 1], [3, 2, 1]], np.float32)
    counts = metrics.count(logits, np.array([2, 0], np.int32))
    assert (int(counts.top1), int(counts.top5)) == (1, 2)
    assert metrics.best_classes(logits).tolist() == [[0, 1, 2], [0, 1, 2]]


def test_not_a_number_is_a_miss():
    counts = metrics.count(np.full((2, 3), np.nan, np.float32), np.array([0, 1], np.int32))
    assert (int(counts.examples), int(counts.top1), int(counts.top5)) == (2, 0, 0)


def test_no_examples_give_nulls_in_json():
    counts = metrics.count(LOGITS, np.full(5, -1, np.int32))
    result = metrics.summary(counts)
    assert result["examples"] == 0
    assert result["top1"] is result["top5"] is result["loss"] is None
    assert result["per_class_recall"] == [None] * 7
    assert json.loads(json.dumps(result, allow_nan=False)) == result


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_counts_agree_with_sorting(seed):
    rng = np.random.default_rng(seed)
    logits = rng.integers(0, 4, (16, 9)).astype(np.float32)  # small integers: many ties
    labels = rng.integers(0, 9, 16).astype(np.int32)
    counts = metrics.count(logits, labels)
    best = metrics.best_classes(logits)
    assert int(counts.top1) == (best[:, 0] == labels).sum()
    assert int(counts.top5) == (best == labels[:, None]).any(axis=1).sum()
    expected = np.zeros((9, 9), int)
    np.add.at(expected, (labels, best[:, 0]), 1)
    np.testing.assert_array_equal(counts.confusion, expected)
