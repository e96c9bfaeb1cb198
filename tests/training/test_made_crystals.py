"""Generated crystals that are all labelled, beside real ones that are split into parts."""

import numpy as np
import pytest

from sgan_jax import config as configuration
from sgan_jax import symmetry
from sgan_jax.crystals import synthetic_statistics
from sgan_jax.datasets import known_crystals, powder_patterns
from sgan_jax.datasets.catalogue import Catalogue
from sgan_jax.diffraction import instrument
from sgan_jax.training import experiment

REAL, MADE = 3000, 600


def catalogue(real: int, made: int) -> Catalogue:
    """Return real, then generated crystals of five groups with twenty structure types in each."""
    random = np.random.default_rng(0)
    groups = random.choice([2, 14, 62, 139, 225], real + made).astype(np.int32)
    lattices = np.array([symmetry.bravais_index(int(group)) for group in groups], np.int32)
    texts = np.dtypes.StringDType()
    ids = np.array([f"crystal {i}" for i in range(real + made)], texts)
    kinds = random.integers(20, size=real + made)
    types = np.array([f"{group} {kind}" for group, kind in zip(groups, kinds, strict=True)], texts)
    sources = np.array(["mine.zip"] * real + ["synthetic", "prototypes"] * (made // 2), texts)
    return Catalogue(ids, ids, types, sources, groups, lattices)


def parts(monkeypatch, crystals: Catalogue, source: str, **settings):
    dataset = powder_patterns.PatternDataset(
        crystals, np.zeros((len(crystals.ids), 1), np.float32), instrument.PRESETS["nist2022"]
    )
    monkeypatch.setattr(experiment, "prepare_data", lambda config: None)
    monkeypatch.setattr(powder_patterns, "load", lambda folder: dataset)
    config = configuration.base("sg", 10, "consistency")
    config.data.source = source
    config.data.cif_path = "mine.zip" if "cif" in source else ""
    config.update_from_flattened_dict(settings)
    configuration.validate(config)
    return experiment.load_data(config).split


@pytest.mark.parametrize("split", ["random", "structure_type"])
@pytest.mark.parametrize("classes", ["paper", "frequent"])
@pytest.mark.parametrize("stratify", ["task", "sg"])
def test_real_crystals_have_the_parts_that_they_have_alone(monkeypatch, split, classes, stratify):
    every = catalogue(REAL, MADE)
    shared = {"data.split": split, "task.classes": classes, "data.stratify": stratify}
    if classes == "frequent":
        least = sorted(np.bincount(every.space_group[:REAL])[[2, 14, 62, 139, 225]])[2]
        shared["task.min_count"] = int(least)  # generated ones would lift another one above it
    labelled = shared | {"data.made": "labelled"}
    with_made = parts(monkeypatch, every, "cif+synthetic+prototypes", **labelled)
    alone = parts(monkeypatch, Catalogue(*(column[:REAL] for column in every)), "cif", **shared)
    for part in ("test", "validation", "unlabelled"):
        np.testing.assert_array_equal(getattr(with_made, part), getattr(alone, part))
    np.testing.assert_array_equal(with_made.labelled[: len(alone.labelled)], alone.labelled)
    made = with_made.labelled[len(alone.labelled) :]
    assert made.min() >= REAL
    if split == "random" and classes == "paper":
        assert sorted(made) == list(range(REAL, REAL + MADE))
    if split == "structure_type":
        assert (
            len(made)
            and not np.isin(every.structure_type[made], every.structure_type[with_made.test]).any()
        )


def test_else_made_crystals_are_in_every_part(monkeypatch):
    shared = parts(monkeypatch, catalogue(REAL, MADE), "cif+synthetic+prototypes")
    for part in shared:
        assert 0 < np.mean(part >= REAL) < 0.35


def table_that_knows(path, ids):
    """Write the package's table as if it had been fitted to crystals with these ids."""
    with np.load(synthetic_statistics.PATH) as package:
        np.savez(path, **package, known=np.sort(synthetic_statistics.id_hashes(ids)))
    return {"data.made": "labelled", "data.synthetic_statistics": str(path)}


def test_statistics_of_test_crystals_are_refused(monkeypatch, tmp_path):
    every, source = catalogue(REAL, MADE), "cif+synthetic+prototypes"
    split = parts(monkeypatch, every, source, **{"data.made": "labelled"})
    seen = every.ids[np.concatenate([split.labelled, split.validation])].tolist()
    fair = table_that_knows(tmp_path / "fair.npz", seen)
    said = []
    monkeypatch.setattr(
        known_crystals.logging, "log_first_n", lambda level, text, n, *of: said.append(text % of)
    )
    again = parts(monkeypatch, every, source, **fair)
    np.testing.assert_array_equal(again.test, split.test)
    unfair = table_that_knows(tmp_path / "unfair.npz", [*seen, *every.ids[split.test[:2]]])
    said_of = rf"unfair\.npz was fitted to 2 of the {len(split.test)} crystals of the test part"
    with pytest.raises(ValueError, match=said_of):
        parts(monkeypatch, every, source, **unfair)
    # Prototypes are drawn without statistics, and made crystals alone are tested on themselves.
    parts(monkeypatch, every, "cif+prototypes", **{"data.made": "labelled"})
    assert not said
    parts(monkeypatch, every, source, **{"data.made": "labelled"})
    assert len(said) == 1 and "does not say which crystals it knows" in said[0]


def test_without_real_crystals_there_is_nothing_to_cut(monkeypatch):
    with pytest.raises(ValueError, match=r"data\.made.*data\.source='cif'"):
        parts(monkeypatch, catalogue(0, MADE), "synthetic", **{"data.made": "labelled"})


def test_files_are_named_before_what_could_displace_them(monkeypatch):
    with pytest.raises(
        ValueError, match=r"'synthetic\+cif'.*files must come first.*'cif\+synthetic'"
    ):
        parts(monkeypatch, catalogue(REAL, MADE), "synthetic+cif", **{"data.made": "labelled"})
