"""Loading trained models: from a run's folder, an export, a published file, or the package."""

import contextlib
import pathlib
from collections.abc import Generator
from typing import Any

import ml_collections
import numpy as np
from absl import logging
from flax import traverse_util

from sgan_jax import config as configuration
from sgan_jax import symmetry
from sgan_jax.answers import packaged, saved_model
from sgan_jax.answers.classifier import Classifier
from sgan_jax.answers.saved_model import ModelError
from sgan_jax.diffraction.instrument import PRESETS
from sgan_jax.evaluation import calibration
from sgan_jax.evaluation.calibration import Calibration
from sgan_jax.models import torch_weights
from sgan_jax.training import blueprint

_PUBLISHED_OFFSET = 1e-3  # added to each pattern by the released program
# Task and classes of the published models by their number, in the order of the class indices.
_PUBLISHED_CLASSES = {
    14: ("bl", symmetry.BRAVAIS_LATTICES),
    144: ("sg", symmetry.PAPER_SPACE_GROUPS),
    230: ("sg", tuple(range(1, 231))),
}


def load(where: str | pathlib.Path, variant: str | None = None) -> Classifier:
    """Return a trained model.

    Args:
        where: the name of a model in the package ('bl', 'sg'), a run's folder (its best checkpoint
            is used), a folder written by `export`, or a published PyTorch file (.pth).
        variant: for a published file only: 'SGAN' (the default) or 'Supervised'.

    Raises:
        ValueError: there is no model, or it is damaged; the message says what to do.
        OSError: it cannot be read.
    """
    path = pathlib.Path(where)
    names = packaged.names()
    if path.is_file():
        return load_published(path, "SGAN" if variant is None else variant)
    if variant is not None:
        raise ModelError(
            f"variant {variant!r} is only for a published file (.pth), which {path} is not"
        )
    if str(where) in names:
        return saved_model.read(packaged.FOLDER / str(where))
    if (path / "config.json").is_file():
        return load_run(path)
    if (path / packaged.MODEL).is_file():
        return saved_model.read(path)
    raise ModelError(
        f"{where} is not a model: give a run's folder, a published file (.pth), or the name of a "
        f"packaged model ({', '.join(names) or 'none in this package'})"
    )


def load_run(run: pathlib.Path) -> Classifier:
    """Return the model of a run: the parameters that its evaluation uses, and its calibration.

    Raises:
        ModelError: it has no checkpoint, or its calibration is of another step.
        ValueError: a file is damaged.
    """
    config = configuration.load(run / "config.json")
    step, params = _best_params(run)
    found = calibration.read(run / calibration.NAME)
    if found is not None and found.step != step:
        raise ModelError(
            f"{run / calibration.NAME} is for step {found.step}, but the best checkpoint is of "
            f"step {step}; evaluate the run again (--mode=evaluate --workdir={run})"
        )
    classes = _classes(config, found, run)
    return Classifier(
        task=config.task.name,
        classes=classes,
        class_names=symmetry.class_names(config.task.name, classes),
        instrument=blueprint.make_instrument(config.instrument),
        model=blueprint.make_classifier(config, len(classes)),
        params=params,
        intensity_offset=config.data.intensity_offset,
        calibration=found,
    )


def load_published(path: pathlib.Path, variant: str) -> Classifier:
    """Return a model published by the paper's authors; it has no calibration.

    Raises:
        ValueError: the file is not one of theirs.
        OSError: it cannot be read.
    """
    published = torch_weights.load_published(path, variant)
    if published.model.classes not in _PUBLISHED_CLASSES:
        raise ModelError(
            f"{path} is a model of {published.model.classes} classes; the published models have "
            f"{', '.join(map(str, _PUBLISHED_CLASSES))}"
        )
    task, classes = _PUBLISHED_CLASSES[published.model.classes]
    return Classifier(
        task=task,
        classes=classes,
        class_names=symmetry.class_names(task, classes),
        instrument=PRESETS["nist2022"],
        model=published.model,
        params=published.params,
        intensity_offset=_PUBLISHED_OFFSET,
        calibration=None,
    )


def export(run: str | pathlib.Path, folder: str | pathlib.Path) -> None:
    """Write the parts of a run that predictions need into a folder (`saved_model`).

    Raises:
        ModelError: the run has not been evaluated, or has no checkpoint.
    """
    run = pathlib.Path(run)
    model = load_run(run)
    if model.calibration is None:
        raise ModelError(f"{run} has no calibration; run --mode=evaluate --workdir={run}")
    config = configuration.load(run / "config.json").to_dict()
    paths = ("cif_path", "prototype_path", "synthetic_statistics", "dir")  # local to a machine
    config["data"] |= {key: "" for key in paths}
    saved_model.write(model, pathlib.Path(folder), config)


def _best_params(run: pathlib.Path) -> tuple[int, dict[str, Any]]:
    """Return the training step of the evaluated parameters, and these as nested dicts of arrays."""
    from sgan_jax.training import checkpoint  # orbax takes a second

    with _silent_orbax():
        with checkpoint.best(run, read_only=True) as best:
            found = best.newest()
        if found is None:
            with checkpoint.latest(run, keep=1, read_only=True) as latest:
                found = latest.newest()
    if found is None:
        raise ModelError(f"{run} holds no checkpoint; train first")
    # As `training.state.evaluated_params`, but by name, without building the run's state.
    for prefix in ("average/", "params/discriminator/", "params/"):
        flat = {
            name.removeprefix(prefix): np.asarray(leaf)
            for name, leaf in found.state.items()
            if name.startswith(prefix)
        }
        if flat:
            return found.step, traverse_util.unflatten_dict(flat, sep="/")
    raise ModelError(f"{run} holds a checkpoint without parameters, from another program version")


@contextlib.contextmanager
def _silent_orbax() -> Generator[None]:
    """Suppress orbax's log lines about a folder that is only read; all others stay."""
    logger = logging.get_absl_logger()

    def is_ours(record) -> bool:
        return "orbax" not in pathlib.Path(record.pathname).parts

    logger.addFilter(is_ours)
    try:
        yield
    finally:
        logger.removeFilter(is_ours)


def _classes(
    config: ml_collections.ConfigDict, found: Calibration | None, run: pathlib.Path
) -> tuple:
    """Return the classes of a run; 'frequent' ones are known only from its calibration."""
    task = config.task
    if task.name == "sg" and task.classes == "frequent":
        if found is None:
            raise ModelError(
                f"the space groups that {run} predicts depend on its data; evaluate it first "
                f"(--mode=evaluate --workdir={run})"
            )
        return tuple(int(name.split()[0]) for name in found.class_names)  # '225 Fm-3m'
    return symmetry.class_list(task.name, task.classes, np.zeros(0, int), task.min_count)
