"""Builds with Apache Beam on this machine: the files of the local build, and its errors."""

import pathlib

import pytest
from build_program import stored_bytes
from rock_salts import cif_source, rock_salt, rock_salts, write_zip

from sgan_jax.datasets import outcomes, powder_patterns, preparation, shards
from sgan_jax.datasets.combined_source import CombinedSource
from sgan_jax.datasets.sources import PrototypeSource, SyntheticSource

pytest.importorskip("apache_beam")
HERE = ["runner=DirectRunner"]


def counts(folder: pathlib.Path) -> dict:
    return powder_patterns.read_summary(folder) | {"seconds": 0}


def test_the_same_files_as_of_the_local_build(tmp_path, settings, awkward, monkeypatch):
    monkeypatch.setattr(shards, "FILES_PER_SHARD", 16)
    by_beam = preparation.prepare(cif_source(awkward), beam_options=HERE, **settings)
    local = preparation.prepare(cif_source(awkward), **(settings | {"dir": tmp_path / "local"}))
    assert stored_bytes(by_beam) == stored_bytes(local)
    assert counts(by_beam) == counts(local)
    summary = counts(by_beam)
    assert (summary["files"], summary["duplicates"], summary["crystals"]) == (64, 2, 61)
    assert not list(by_beam.parent.glob("incomplete.*"))


def test_near_duplicates_in_a_row_are_told_as_locally(tmp_path, settings, monkeypatch):
    """Each is within 2 % of the one before: which are kept depends on the order of the files."""
    monkeypatch.setattr(shards, "FILES_PER_SHARD", 4)
    edges = [5.0 * 1.004**i for i in (7, 0, 3, 9, 1, 4, 8, 2, 6, 5)]
    files = {f"{i}.cif": rock_salt(edge) for i, edge in enumerate(edges)}
    files |= {"a'.cif": rock_salt(8.0), "b.cif": "", "c.cif": rock_salt(7.0)}
    path = write_zip(tmp_path / "row.zip", files)
    folders = [
        preparation.prepare(
            cif_source(path), beam_options=options, **(settings | {"dir": tmp_path / name})
        )
        for name, options in (("beam", HERE), ("local", None))
    ]
    assert stored_bytes(folders[0]) == stored_bytes(folders[1])
    assert 1 < counts(folders[0])["duplicates"] < 9


def test_crystals_that_are_made_are_the_same(tmp_path, settings, monkeypatch):
    monkeypatch.setattr(shards, "FILES_PER_SHARD", 16)
    prototypes = PrototypeSource(20, seed=0, class_balance="natural")
    synthetic = SyntheticSource(20, seed=0, class_balance="natural")
    source = CombinedSource((prototypes, synthetic))
    by_beam = preparation.prepare(source, beam_options=HERE, **settings)
    local = preparation.prepare(source, **(settings | {"dir": tmp_path / "local"}))
    assert stored_bytes(by_beam) == stored_bytes(local)
    assert counts(by_beam)["crystals"] > 30


def test_too_many_lost_files_are_told_and_the_shards_are_kept(tmp_path, settings, monkeypatch):
    files = rock_salts(7) | {f"bad{i}.cif": "" for i in range(3)}
    path = write_zip(tmp_path / "salts.zip", files)
    with pytest.raises(ValueError, match=r"3 of 10 files.*skipped\.tsv"):
        preparation.prepare(cif_source(path), beam_options=HERE, **settings)
    monkeypatch.setattr(outcomes, "example", None)  # everything is already computed
    generous = settings | {"max_skipped_fraction": 0.3}
    folder = preparation.prepare(cif_source(path), beam_options=HERE, **generous)
    assert (counts(folder)["lost"], counts(folder)["crystals"]) == (3, 7)


def test_a_worker_that_fails_leaves_nothing_half_written(tmp_path, settings, monkeypatch):
    path = write_zip(tmp_path / "salts.zip", rock_salts(3))

    def full(shard, serialized):
        shard.write_bytes(b"half")
        raise OSError(28, "No space left on device", str(shard))

    monkeypatch.setattr(shards, "write_one", full)
    with pytest.raises(OSError, match="No space left"):
        preparation.prepare(cif_source(path), beam_options=HERE, **settings)
    assert not [f for f in (tmp_path / "sets").rglob("*") if f.is_file() and f.name != ".lock"]
