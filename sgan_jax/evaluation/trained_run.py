"""A trained run: restoring its checkpoints, and applying its network to patterns on all devices."""

import pathlib
from typing import Any, NamedTuple

import ml_collections
import numpy as np
from absl import logging
from flax import linen as nn

from sgan_jax import symmetry
from sgan_jax.datasets import powder_patterns, splits
from sgan_jax.diffraction.instrument import Instrument
from sgan_jax.training import batches, checkpoint, experiment, hosts, parallel, steps
from sgan_jax.training.state import evaluated_params


class Trained(NamedTuple):
    """The result of a run's training; states are those of `training.state`."""

    step: int  # training steps done
    seconds: float  # of training
    devices: list[str]  # that it was trained on; empty for runs of programs that did not note it
    final: Any  # state after the last step
    best: Any  # state with the best validation accuracy
    best_step: int


def restore(
    config: ml_collections.ConfigDict,
    workdir: pathlib.Path,
    classes: tuple,
    instrument: Instrument,
) -> Trained:
    """Read a run's last and best checkpoints; without a best one, the last serves as both.

    Raises:
      ValueError: there is no checkpoint.
    """
    like = _fresh_state(config, classes, instrument)
    with checkpoint.latest(workdir, keep=config.checkpoint.keep, read_only=True) as latest:
        final = latest.restore(like)
    with checkpoint.best(workdir, read_only=True) as best_checkpoint:
        best = best_checkpoint.restore(like) or final
    if final is None or best is None:
        raise ValueError(f"{workdir} holds no checkpoint; train first")
    progress = final.notes["progress"]
    if progress["step"] < progress["total"]:
        logging.warning("the run has trained only %(step)d of %(total)d steps", progress)
    return Trained(
        step=final.step,
        seconds=progress["seconds"],
        devices=progress.get("devices", []),
        final=final.state,
        best=best.state,
        best_step=best.step,
    )


def _fresh_state(config: ml_collections.ConfigDict, classes: tuple, instrument: Instrument) -> Any:
    """Return a fresh state with the run's array shapes, which do not depend on its data."""
    empty = np.zeros(0, np.int64)
    shapes = experiment.Data(
        dataset=None,  # ty: ignore[invalid-argument-type]
        instrument=instrument,
        classes=classes,
        class_names=[],
        labels=empty,
        split=splits.Split(empty, empty, empty, empty),
    )
    # Any number of steps that is enough for every schedule will do.
    state, _ = experiment.make_state_and_phases(config, shapes, total_steps=10**9, global_batch=1)
    return state


def run_classes(config: ml_collections.ConfigDict) -> tuple:
    """Return the classes of a run, from its data set only if they are the 'frequent' ones."""
    task = config.task
    if task.name == "sg" and task.classes == "frequent":
        return experiment.load_data(config).classes
    return symmetry.class_list(task.name, task.classes, np.zeros(0, int), task.min_count)


def classify(
    config: ml_collections.ConfigDict,
    trained: Trained,
    classes: int,
    patterns: np.ndarray | powder_patterns.StoredPatterns,
    rows: np.ndarray,
) -> np.ndarray:
    """Return the logits [n, C] of the rows [n] of patterns [N, P], with a run's best parameters."""
    return predict_logits(
        experiment.make_networks(config, classes).discriminator,
        evaluated_params(trained.best),
        patterns,
        rows,
        offset=config.data.intensity_offset,
        batch_size=config.eval.batch_size,
    )


def predict_logits(
    discriminator: nn.Module,
    params: Any,
    patterns: np.ndarray | powder_patterns.StoredPatterns,
    rows: np.ndarray,
    *,
    offset: float,
    batch_size: int,
) -> np.ndarray:
    """Return the logits [n, C] of the rows [n] of patterns [N, P] + offset, on all hosts.

    In batches of `batch_size` on each device; each host reads the patterns of its own devices, one
    batch at a time.
    """
    call = parallel.make_parallel_evaluation(steps.make_evaluation_step(discriminator))
    devices, here = parallel.device_count(), parallel.local_devices()
    share = batches.evaluation_share(rows, devices=devices)[here]
    params = parallel.replicate(params)
    parts = []
    for positions, mask in batches.padded_batches(
        len(rows), devices=devices, batch_size=batch_size
    ):
        now = np.take_along_axis(share, positions[here], axis=1)
        read = patterns[now.ravel()].reshape(*now.shape, -1) + np.float32(offset)
        in_order = np.broadcast_to(np.arange(now.shape[1], dtype=np.int32), now.shape)
        given = parallel.distribute((read, np.zeros(now.shape, np.int32)))
        _, logits = call(params, *given, in_order, mask[here])
        parts.append(np.asarray(logits))
    dealt = np.concatenate(parts, axis=1)[:, : share.shape[1]]
    return batches.in_order(hosts.gather(dealt), len(rows))
