"""What a resumed run keeps: the configuration, the global batch and the best checkpoint."""

import pathlib
from typing import Any

import ml_collections
from absl import logging

from sgan_jax import config as configuration
from sgan_jax.training import checkpoint, loop, parallel


def remember(config: ml_collections.ConfigDict, path: pathlib.Path, *, begun: bool) -> None:
    """Write the configuration; raise ValueError if a run that has begun has another."""
    if begun and path.is_file():
        changed = configuration.differences(configuration.load(path), config)
        if changed:
            raise ValueError(
                f"{path.parent} holds a run of another configuration ({'; '.join(changed)}); "
                "use the same settings to resume it, or another --workdir"
            )
    configuration.save(config, path)


def is_finished(progress: dict[str, Any]) -> bool:
    """Say whether a run has nothing left to do, according to its saved progress."""
    return progress["step"] == progress["total"] and not progress["unevaluated"]


def batch_sizes(config: ml_collections.ConfigDict, notes: dict[str, Any] | None) -> tuple[int, int]:
    """Return the batch sizes per device and over all devices; a resumed run keeps the latter.

    Raises:
      ValueError: the run is resumed on devices that cannot share its global batch evenly.
    """
    devices = parallel.device_count()
    if notes is None:
        return config.train.batch_size, devices * config.train.batch_size
    global_batch = notes["progress"]["global_batch"]
    before = global_batch // config.train.batch_size
    if global_batch % devices:
        fitting = [n for n in range(1, global_batch + 1) if global_batch % n == 0]
        raise ValueError(
            f"the run was started on {before} devices with batches of {global_batch}, which "
            f"{devices} devices cannot share evenly; use {', '.join(map(str, fitting))} devices"
        )
    if devices != before:
        logging.info(
            "started on %d devices, resuming on %d: the batch stays %d, %d on each device",
            before,
            devices,
            global_batch,
            global_batch // devices,
        )
    return global_batch // devices, global_batch


def compare_best(progress: loop.Progress, best: checkpoint.Checkpoints) -> None:
    """Lower the best validation accuracy so far to that of the best intact checkpoint.

    They differ if the best checkpoint was damaged and the one before it, or none, replaces it.
    """
    try:
        notes = best.notes()
    except checkpoint.DamagedError as error:
        logging.warning("%s. The best checkpoint from here on replaces them", error)
        notes = None
    there = loop.Progress(**notes["progress"]) if notes else loop.Progress()
    if there.best_step < progress.best_step:
        progress.best_accuracy, progress.best_step = there.best_accuracy, there.best_step
