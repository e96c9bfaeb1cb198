"""Loss of accuracy on imperfect samples and other instruments: robustness.json.

Each curve gives the accuracy on the same test patterns under one perturbation at increasing levels.
Its limit is the number of points of accuracy that may be lost at the judged levels.
"""

import functools
import json
import os
import pathlib
from collections.abc import Callable, Iterator
from typing import Any

import ml_collections
import numpy as np
import tqdm

from sgan_jax.datasets import powder_patterns
from sgan_jax.evaluation import metrics, robustness_curves
from sgan_jax.evaluation.disturbances import CrystalReflections
from sgan_jax.evaluation.robustness_curves import Sample
from sgan_jax.training import experiment

NAME = "robustness.json"  # in the run's folder
SAMPLES = 2000  # test patterns: determines a loss of five points to about half a point
_BATCH = 256

Logits = Callable[[np.ndarray], np.ndarray]  # float32 [n, P] -> [n, K]


def read_sample(config: ml_collections.ConfigDict, count: int = SAMPLES) -> Sample:
    """Return evenly spaced patterns of a run's test part, with their crystals' reflections."""
    data = experiment.load_data(config)
    test = data.split.test
    rows = test[np.unique(np.linspace(0, len(test) - 1, min(len(test), count)).astype(int))]
    examples = powder_patterns.open_examples(experiment.prepare_data(config))
    crystals = [
        CrystalReflections(
            example["d_angstrom"],
            example["multiplicity_f_squared"],
            example["hkl"],
            example["cell"],
            example["proper_rotations"],
        )
        for example in examples.__getitems__(rows.tolist())
    ]
    patterns = data.dataset.patterns[rows].astype(np.float64)
    return Sample(patterns, data.labels[rows], crystals, data.instrument)


def measure(logits: Logits, sample: Sample, seed: int = 0) -> Iterator[dict[str, Any]]:
    """Yield the result of each curve, JSON-serialisable.

    Keys: name, axis, levels, top1 (accuracy at each level), plain_top1 (on unperturbed patterns),
    judged (levels), limit_points, lost_points (maximum over the judged levels) and kept (whether
    that is within the limit).

    Args:
        logits: function from patterns to the model's logits.
        sample: the patterns.
        seed: of the perturbations.
    """
    rows = np.arange(len(sample.labels))
    plain = _accuracy(logits, sample, lambda rows: sample.patterns[rows], rows)
    for curve in tqdm.tqdm(robustness_curves.curves(sample, seed), desc="robustness", unit="curve"):
        top1 = [
            _accuracy(logits, sample, functools.partial(curve.disturb, level), rows)
            for level in curve.levels
        ]
        at = dict(zip(curve.levels, top1, strict=True))
        lost = 100.0 * max(plain - at[level] for level in curve.judged)
        yield {
            "name": curve.name,
            "axis": curve.axis,
            "levels": list(curve.levels),
            "top1": top1,
            "plain_top1": plain,
            "judged": list(curve.judged),
            "limit_points": curve.limit_points,
            "lost_points": lost,
            "kept": lost <= curve.limit_points,
        }


def write(folder: pathlib.Path, content: dict[str, Any]) -> None:
    """Write robustness.json, replacing the file atomically."""
    partial = folder / f"{NAME}.partial"
    partial.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    os.replace(partial, folder / NAME)


def read(folder: pathlib.Path, step: int) -> dict[str, Any] | None:
    """Return the content of robustness.json for a step's model; None without a readable one."""
    try:
        content = json.loads((folder / NAME).read_text(encoding="utf-8"))
        return content if content["step"] == step else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _accuracy(
    logits: Logits,
    sample: Sample,
    patterns: Callable[[np.ndarray], np.ndarray],
    rows: np.ndarray,
) -> float:
    right = 0
    for start in range(0, len(rows), _BATCH):
        some = rows[start : start + _BATCH]
        best = metrics.best_classes(logits(patterns(some).astype(np.float32)), top=1)[:, 0]
        right += int(np.sum(best == sample.labels[some]))
    return right / len(rows)
