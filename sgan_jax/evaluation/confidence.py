"""How honest a trained run's confidence is: calibrated on its validation part, checked on its test.

The shell around `calibration`. The test part is never calibrated on.
"""

import pathlib
from typing import Any

import jax
import ml_collections
import numpy as np
from absl import logging

import sgan_jax
from sgan_jax import config as configuration
from sgan_jax import config_rules
from sgan_jax.evaluation import calibration, first_lines, trained_run
from sgan_jax.evaluation.calibration import Calibration
from sgan_jax.evaluation.trained_run import Trained
from sgan_jax.training import augment, experiment
from sgan_jax.training.state import evaluated_params

_LOOKED_AT = 4096  # patterns of the validation part, for what is familiar; 50 MB


def calibrate(
    config: ml_collections.ConfigDict,
    data: experiment.Data,
    trained: Trained,
    logits: np.ndarray,
) -> Calibration:
    """Return the calibration of a run's best parameters; all hosts call it together.

    Args:
      config: of the run.
      data: of the run.
      trained: its checkpoints.
      logits: of the whole validation part, in its order.
    """
    held_out = data.split.validation
    some = np.unique(np.linspace(0, len(held_out) - 1, min(len(held_out), _LOOKED_AT)).astype(int))
    patterns = data.dataset.patterns[held_out[some]]
    return calibration.make(
        logits,
        data.labels[held_out],
        _familiar_logits(config, data, trained, patterns, logits[some]),
        first_lines.first_lines_angstrom(patterns, data.instrument),
        class_names=data.class_names,
        step=trained.best_step,
        made_by=f"python -m sgan_jax.main --mode=evaluate (sgan_jax {sgan_jax.__version__})",
    )


def _familiar_logits(
    config: ml_collections.ConfigDict,
    data: experiment.Data,
    trained: Trained,
    patterns: np.ndarray,
    logits: np.ndarray,
) -> np.ndarray:
    """Return the logits of views of patterns as the training has made them, [m, K].

    Those of the patterns themselves where it made none: what is unlike all of these is unlike what
    the network has learnt from.
    """
    section = config.strong if config.method in config_rules.WITH_STRONG_VIEWS else config.augment
    strengths = augment.Strengths(**configuration.flatten(section))
    if strengths == augment.Strengths():
        return logits
    view = jax.jit(augment.make_augment(data.instrument.two_theta_deg, strengths))
    offset = np.float32(config.data.intensity_offset)
    views = np.asarray(view(jax.random.key(config.seed), patterns + offset))
    return trained_run.predict_logits(
        experiment.make_networks(config, len(data.classes)).discriminator,
        evaluated_params(trained.best),
        views,
        np.arange(len(views)),
        offset=0.0,
        batch_size=config.eval.batch_size,
    )


def write(
    workdir: pathlib.Path, found: Calibration, logits: np.ndarray, labels: np.ndarray
) -> dict[str, Any]:
    """Write calibration.json and, of how it does on test patterns, confidence.json.

    Args:
      workdir: of the run.
      found: its calibration.
      logits: [n, K], of the test part.
      labels: [n], its classes.

    Returns:
      The content of confidence.json, see `calibration.check`.
    """
    checked = calibration.check(found, logits, labels)
    calibration.write(workdir / calibration.NAME, found.to_json())
    calibration.write(workdir / "confidence.json", checked)
    logging.info(
        "confidence: temperature %.3f; calibration error %.3f before, %.3f after",
        found.temperature,
        checked["ece_before"],
        checked["ece_after"],
    )
    for entry in checked["sets"]:
        logging.info(
            "sets of %.0f %%: hold the true class of %.1f %%, %.1f classes on average%s",
            100 * entry["coverage"],
            100 * entry["covered"],
            entry["mean_size"],
            "" if entry["enough"] else "; too few validation patterns for less than all classes",
        )
    return checked
