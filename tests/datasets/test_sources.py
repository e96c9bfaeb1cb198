"""Sources: fingerprints that follow the content, items that follow an order."""

import dataclasses
import os
import pathlib
import tarfile

import pytest
from rock_salts import cif_source, rock_salts, write_zip

from sgan_jax import data_source
from sgan_jax.crystals import prototypes, synthetic
from sgan_jax.crystals.skipped import CifError
from sgan_jax.datasets import fingerprints, sources


def test_fingerprint_of_a_zip_is_its_contents(tmp_path):
    files = rock_salts(5)
    first = write_zip(tmp_path / "a.zip", files)
    again = write_zip(tmp_path / "b.zip", dict(reversed(files.items())))
    assert fingerprints.files_fingerprint(first) == fingerprints.files_fingerprint(again)
    name, text = next(iter(files.items()))
    changed = write_zip(tmp_path / "c.zip", files | {name: text.replace("90", "91", 1)})
    renamed = write_zip(tmp_path / "d.zip", {f"x{name}": text for name, text in files.items()})
    assert len({fingerprints.files_fingerprint(p) for p in (first, changed, renamed)}) == 3


def test_fingerprint_of_a_folder_sees_a_touched_file(tmp_path):
    (tmp_path / "in").mkdir()
    file = tmp_path / "in" / "a.cif"
    file.write_text("data_a")
    before = fingerprints.files_fingerprint(tmp_path)
    assert fingerprints.files_fingerprint(tmp_path) == before
    os.utime(file, (1, 1))
    assert fingerprints.files_fingerprint(tmp_path) != before


@pytest.mark.parametrize("name", ["one.cif", "all.tar"])
def test_fingerprint_of_a_file_is_its_bytes(tmp_path, name):
    path = tmp_path / name
    path.write_text("data_a")
    before = fingerprints.files_fingerprint(path)
    os.utime(path, (1, 1))
    assert fingerprints.files_fingerprint(path) == before
    path.write_text("data_b")
    assert fingerprints.files_fingerprint(path) != before


@pytest.mark.parametrize("name", ["mine.zip", "synthetic", "prototypes"])
def test_files_are_never_taken_for_made_crystals(tmp_path, name):
    source = cif_source(write_zip(tmp_path / name, rock_salts(1)))
    ((crystal,), _) = source.crystals(next(iter(source.items())))
    assert name in crystal.source and crystal.source not in data_source.MADE


def test_items_of_zip_folder_and_tar_are_the_same(tmp_path):
    files = rock_salts(7)
    archive = write_zip(tmp_path / "a.zip", files)
    folder = tmp_path / "folder"
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        for name, text in sorted(files.items()):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text)
            tar.add(folder / name, name)
    expected = [(name, text.encode()) for name, text in sorted(files.items())]
    for path in (archive, folder, tmp_path / "a.tar"):
        source = cif_source(path)
        assert list(source.items()) == expected
        assert len(source) == 7


def test_a_file_that_cannot_be_read_is_skipped_with_its_name(tmp_path):
    (tmp_path / "a.cif.gz").write_bytes(b"no gzip")
    source = cif_source(tmp_path)
    (item,) = source.items()
    assert isinstance(item[1], CifError)
    crystals, (skipped,) = source.crystals(item)
    assert crystals == []
    assert skipped.file == source.name(item) == "a.cif.gz"
    assert skipped.reason == "unreadable file"


@pytest.mark.parametrize(
    ("name", "label"), [("My ICSD (2021).tar.gz", "My_ICSD_2021"), ("…", "cif"), ("a.zip", "a")]
)
def test_labels_are_fit_for_folders(name, label):
    assert cif_source(pathlib.Path(name)).label == label


def test_prototypes_depend_on_count_seed_table_and_code(monkeypatch):
    given = ((5, 0, "uniform"), (6, 0, "uniform"), (5, 1, "uniform"), (5, 0, "natural"))
    identities = [sources.PrototypeSource(*arguments).identity() for arguments in given]
    assert sources.PrototypeSource(*given[0]).identity() == identities[0]
    monkeypatch.setattr(prototypes, "_JITTER_ANGSTROM", 0.031)
    identities.append(sources.PrototypeSource(*given[0]).identity())
    kinds = list(prototypes.PROTOTYPES)
    kinds[-1] = dataclasses.replace(kinds[-1], fractional=kinds[-1].fractional + 1e-4)
    monkeypatch.setattr(prototypes, "PROTOTYPES", tuple(kinds))
    identities.append(sources.PrototypeSource(*given[0]).identity())
    assert len({str(identity) for identity in identities}) == 6


def test_prototypes_are_made_from_their_index():
    source = sources.PrototypeSource(3, 0, "natural")
    items = list(source.items())
    assert len(items) == len(source) == 3
    (crystal,), skipped = source.crystals(items[2])
    assert skipped == []
    assert crystal.formula == source.crystals(items[2])[0][0].formula


def test_synthetic_crystals_are_made_from_their_index_and_depend_on_the_code(monkeypatch):
    source = sources.SyntheticSource(3, 0, "natural")
    assert list(source.items()) == [0, 1, 2] and len(source) == 3
    (crystal,), skipped = source.crystals(2)
    assert skipped == []
    assert crystal.cell == sources.SyntheticSource(9, 0, "natural").crystals(2)[0][0].cell
    before = source.identity()
    fingerprints.synthetic_fingerprint.cache_clear()
    assert source.identity() == before
    fingerprints.synthetic_fingerprint.cache_clear()
    monkeypatch.setattr(synthetic, "_B_MEDIAN", 0.61)
    assert source.identity() != before
    fingerprints.synthetic_fingerprint.cache_clear()


def test_fingerprint_of_synthetic_crystals_follows_the_version_of_their_code(monkeypatch):
    before = fingerprints.synthetic_fingerprint()
    monkeypatch.setattr(synthetic, "VERSION", synthetic.VERSION + 1)
    fingerprints.synthetic_fingerprint.cache_clear()
    assert fingerprints.synthetic_fingerprint() != before
    fingerprints.synthetic_fingerprint.cache_clear()
