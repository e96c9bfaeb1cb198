"""The machine-readable results: test_metrics.json and test_predictions.csv."""

import csv
import hashlib
import json
import os
import pathlib
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from sgan_jax.evaluation import metrics


def split_metrics(
    logits: np.ndarray,
    labels: np.ndarray,
    *,
    class_names: Sequence[str],
    task: str,
    method: str,
    split: str,
    labelled_fraction: float,
    seed: int,
    steps: int,
    seconds: float,
    devices: Sequence[str],
    config_hash: str,
    params_sha256: str,
) -> dict[str, Any]:
    """Return the content of test_metrics.json for logits [N, C] and labels [N].

    Its fields: task, method, split, labelled_fraction, classes (names, in the order of
    per_class_recall and of the rows and columns of confusion), examples (their number), top1, top5,
    loss (nats), per_class_recall (null for a class without examples), confusion (counts, rows are
    the true classes), seed, steps, seconds (of training), devices (that it ran on, one after the
    other), config_hash, params_sha256.

    Raises:
      ValueError: the logits have the wrong shape or are not finite.
    """
    if logits.shape != (len(labels), len(class_names)):
        raise ValueError(
            f"logits have shape {logits.shape}; {len(labels)} labels and {len(class_names)} "
            f"classes need {(len(labels), len(class_names))}"
        )
    if not np.isfinite(logits).all():
        bad = int((~np.isfinite(logits)).any(axis=1).sum())
        raise ValueError(f"the model's output is not finite for {bad} of {len(labels)} patterns")
    counted = metrics.summary(metrics.count(jnp.asarray(logits), jnp.asarray(labels, jnp.int32)))
    return {
        "task": task,
        "method": method,
        "split": split,
        "labelled_fraction": labelled_fraction,
        "classes": list(class_names),
        **counted,
        "seed": seed,
        "steps": steps,
        "seconds": round(seconds, 3),
        "devices": list(devices),
        "config_hash": config_hash,
        "params_sha256": params_sha256,
    }


def params_sha256(params: Any) -> str:
    """Return the SHA-256 of a parameter tree's bytes.

    The leaves are concatenated in the order of their '/'-joined paths (sorted as strings), each as
    its raw elements, little-endian, in C order, without separators.
    """
    leaves = {
        jax.tree_util.keystr(path, simple=True, separator="/"): np.asarray(leaf)
        for path, leaf in jax.tree_util.tree_leaves_with_path(params)
    }
    digest = hashlib.sha256()
    for path in sorted(leaves):
        digest.update(_little_endian_bytes(leaves[path]))
    return digest.hexdigest()


def _little_endian_bytes(array: np.ndarray) -> bytes:
    # Not dtype.newbyteorder: bfloat16 is not a native NumPy type.
    big = array.dtype.byteorder == ">" or (array.dtype.byteorder == "=" and sys.byteorder == "big")
    return (array.byteswap() if big else array).tobytes(order="C")


def write_metrics(path: pathlib.Path, content: Mapping[str, Any]) -> None:
    """Write test_metrics.json, replacing the file atomically."""
    partial = path.with_suffix(".partial")
    with partial.open("w") as file:
        json.dump(content, file, allow_nan=False)
        file.write("\n")
    os.replace(partial, path)


def write_predictions(
    path: pathlib.Path,
    ids: Sequence[str],
    labels: np.ndarray,
    logits: np.ndarray,
    class_names: Sequence[str],
) -> None:
    """Write test_predictions.csv: id, true, then class_1, probability_1 ... class_5, probability_5.

    Most probable class first; the probabilities are the softmax over all classes. With fewer than
    five classes the last columns are empty.
    """
    best = metrics.best_classes(logits)
    probability = np.take_along_axis(softmax(logits), best, axis=1)
    header = [f"{what}_{i}" for i in range(1, metrics.TOP + 1) for what in ("class", "probability")]
    padding = [""] * (len(header) - 2 * best.shape[1])
    partial = path.with_suffix(".partial")
    with partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "true", *header])
        for name, label, row, chance in zip(ids, labels, best, probability, strict=True):
            guesses = [
                x for k, p in zip(row, chance, strict=True) for x in (class_names[k], f"{p:.6f}")
            ]
            writer.writerow([name, class_names[label], *guesses, *padding])
    os.replace(partial, path)


def softmax(logits: np.ndarray) -> np.ndarray:
    """Return the probabilities [N, C] of logits [N, C], in float64."""
    shifted = logits.astype(np.float64)
    shifted -= shifted.max(axis=1, keepdims=True)
    exponential = np.exp(shifted)
    return exponential / exponential.sum(axis=1, keepdims=True)
