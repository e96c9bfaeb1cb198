"""What a configuration describes: data with classes and parts, networks, a state and its step.

The ConfigDict is unpacked here; everything that is called takes plain arguments.
"""

import pathlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import ml_collections
import numpy as np
from absl import logging

from sgan_jax import config_rules, data_source, symmetry
from sgan_jax.datasets import (
    combined_source,
    known_crystals,
    powder_patterns,
    preparation,
    splits,
    stored_crystals,
)
from sgan_jax.diffraction import instrument as instruments
from sgan_jax.diffraction import instrument_bank, random_instruments
from sgan_jax.models import generator as generators
from sgan_jax.training import batches, blueprint, feeding, hosts, methods, parallel, state


class Data(NamedTuple):
    """A data set, the task's classes, and the part that each pattern belongs to."""

    dataset: powder_patterns.PatternDataset
    instrument: instruments.Instrument
    classes: tuple  # names of Bravais lattices or extinction groups, or numbers of space groups
    class_names: list[str]
    labels: np.ndarray  # int32 [N], -1 for a pattern of none of the classes
    split: splits.Split


class Scene(NamedTuple):
    """The instruments that crystals are rendered on, and how much of each crystal is kept."""

    layout: instrument_bank.Layout
    bank: instrument_bank.Bank
    reflections: int  # kept of each crystal


def prepare_data(
    config: ml_collections.ConfigDict, beam_options: Sequence[str] | None = None
) -> pathlib.Path:
    """Return the data set's folder, building it if missing, with Beam if options are given."""
    data = config.data
    source = combined_source.make_source(
        source=data.source,
        class_balance=data.class_balance,
        synthetic_crystals=data.synthetic_crystals,
        synthetic_seed=data.synthetic_seed,
        synthetic_statistics=data.synthetic_statistics,
        prototype_crystals=data.prototype_crystals,
        prototype_seed=data.prototype_seed,
        prototype_path=data.prototype_path,
        cif_path=data.cif_path,
        symmetry=data.symmetry,
        b_iso_default=data.b_iso_default,
    )
    return preparation.prepare(
        source,
        blueprint.make_instrument(config.instrument),
        max_skipped_fraction=data.max_skipped_fraction,
        dir=data.dir,
        processes=data.processes,
        beam_options=beam_options,
    )


def load_data(config: ml_collections.ConfigDict) -> Data:
    """Build the data set if it is missing, read it and split it into parts."""
    instrument, data = blueprint.make_instrument(config.instrument), config.data
    hosts.from_first(lambda: prepare_data(config))
    # The other processes find what the first has built, or build their own without a shared disk.
    dataset = powder_patterns.load(prepare_data(config))
    crystals, task = dataset.catalogue, config.task
    # Generated crystals cost no measurement, so they do not count towards the labelled percentage.
    given = np.isin(crystals.source, data_source.MADE) & (data.made == "labelled")
    known = crystals.space_group[~given]
    classes = symmetry.class_list(task.name, task.classes, known, task.min_count)
    labels = symmetry.class_indices(task.name, classes, crystals.space_group)
    by_class = labels
    if data.stratify == "sg":
        every = symmetry.class_list("sg", "all", crystals.space_group, 0)
        by_class = symmetry.class_indices("sg", every, crystals.space_group)
        by_class = np.where(labels < 0, -1, by_class)
    split = splits.split(
        np.where(given, -1, by_class),
        crystals.structure_type,
        crystals.ids,
        split=data.split,
        split_seed=data.split_seed,
        test_fraction=data.test_fraction,
        labelled_percent=data.labelled_percent,
        validation_fraction=data.validation_fraction,
    )
    known_crystals.check(data.source, data.synthetic_statistics, crystals.ids[split.test])
    given &= labels >= 0
    if data.split == "structure_type":  # generated crystals of the test part's types are left out
        given &= ~np.isin(crystals.structure_type, crystals.structure_type[split.test])
    split = splits.with_labelled(split, np.flatnonzero(given))
    _check_parts(split, config.method)
    names = symmetry.class_names(task.name, classes)
    return Data(dataset, instrument, classes, names, labels, split)


def make_scene(config: ml_collections.ConfigDict, data: Data) -> Scene | None:
    """Return the scene that patterns are rendered in; None if the stored patterns are used."""
    fields = config.render
    if not fields.on:
        return None
    others = random_instruments.random_instruments(
        fields.instruments - 1,
        config.seed,
        resolution=fields.resolution,
        wavelength_range_angstrom=(fields.wavelength_low, fields.wavelength_high),
        axial_divergence=fields.axial_divergence,
    )
    layout, bank = instrument_bank.make_bank([data.instrument, *others], data.instrument)
    logging.info("patterns are rendered for %d instruments", fields.instruments)
    return Scene(layout, bank, fields.reflections)


def make_feed(
    data: Data,
    batch_sizes: Mapping[str, int],
    scene: Scene | None = None,
    *,
    seed: int,
    offset: float,
    device_bytes: int,
    total_steps: int,
) -> feeding.Feed:
    """Return the feed that gives this host's devices their batches.

    Args:
      data: the parts named in `batch_sizes` and the validation part are fed.
      batch_sizes: per device, for each part that is trained on.
      scene: renders the parts that are trained on; the validation part is never rendered.
      seed: the run's seed.
      offset: added to every pattern that is not rendered.
      device_bytes: memory for patterns on each device; patterns that need more are read from disk
        as they are due. 0: `feeding.available_bytes`.
      total_steps: steps of the whole run.
    """
    points = data.dataset.patterns.shape[1]
    stored, crystal_bytes = None, 0
    if scene is not None:
        assert data.dataset.folder is not None
        stored = stored_crystals.StoredCrystals(data.dataset.folder, scene.reflections)
        crystal_bytes = stored_crystals.bytes_each(scene.reflections)
    parts = {}
    for name, size in (*batch_sizes.items(), ("validation", 1)):
        members = getattr(data.split, name)
        shares = batches.share(members, devices=parallel.device_count(), batch_size=size)
        rendered = stored is not None and name in batch_sizes
        bytes_each = crystal_bytes if rendered else points * 4
        here = shares[parallel.local_devices()]
        parts[name] = feeding.Part(here, len(members), size, bytes_each)

    def read(part: str, rows: np.ndarray) -> tuple[Any, np.ndarray]:
        if stored is not None and part in batch_sizes:
            crystals = stored[rows.ravel()]
            shaped = [array.reshape(*rows.shape, *array.shape[1:]) for array in crystals]
            return stored_crystals.Crystals(*shaped), data.labels[rows]
        patterns = data.dataset.patterns[rows.ravel()] + np.float32(offset)
        return patterns.reshape(*rows.shape, -1), data.labels[rows]

    bank = scene.bank if scene is not None else None
    too_large = not feeding.fits(parts, device_bytes)
    if hosts.any_of(too_large):  # all hosts run the same program
        logging.info(
            "patterns are read from disk as needed: they do not fit into the devices' memory"
        )
        return feeding.Streamed(
            parts, read, seed=seed, trained=tuple(batch_sizes), total=total_steps, scene=bank
        )
    return feeding.Resident(parts, read, seed=seed, trained=tuple(batch_sizes), scene=bank)


def make_networks(config: ml_collections.ConfigDict, classes: int) -> state.Networks:
    """Return the discriminator (the classifier) and, where the method has one, the generator."""
    discriminator = blueprint.make_classifier(config, classes)
    with_generator = config.method in config_rules.WITH_GENERATOR
    return state.Networks(
        discriminator,
        generators.Generator(config.gan.start, state.AXIS, config.model.dtype)
        if with_generator
        else None,
    )


def make_state_and_phases(
    config: ml_collections.ConfigDict,
    data: Data,
    scene: Scene | None = None,
    *,
    total_steps: int,
    global_batch: int,
) -> methods.Training:
    """Return the initial state and the phases of training, each with its step."""
    labelled = data.labels[data.split.labelled]
    given = methods.Given(
        networks=make_networks(config, len(data.classes)),
        two_theta_deg=data.instrument.two_theta_deg,
        class_counts=np.bincount(labelled, minlength=len(data.classes)),
        unlabelled=len(data.split.unlabelled),
        total_steps=total_steps,
        global_batch=global_batch,
        layout=scene.layout if scene is not None else None,
    )
    return methods.make_state_and_phases(config, given)


def batch_sizes(config: ml_collections.ConfigDict, batch_size: int) -> dict[str, int]:
    """Return the batch size of each part, given that of the labelled part."""
    sizes = {"labelled": batch_size}
    if config.method in config_rules.SEMI_SUPERVISED:
        sizes["unlabelled"] = batch_size * config.train.unlabelled_ratio
    return sizes


def networks_params(train_state: state.TrainState) -> dict[str, Any]:
    """Return the parameters of each network, by name."""
    if isinstance(train_state, state.SganState):
        return train_state.params._asdict()
    networks = {"classifier": train_state.params, "projector": train_state.projector}
    return {name: params for name, params in networks.items() if params is not None}


def count_parameters(params: Any) -> int:
    """Return the number of scalars in a tree of parameters."""
    return sum(leaf.size for leaf in jax.tree.leaves(params))


def _check_parts(split: splits.Split, method: str) -> None:
    for part, indices in split._asdict().items():
        if not len(indices) and (part != "unlabelled" or method in config_rules.SEMI_SUPERVISED):
            raise ValueError(
                f"the {part} part contains no patterns; use more crystals, or another "
                "data.labelled_percent, data.test_fraction or data.validation_fraction"
            )
