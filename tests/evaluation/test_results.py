"""The files for other programs, against what such a program would calculate by itself."""

import csv
import hashlib
import json
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
import pytest

from sgan_jax.evaluation import results

NAMES = ("cubic (F)", "cubic (I)", "cubic (P)")
LOGITS = np.log(np.array([[0.7, 0.2, 0.1], [0.1, 0.3, 0.6], [0.2, 0.5, 0.3]], np.float32))
LABELS = np.array([0, 0, 1])
FACTS = dict(
    task="bl",
    method="supervised",
    split="random",
    labelled_fraction=0.9,
    seed=0,
    steps=12,
    seconds=1.5,
    devices=["8 x NVIDIA H200"],
    config_hash="abc",
    params_sha256="def",
)
FIELDS = (
    "task, method, split, labelled_fraction, classes, examples, top1, top5, loss, "
    "per_class_recall, confusion, seed, steps, seconds, devices, config_hash, params_sha256"
).split(", ")


def test_metrics_file_has_the_promised_fields(tmp_path):
    content = results.split_metrics(LOGITS, LABELS, class_names=NAMES, **FACTS)
    results.write_metrics(tmp_path / "test_metrics.json", content)
    read = json.loads((tmp_path / "test_metrics.json").read_text())
    assert list(read) == FIELDS
    assert read["classes"] == list(NAMES)
    assert read["examples"] == 3
    assert read["devices"] == ["8 x NVIDIA H200"]
    assert read["top1"] == pytest.approx(2 / 3)
    assert read["per_class_recall"] == [0.5, 1.0, None]
    assert read["confusion"] == [[1, 0, 1], [0, 1, 0], [0, 0, 0]]
    assert read["loss"] == pytest.approx(-np.log([0.7, 0.1, 0.5]).mean(), rel=1e-6)
    assert [path.name for path in tmp_path.iterdir()] == ["test_metrics.json"]


def test_an_output_that_is_not_finite_is_an_error():
    logits = LOGITS.copy()
    logits[1, 1] = np.nan
    with pytest.raises(ValueError, match="not finite for 1 of 3 patterns"):
        results.split_metrics(logits, LABELS, class_names=NAMES, **FACTS)


def test_names_that_do_not_fit_the_output_are_an_error():
    with pytest.raises(ValueError, match="2 classes"):
        results.split_metrics(LOGITS, LABELS, class_names=NAMES[:2], **FACTS)


def test_predictions_hold_the_softmax_best_first(tmp_path):
    path = tmp_path / "test_predictions.csv"
    results.write_predictions(path, ['a,"b"', "é", "3"], LABELS, LOGITS - 100, NAMES)
    rows = list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))
    assert [row["id"] for row in rows] == ['a,"b"', "é", "3"]
    assert [row["true"] for row in rows] == ["cubic (F)", "cubic (F)", "cubic (I)"]
    assert [rows[1][f"class_{i}"] for i in (1, 2, 3, 4, 5)] == [
        "cubic (P)", "cubic (I)", "cubic (F)", "", "",
    ]  # fmt: skip
    chances = [float(rows[1][f"probability_{i}"]) for i in (1, 2, 3)]
    assert chances == pytest.approx([0.6, 0.3, 0.1], abs=1e-5)


def test_predictions_agree_with_the_metrics(tmp_path):
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(200, 9)).astype(np.float32)
    labels = rng.integers(0, 9, 200)
    names = [f"{k} group" for k in range(9)]
    content = results.split_metrics(logits, labels, class_names=names, **FACTS)
    path = tmp_path / "test_predictions.csv"
    results.write_predictions(path, [str(i) for i in range(200)], labels, logits, names)
    rows = list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))
    top1 = np.mean([row["true"] == row["class_1"] for row in rows])
    top5 = np.mean([row["true"] in [row[f"class_{i}"] for i in range(1, 6)] for row in rows])
    assert content["top1"] == pytest.approx(top1)
    assert content["top5"] == pytest.approx(top5)


class Networks(NamedTuple):
    discriminator: dict
    generator: dict


def test_parameters_hash_is_sorted_little_endian_bytes():
    a = np.arange(6, dtype=np.float32).reshape(2, 3)
    b = np.array([1.5], np.float32)
    params = Networks({"z": {"kernel": jnp.asarray(a)}, "a": {"bias": b}}, {"c": a.T})
    by_hand = b.astype("<f4").tobytes() + a.astype("<f4").tobytes()
    by_hand += np.ascontiguousarray(a.T).astype("<f4").tobytes()
    assert results.params_sha256(params) == hashlib.sha256(by_hand).hexdigest()
    changed = Networks({"z": {"kernel": a + 1e-6}, "a": {"bias": b}}, {"c": a.T})
    assert results.params_sha256(changed) != results.params_sha256(params)


def test_parameters_hash_does_not_depend_on_the_machine():
    values = np.linspace(0, 1, 5, dtype=np.float32)
    assert results.params_sha256({"w": values.astype(">f4")}) == results.params_sha256(
        {"w": values.astype("<f4")}
    )
    assert results.params_sha256({"w": jnp.asarray(values, jnp.bfloat16)})


def test_keys_are_sorted_as_whole_paths():
    # As strings 'a-b/x' < 'a/x'; as nested dicts the order would be the other way round.
    first, second = np.zeros(1, np.float32), np.ones(1, np.float32)
    digest = results.params_sha256({"a": {"x": first}, "a-b": {"x": second}})
    assert digest == hashlib.sha256(second.tobytes() + first.tobytes()).hexdigest()
