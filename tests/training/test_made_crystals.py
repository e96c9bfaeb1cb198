"""Made crystals that are labels of their own, beside real ones that are cut into parts."""

import numpy as np
import pytest

from sgan_jax import config as configuration
from sgan_jax import symmetry
from sgan_jax.datasets import powder_patterns
from sgan_jax.datasets.catalogue import Catalogue
from sgan_jax.diffraction import instrument
from sgan_jax.training import experiment


def catalogue(real: int, made: int) -> Catalogue:
    random = np.random.default_rng(0)
    groups = random.choice([2, 14, 62, 139, 225], real + made).astype(np.int32)
    lattices = np.array([symmetry.bravais_index(int(group)) for group in groups], np.int32)
    texts = np.dtypes.StringDType()
    ids = np.array([f"crystal {i}" for i in range(real + made)], texts)
    sources = np.array(["mine.zip"] * real + ["synthetic", "prototypes"] * (made // 2), texts)
    return Catalogue(ids, ids, ids, sources, groups, lattices)


def parts(monkeypatch, crystals: Catalogue, made: str, source: str):
    dataset = powder_patterns.PatternDataset(
        crystals, np.zeros((len(crystals.ids), 1), np.float32), instrument.PRESETS["nist2022"]
    )
    monkeypatch.setattr(experiment, "prepare_data", lambda config: None)
    monkeypatch.setattr(powder_patterns, "load", lambda folder: dataset)
    config = configuration.base("bl", 10, "consistency")
    config.data.source, config.data.made = source, made
    config.data.cif_path = "mine.zip" if "cif" in source else ""
    configuration.validate(config)
    return experiment.load_data(config).split


def test_real_crystals_have_the_parts_that_they_have_alone(monkeypatch):
    with_made = parts(monkeypatch, catalogue(3000, 600), "labelled", "cif+synthetic+prototypes")
    alone = parts(monkeypatch, Catalogue(*(x[:3000] for x in catalogue(3000, 600))), "split", "cif")
    for part in ("test", "validation", "unlabelled"):
        np.testing.assert_array_equal(getattr(with_made, part), getattr(alone, part))
    np.testing.assert_array_equal(with_made.labelled[: len(alone.labelled)], alone.labelled)
    assert sorted(with_made.labelled[len(alone.labelled) :]) == list(range(3000, 3600))


def test_else_made_crystals_are_in_every_part(monkeypatch):
    shared = parts(monkeypatch, catalogue(3000, 600), "split", "cif+synthetic+prototypes")
    for part in shared:
        assert 0 < np.mean(part >= 3000) < 0.35


def test_without_real_crystals_there_is_nothing_to_cut(monkeypatch):
    with pytest.raises(ValueError, match=r"data\.made.*data\.source='cif'"):
        parts(monkeypatch, catalogue(0, 600), "labelled", "synthetic")
