"""Data sets are complete or absent, count what they lost, and have a name of their own."""

import csv
import dataclasses
import json
import pathlib

import pytest
from build_program import stored_bytes
from rock_salts import cif_source, rock_salt, rock_salts, write_zip

from sgan_jax.crystals import cif
from sgan_jax.datasets import powder_patterns, preparation, shards
from sgan_jax.diffraction import profile


def rows(path: pathlib.Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def test_the_same_bytes_whatever_the_number_of_processes(tmp_path, settings):
    files = rock_salts(60) | {"salts/bad.cif": "data_", "z.cif": rock_salt(4.01, "Li F")}
    path = write_zip(tmp_path / "salts.zip", files)
    folders = [
        preparation.prepare(
            cif_source(path), **(settings | {"processes": count, "dir": tmp_path / str(count)})
        )
        for count in (1, 2)
    ]
    first, second = map(stored_bytes, folders)
    assert first == second
    assert len(first) >= 5


def test_skipped_files_and_duplicates_are_counted_and_listed(tmp_path, settings):
    files = rock_salts(8) | {
        "a/duplicate.cif": rock_salt(4.01, "Li F"),  # LiF of 4.00 Å comes later by name
        "a/empty.cif": "",
        "a/line.cif": "not a crystal",
    }
    path = write_zip(tmp_path / "salts.zip", files)
    folder = preparation.prepare(cif_source(path), **(settings | {"max_skipped_fraction": 0.5}))
    summary = json.loads((folder / "build.json").read_text())
    assert (summary["files"], summary["lost"], summary["crystals"]) == (11, 2, 8)
    assert summary["duplicates"] == 1
    assert sum(summary["skipped"].values()) == 2
    skipped = rows(folder / "skipped.tsv")
    assert [row["file"] for row in skipped] == ["a/empty.cif", "a/line.cif"]
    assert all(row["reason"] and row["detail"] for row in skipped)
    assert [row["id"] for row in rows(folder / "duplicates.tsv")] == ["salts/LiF"]
    assert len(powder_patterns.load(folder)) == 8


def test_a_build_that_loses_too_much_says_why_and_leaves_a_list(tmp_path, settings):
    files = rock_salts(7) | {f"bad{i}.cif": "" for i in range(3)}
    path = write_zip(tmp_path / "salts.zip", files)
    why = r"3 of 10 files.*max_skipped_fraction = 0\.2.*empty file.*skipped\.tsv"
    with pytest.raises(ValueError, match=why):
        preparation.prepare(cif_source(path), **settings)
    (listed,) = (tmp_path / "sets").rglob("skipped.tsv")
    assert [row["file"] for row in rows(listed)] == ["bad0.cif", "bad1.cif", "bad2.cif"]
    assert not list((tmp_path / "sets").rglob("*.json"))
    assert not list((tmp_path / "sets").rglob("*.array_record*"))
    generous = settings | {"max_skipped_fraction": 0.3}
    folder = preparation.prepare(cif_source(path), **generous)
    assert preparation.is_complete(folder)
    assert list((tmp_path / "sets").rglob("skipped.tsv")) == [folder / "skipped.tsv"]
    with pytest.raises(ValueError, match="3 of 10 files"):  # found again, with the same error
        preparation.prepare(cif_source(path), **settings)


def test_a_source_of_nothing_usable_is_an_error(tmp_path, settings):
    path = write_zip(tmp_path / "none.zip", {"a.cif": "", "b.cif": ""})
    with pytest.raises(ValueError, match=r"^none of 2 files can be used; .* empty file \(2\)"):
        preparation.prepare(cif_source(path), **(settings | {"max_skipped_fraction": 1.0}))


def test_shards_without_a_new_crystal_are_fine(tmp_path, settings, monkeypatch):
    monkeypatch.setattr(shards, "FILES_PER_SHARD", 2)
    files = rock_salts(3) | {f"salts/again{i}.cif": rock_salt(4.0, "Li F") for i in range(6)}
    path = write_zip(tmp_path / "salts.zip", files)
    data = powder_patterns.load(preparation.prepare(cif_source(path), **settings))
    assert data.catalogue.ids.tolist() == ["salts/LiBr", "salts/LiCl", "salts/LiF"]


def test_a_name_that_is_there_twice_gives_two_ids(tmp_path, settings):
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "one.cif").write_text(rock_salt(4.0, "Li F"))
    (folder / "one.CIF").write_text(rock_salt(5.6, "Na Cl"))
    data = powder_patterns.load(preparation.prepare(cif_source(folder), **settings))
    assert len(set(data.catalogue.ids.tolist())) == 2


def test_the_name_changes_with_whatever_changes_the_data(tmp_path, settings, monkeypatch):
    path = write_zip(tmp_path / "salts.zip", rock_salts(2))
    folders = [
        preparation.prepare(dataclasses.replace(cif_source(path), **changes), **settings)
        for changes in ({}, {"b_iso_default": 0.6}, {"symmetry": "spglib"})
    ]
    other = dataclasses.replace(settings["instrument"], w=0.05)
    folders.append(preparation.prepare(cif_source(path), **(settings | {"instrument": other})))
    write_zip(path, rock_salts(3))
    folders.append(preparation.prepare(cif_source(path), **settings))
    monkeypatch.setattr(profile, "SIMULATOR_VERSION", profile.SIMULATOR_VERSION + 1)
    folders.append(preparation.prepare(cif_source(path), **settings))
    assert len(set(folders)) == len(folders)
    assert all(folder.parent.name.startswith("salts-quick-") for folder in folders)


def test_a_set_that_is_there_is_found_without_reading_a_crystal(tmp_path, settings, monkeypatch):
    path = write_zip(tmp_path / "salts.zip", rock_salts(2))
    folder = preparation.prepare(cif_source(path), **settings)
    monkeypatch.setattr(cif, "cif_members", None)
    assert preparation.prepare(cif_source(path), **settings) == folder


def test_the_default_folder_is_the_users_cache(tmp_path, settings, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    path = write_zip(tmp_path / "salts.zip", rock_salts(1))
    folder = preparation.prepare(cif_source(path), **(settings | {"dir": ""}))
    assert folder.is_relative_to(tmp_path / "cache" / "sgan_jax")
