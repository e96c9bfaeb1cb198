"""Parts stratified by space group are the same for models of lattices and of groups."""

import numpy as np
import pytest

from sgan_jax import config as configuration
from sgan_jax import symmetry
from sgan_jax.datasets import powder_patterns
from sgan_jax.datasets.catalogue import Catalogue
from sgan_jax.diffraction import instrument
from sgan_jax.training import experiment


@pytest.fixture
def crystals(monkeypatch):
    """Let the data set be 4000 crystals of ten groups, without patterns."""
    groups = np.random.default_rng(0).choice([2, 14, 62, 63, 139, 166, 194, 221, 225, 227], 4000)
    lattices = np.array([symmetry.bravais_index(int(group)) for group in groups], np.int32)
    strings = np.array([f"crystal {i}" for i in range(4000)], np.dtypes.StringDType())
    dataset = powder_patterns.PatternDataset(
        Catalogue(strings, strings, strings, strings, groups.astype(np.int32), lattices),
        np.zeros((4000, 1), np.float32),
        instrument.PRESETS["nist2022"],
    )
    monkeypatch.setattr(experiment, "prepare_data", lambda config: None)
    monkeypatch.setattr(powder_patterns, "load", lambda folder: dataset)
    return groups


def parts(task: str, stratify: str):
    config = configuration.base(task, 10, "supervised")
    config.task.classes, config.data.stratify = "all", stratify
    return experiment.load_data(config).split


def test_tasks_share_their_parts_by_space_group_and_not_by_their_own_classes(crystals):
    of_groups, of_lattices = parts("sg", "task"), parts("bl", "sg")
    for one, other in zip(of_groups, of_lattices, strict=True):
        np.testing.assert_array_equal(one, other)
    own = parts("bl", "task")
    assert set(own.test) != set(of_groups.test)
    for group in np.unique(crystals):
        share = (crystals[of_lattices.test] == group).sum() / (crystals == group).sum()
        assert abs(share - 0.1) < 1.5 / (crystals == group).sum()
