"""How honest a trained run's confidence is: calibrated on its validation part, checked on its test.

The shell around `calibration`. A network that was trained on distorted patterns (`config.augment`)
or on rendered ones (`config.render`) is less sure of those, and of measured ones, which they stand
for, than of patterns as they were simulated. So two things are measured: how honest it is on
patterns as in training, whose calibration answers for measured patterns use, and, calibrated for
itself, on patterns as they are.
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
_LOOKED_AT = 8192  # patterns of each part that are distorted; 100 MB


class Confidence(NamedTuple):
    """A run's calibration for answers, and the checks on its test part."""

    calibration: Calibration
    checks: dict[
        str, Any
    ]  # 'as_simulated' and 'as_distorted', None where training distorts nothing


class Part(NamedTuple):
    """Patterns of a data set and what the network says of them as they are."""

    rows: np.ndarray  # [n], their positions
    logits: np.ndarray  # [n, K]


def measure(
    config: ml_collections.ConfigDict,
    data: experiment.Data,
    trained: Trained,
    held_out: Part,
    test: Part,
) -> Confidence:
    """Return how sure a run's best parameters may be; all hosts call it together.

    Args:
      config: of the run.
      data: of the run.
      trained: its checkpoints.
      held_out: its validation part, never trained on.
      test: its test part, never calibrated on.
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
    """Return the logits [n, K] of patterns [n, P] that are offset already."""
    return trained_run.predict_logits(
        experiment.make_networks(config, len(data.classes)).discriminator,
        evaluated_params(trained.best),
        views,
        np.arange(len(views)),
        offset=0.0,
        batch_size=config.eval.batch_size,
    )


def _spread(rows: np.ndarray) -> np.ndarray:
    """Return the rows, or as many of them as are looked at, evenly spread."""
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
            "confidence, patterns %s: temperature %.3f; calibration error %.3f before, %.3f after",
            name.replace("_", " "),
            checked["temperature"],
            checked["ece_before"],
            checked["ece_after"],
        )
        for entry in checked["sets"]:
            logging.info(
                "sets of %.0f %%: hold the true class of %.1f %%, %.1f classes on average%s",
                100 * entry["coverage"],
                100 * entry["covered"],
                entry["mean_size"],
                "" if entry["enough"] else "; all classes: there are too few validation patterns",
            )
