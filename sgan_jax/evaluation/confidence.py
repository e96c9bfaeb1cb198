"""Confidence of a trained run: calibrated on its validation part, checked on its test part.

The shell around `calibration`. A network that was trained on distorted patterns (`config.augment`)
or on rendered ones (`config.render`) is less certain of these, and of the measured ones that they
stand for, than of patterns as simulated. So it is calibrated and checked twice: on patterns as in
training, whose calibration predictions for measured patterns use, and, separately, on patterns as
simulated.
"""

import pathlib
from typing import Any, NamedTuple

import ml_collections
import numpy as np
from absl import logging

import sgan_jax
from sgan_jax.evaluation import (
    calibration,
    first_lines,
    noise_levels,
    trained_run,
    trained_views,
)
from sgan_jax.evaluation.calibration import Calibration
from sgan_jax.evaluation.trained_run import Trained
from sgan_jax.training import experiment
from sgan_jax.training.state import evaluated_params

NAME = "confidence.json"
_LOOKED_AT = 8192  # patterns of each part that are read and distorted; 100 MB


class Confidence(NamedTuple):
    """A run's calibration for predictions, and the checks on its test part."""

    calibration: Calibration
    checks: dict[str, Any]  # 'as_simulated'; 'as_distorted', None if training distorts nothing


class Part(NamedTuple):
    """Patterns of a data set and their logits."""

    rows: np.ndarray  # [n], their positions in the data set
    logits: np.ndarray  # [n, K]


def measure(
    config: ml_collections.ConfigDict,
    data: experiment.Data,
    trained: Trained,
    held_out: Part,
    test: Part,
) -> Confidence:
    """Calibrate a run's best parameters and check the calibration; all hosts call it together.

    Args:
      config: of the run.
      data: of the run.
      trained: its checkpoints.
      held_out: its validation part, never trained on, with the logits of the patterns as simulated.
      test: its test part, likewise; never calibrated on.
    """
    some = _spread(held_out.rows)
    patterns = data.dataset.patterns[some]
    lines = first_lines.first_lines_angstrom(patterns, data.instrument)

    def check(held_out: Part, test: Part, patterns: np.ndarray) -> tuple[Calibration, dict]:
        found = calibration.make(
            held_out.logits,
            data.labels[held_out.rows],
            noise_levels.noise_levels(patterns),
            lines,
            class_names=data.class_names,
            step=trained.best_step,
            made_by=f"python -m sgan_jax.main --mode=evaluate (sgan_jax {sgan_jax.__version__})",
        )
        return found, calibration.check(found, test.logits, data.labels[test.rows])

    found, checked = check(held_out, test, patterns)
    if (views := trained_views.make_views(config, data)) is None:
        return Confidence(found, {"as_simulated": checked, "as_distorted": None})
    rows = some, _spread(test.rows)
    shown = views(np.concatenate(rows))
    logits = _classify(config, data, trained, shown)
    parts = map(Part, rows, np.split(logits, [len(some)]))
    found, distorted = check(*parts, shown[: len(some)])
    return Confidence(found, {"as_simulated": checked, "as_distorted": distorted})


def _classify(
    config: ml_collections.ConfigDict, data: experiment.Data, trained: Trained, views: np.ndarray
) -> np.ndarray:
    """Return the logits [n, K] of patterns [n, P] that already include the offset."""
    return trained_run.predict_logits(
        experiment.make_networks(config, len(data.classes)).discriminator,
        evaluated_params(trained.best),
        views,
        np.arange(len(views)),
        offset=0.0,
        batch_size=config.eval.batch_size,
    )


def _spread(rows: np.ndarray) -> np.ndarray:
    """Return the rows, or `_LOOKED_AT` evenly spaced ones if there are more."""
    if len(rows) <= _LOOKED_AT:
        return rows
    return rows[np.linspace(0, len(rows) - 1, _LOOKED_AT).astype(int)]


def write(workdir: pathlib.Path, found: Confidence) -> None:
    """Write calibration.json and confidence.json."""
    calibration.write(workdir / calibration.NAME, found.calibration.to_json())
    calibration.write(workdir / NAME, found.checks)
    for name, checked in found.checks.items():
        if checked is None:
            continue
        logging.info(
            "patterns %s: temperature %.3f; calibration error %.3f before scaling, %.3f after",
            name.replace("_", " "),
            checked["temperature"],
            checked["ece_before"],
            checked["ece_after"],
        )
        for entry in checked["sets"]:
            logging.info(
                "%.0f %% prediction sets: coverage %.1f %%, %.1f classes on average%s",
                100 * entry["coverage"],
                100 * entry["covered"],
                entry["mean_size"],
                "" if entry["enough"] else " (all: there are too few validation patterns)",
            )
