"""How much accuracy is lost on samples and instruments that are not ideal: robustness.json.

Each curve takes the same test patterns, disturbs them more and more and counts how many are still
classified right. A bar says how many points of accuracy may be lost at the levels that it is about.
"""

import json
import os
import pathlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from sgan_jax.diffraction.instrument import PRESETS, Instrument
from sgan_jax.evaluation import disturbances, metrics

NAME = "robustness.json"  # in the run's folder
SAMPLES = 2000  # test patterns: a loss of five points is known to about half a point
_BATCH = 256

Logits = Callable[[np.ndarray], np.ndarray]  # float32 [n, P] -> [n, K]


class Sample(NamedTuple):
    """Test patterns that are disturbed.

    Attributes:
        patterns: float64 [N, P], maximum 1.
        labels: int [N], their classes.
        reflections: d-spacings (Å) and multiplicity·|F|² of each.
        instrument: that they are of.
    """

    patterns: np.ndarray
    labels: np.ndarray
    reflections: Sequence[tuple[np.ndarray, np.ndarray]]
    instrument: Instrument


class Curve(NamedTuple):
    """One disturbance, at several levels.

    Attributes:
        name: its key in robustness.json.
        axis: what the levels are, with the unit.
        levels: numbers, or names where they are of no order.
        judged: at which of them the bar holds.
        limit_points: the bar, points of accuracy (per cent) that may be lost.
        disturb: level, positions [n] in the sample -> patterns [n, P].
    """

    name: str
    axis: str
    levels: Sequence[Any]
    judged: Sequence[Any]
    limit_points: float
    disturb: Callable[[Any, np.ndarray], np.ndarray]


MISSING_RANGES = {  # degrees of 2θ on the grid of the paper's patterns, 3 to 155
    "whole": [],
    "from 10°": [(0.0, 10.0)],
    "to 140°": [(140.0, 180.0)],
    "10 to 140°": [(0.0, 10.0), (140.0, 180.0)],
    "gap 60 to 65°": [(60.0, 65.0)],
    "to 120°": [(120.0, 180.0)],
    "to 90°": [(90.0, 180.0)],
}


def curves(sample: Sample, seed: int = 0) -> list[Curve]:
    """Return the curves of a sample, the disturbances drawn from a seed."""
    patterns, instrument = sample.patterns, sample.instrument
    other = _partners(len(patterns), seed)
    per_degree = 1.0 / instrument.two_theta_step_deg
    return [
        Curve(
            "impurity",
            "fraction of the intensity that is another crystal's",
            (0.0, 0.05, 0.1, 0.2, 0.3),
            (0.2,),
            8.0,
            lambda f, rows: disturbances.mixed(patterns[rows], patterns[other[rows]], f),
        ),
        Curve(
            "zero_shift",
            "zero shift (degrees of 2θ)",
            (-0.3, -0.2, -0.1, 0.0, 0.1, 0.2, 0.3),
            (-0.3, -0.2, -0.1, 0.1, 0.2, 0.3),
            5.0,
            lambda shift, rows: disturbances.zero_shifted(
                patterns[rows], round(shift * per_degree)
            ),
        ),
        Curve(
            "noise",
            "counts at the maximum, over a background of a tenth of it",
            (100, 300, 1000, 3000, 10_000, 100_000),
            (1000, 3000, 10_000, 100_000),
            5.0,
            # Of each pattern its own noise, the same in whatever company it is counted.
            lambda counts, rows: np.concatenate(
                [disturbances.counted(patterns[[i]], counts, seed + int(i)) for i in rows]
            ),
        ),
        Curve(
            "resolution",
            "peak shapes of the instrument",
            tuple(PRESETS),
            tuple(PRESETS),
            5.0,
            lambda name, rows: disturbances.of_resolution(
                [sample.reflections[i] for i in rows], instrument, PRESETS[name]
            ),
        ),
        Curve(
            "missing_range",
            "what was measured",
            tuple(MISSING_RANGES),
            ("from 10°", "to 140°", "10 to 140°", "gap 60 to 65°"),
            5.0,
            lambda name, rows: disturbances.not_measured(
                patterns[rows], instrument.two_theta_deg, MISSING_RANGES[name]
            ),
        ),
    ]


def measure(logits: Logits, sample: Sample, seed: int = 0) -> Iterator[dict[str, Any]]:
    """Yield what is known of each curve, ready for JSON.

    Keys: name, axis, levels, top1 (accuracy at each), plain_top1 (of the patterns as they are),
    judged, limit_points, lost_points (the most at a judged level) and kept (whether the bar is).

    Args:
        logits: of the model.
        sample: the patterns.
        seed: of the disturbances.
    """
    rows = np.arange(len(sample.labels))
    plain = _accuracy(logits, sample, lambda rows: sample.patterns[rows], rows)
    for curve in curves(sample, seed):
        top1 = [
            _accuracy(logits, sample, lambda rows, level=level: curve.disturb(level, rows), rows)
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
    """Write robustness.json; a reader never sees half of it."""
    partial = folder / f"{NAME}.partial"
    partial.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    os.replace(partial, folder / NAME)


def read(folder: pathlib.Path, params_sha256: str) -> dict[str, Any] | None:
    """Return what was found of a run's model; None where nothing was, or of another model."""
    try:
        content = json.loads((folder / NAME).read_text(encoding="utf-8"))
        return content if content["params_sha256"] == params_sha256 else None
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


def _partners(count: int, seed: int) -> np.ndarray:
    """Return for each of n crystals another one, its impurity; each serves once."""
    order = np.random.default_rng(seed).permutation(count)
    partner = np.empty(count, int)
    partner[order] = np.roll(order, 1)
    return partner
