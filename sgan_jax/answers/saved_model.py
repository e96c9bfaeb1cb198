"""A trained model as a folder of two files: the format of the packaged models and of exports.

    model.json    what the model is: task, classes, instrument, network, calibration, and the
                  SHA-256 of the other file
    params.npz    the parameters, arrays named by their '/'-joined paths in the network

model.json also holds the whole configuration of the run, which documents the model's origin.
"""

import dataclasses
import hashlib
import io
import json
import pathlib
from typing import Any

import numpy as np
from flax import traverse_util

from sgan_jax import symmetry
from sgan_jax.answers.classifier import Classifier
from sgan_jax.answers.packaged import MODEL
from sgan_jax.diffraction.instrument import Instrument
from sgan_jax.evaluation import temperature
from sgan_jax.evaluation.calibration import Calibration
from sgan_jax.models.resnet import ResNet1D

PARAMS = "params.npz"
FORMAT = 1
_MAX_CHANGE = 0.01  # of any probability in half precision; above it parameters stay in single
_PROBES = 64
# The fields of `ResNet1D` that affect its parameters or its predictions; dropout affects neither.
_NETWORK = ("input_power", "stem_pool", "projection_shortcuts", "real_fake_head", "width", "dtype")


class ModelError(ValueError):
    """No usable model in a folder or file; the message says why and what to do."""


def write(classifier: Classifier, folder: pathlib.Path, config: dict[str, Any]) -> None:
    """Write a model into a folder.

    The parameters are rounded to half precision if that changes no class probability of a set of
    random patterns by more than 0.01; a model of the paper's size takes 1 MB then, otherwise
    2.6 MB.

    Args:
        classifier: the model.
        folder: created if it does not exist.
        config: of the run that the model comes from, JSON-serialisable.
    """
    params = _in_half_precision(classifier)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **traverse_util.flatten_dict(params, sep="/"))
    content = {
        "format": FORMAT,
        "task": classifier.task,
        "classes": list(classifier.classes),
        "instrument": dataclasses.asdict(classifier.instrument),
        "network": {name: _plain(getattr(classifier.model, name)) for name in _NETWORK},
        "intensity_offset": classifier.intensity_offset,
        "params_sha256": hashlib.sha256(buffer.getvalue()).hexdigest(),
        "calibration": classifier.calibration and classifier.calibration.to_json(),
        "config": config,
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / PARAMS).write_bytes(buffer.getvalue())
    (folder / MODEL).write_text(json.dumps(content, allow_nan=False) + "\n", encoding="utf-8")


def read(folder: pathlib.Path) -> Classifier:
    """Return the model in a folder.

    Raises:
        ModelError: it is damaged, incomplete or of another format version.
        OSError: it cannot be read.
    """
    try:
        saved = json.loads((folder / MODEL).read_text(encoding="utf-8"))
        packed = (folder / PARAMS).read_bytes()
        if saved["format"] != FORMAT:
            raise ModelError(
                f"{folder} has format {saved['format']}; this program reads format {FORMAT}"
            )
        if hashlib.sha256(packed).hexdigest() != saved["params_sha256"]:
            raise ModelError(
                f"{folder / PARAMS} does not have the checksum in {MODEL}: it is damaged or "
                "belongs to another model; copy both files again"
            )
        with np.load(io.BytesIO(packed), allow_pickle=False) as arrays:
            flat = {name: arrays[name].astype(np.float32) for name in arrays.files}
        classes = tuple(saved["classes"])
        network = {"width": 1} | saved["network"]  # which older models lack
        calibration = saved["calibration"]
        return Classifier(
            task=saved["task"],
            classes=classes,
            class_names=symmetry.class_names(saved["task"], classes),
            instrument=Instrument(**saved["instrument"]),
            model=ResNet1D(len(classes), **{name: network[name] for name in _NETWORK}),
            params=traverse_util.unflatten_dict(flat, sep="/"),
            intensity_offset=float(saved["intensity_offset"]),
            calibration=None if calibration is None else Calibration.from_json(calibration),
        )
    except ModelError:
        raise
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{folder} does not hold a readable model: {error!r}") from error


def _plain(value: Any) -> float | bool | int | str:
    """Return a field of the network as a JSON value; a dtype by its name, e.g. 'float32'."""
    return value if isinstance(value, float | bool | int) else np.dtype(value).name


def _in_half_precision(classifier: Classifier) -> dict[str, Any]:
    """Return the parameters in float16, or unchanged if that alters the model's probabilities."""
    flat = traverse_util.flatten_dict(classifier.params, sep="/")
    probes, soft = _random_patterns(classifier.instrument), temperature.probabilities
    with np.errstate(over="ignore", invalid="ignore"):  # overflow gives inf or NaN, tested below
        half = {name: np.asarray(value).astype(np.float16) for name, value in flat.items()}
        back = traverse_util.unflatten_dict(
            {name: value.astype(np.float32) for name, value in half.items()}, sep="/"
        )
        before, after = (
            soft(each.logits(probes), classifier.temperature)
            for each in (classifier, dataclasses.replace(classifier, params=back))
        )
        change = np.abs(before - after).max()
    accurate = bool(np.isfinite(change)) and change <= _MAX_CHANGE
    return traverse_util.unflatten_dict(half if accurate else flat, sep="/")


def _random_patterns(instrument: Instrument) -> np.ndarray:
    """Return patterns [n, P] of peaks with random positions and heights."""
    random = np.random.default_rng(0)
    grid, patterns = instrument.two_theta_deg, np.zeros((_PROBES, instrument.points))
    for pattern in patterns:
        for _ in range(random.integers(4, 60)):
            centre = random.uniform(grid[0] + 10.0, grid[-1])
            pattern += random.exponential() * np.exp(-(((grid - centre) / 0.2) ** 2))
    return (patterns / patterns.max(axis=1, keepdims=True)).astype(np.float32)
