"""Patterns of a data set as a run sees them in training: distorted, or rendered from crystals."""

from collections.abc import Callable

import jax
import ml_collections
import numpy as np

from sgan_jax import config as configuration
from sgan_jax import config_rules
from sgan_jax.datasets import stored_crystals
from sgan_jax.training import augment, experiment, rendered, views

_BATCH = 256
_INSTRUMENTS = 17  # to render on: the data set's own, and 16 that training does not use

Views = Callable[[np.ndarray], np.ndarray]  # rows [n] of the data set -> patterns [n, P]


def make_views(config: ml_collections.ConfigDict, data: experiment.Data) -> Views | None:
    """Return a function that gives one view of each row, float32, with training's offset added.

    For methods with weak and strong views, the strong one. None if training distorts nothing.
    """
    if config.render.on:
        return _rendered(config, data)
    section = config.strong if config.method in config_rules.WITH_STRONG_VIEWS else config.augment
    if augment.Strengths(**configuration.flatten(section)) == augment.Strengths():
        return None
    distort = jax.jit(views.make_views(section, data.instrument.two_theta_deg))
    offset = np.float32(config.data.intensity_offset)
    return _in_batches(config, lambda key, rows: distort(key, data.dataset.patterns[rows] + offset))


def _rendered(config: ml_collections.ConfigDict, data: experiment.Data) -> Views:
    other = config.copy_and_resolve_references()
    other.seed, other.render.instruments = config.seed + 1, _INSTRUMENTS
    scene = experiment.make_scene(other, data)
    assert scene is not None
    assert data.dataset.folder is not None
    crystals = stored_crystals.StoredCrystals(data.dataset.folder, scene.reflections)
    two_theta_deg = data.instrument.two_theta_deg
    draw = jax.jit(views.make_first_views(config, two_theta_deg, scene.layout))
    bank = jax.device_put(scene.bank)
    return _in_batches(config, lambda key, rows: draw(key, rendered.Seen(crystals[rows], bank)))


def _in_batches(
    config: ml_collections.ConfigDict, show: Callable[[jax.Array, np.ndarray], jax.Array]
) -> Views:
    """Return a function that makes the views of any number of rows, `_BATCH` at a time."""
    key = jax.random.key(config.seed)

    def show_all(rows: np.ndarray) -> np.ndarray:
        shown = []
        for begin in range(0, len(rows), _BATCH):
            # The last batch is filled up to `_BATCH` rows with the first ones.
            now = np.take(rows, np.arange(begin, begin + _BATCH), mode="wrap")
            some = show(jax.random.fold_in(key, begin), now)
            shown.append(np.asarray(some)[: len(rows) - begin])
        return np.concatenate(shown)

    return show_all
