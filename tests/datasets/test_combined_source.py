"""Sources as the configuration names them, alone and joined."""

import shutil

import numpy as np
import pytest
from rock_salts import rock_salts, write_zip

from sgan_jax import data_source
from sgan_jax.crystals import synthetic_statistics
from sgan_jax.datasets import combined_source


@pytest.fixture
def keys() -> dict:
    return {
        "source": "cif",
        "class_balance": "natural",
        "synthetic_crystals": 4,
        "synthetic_seed": 0,
        "synthetic_statistics": "",
        "prototype_crystals": 3,
        "prototype_seed": 0,
        "prototype_path": "",
        "cif_path": "",
        "symmetry": "file",
        "b_iso_default": 0.5,
    }


def test_parts_are_listed_in_their_order_with_their_counts(tmp_path, keys):
    path = write_zip(tmp_path / "salts.zip", rock_salts(10))
    keys |= {"source": "cif:5+synthetic+prototypes:2", "cif_path": path}
    source = combined_source.make_source(**keys)
    items = list(source.items())
    assert len(items) == len(source) == 5 + 4 + 2
    made = [source.crystals(item) for item in items]
    assert all(len(crystals) == 1 and not skipped for crystals, skipped in made)
    origins = [crystals[0].source for crystals, _ in made]
    assert origins == ["salts.zip"] * 5 + ["synthetic"] * 4 + ["prototypes"] * 2
    assert source.label == "salts_and_synthetic_4_and_prototypes_2"
    assert source.name(items[5]) == "synthetic crystal 0"
    # Spread over the list: every other file of ten.
    assert [source.name(item) for item in items[:5]] == sorted(rock_salts(10))[::2]


@pytest.mark.parametrize("kinds", ["cif", "cif:7", "cif:5+synthetic+prototypes:2"])
def test_items_from_any_one_on_are_the_rest(tmp_path, keys, kinds):
    path = write_zip(tmp_path / "salts.zip", rock_salts(10))
    source = combined_source.make_source(**(keys | {"source": kinds, "cif_path": path}))
    whole = list(source.items())
    for start in range(len(whole) + 1):
        assert list(source.items(start)) == whole[start:]


def test_identities_tell_sources_apart(tmp_path, keys):
    path = write_zip(tmp_path / "salts.zip", rock_salts(10))
    prototypes = tmp_path / "prototypes.zip"
    write_zip(prototypes, rock_salts(1))
    changes = (
        {"source": "cif"},
        {"source": "cif:5"},
        {"source": "synthetic"},
        {"source": "synthetic:5"},
        {"source": "synthetic", "class_balance": "uniform"},
        {"source": "synthetic", "synthetic_seed": 1},
        {"source": "synthetic+cif"},
        {"source": "prototypes"},
        {"source": "prototypes", "prototype_path": prototypes},
        {"source": "prototypes", "class_balance": "uniform"},
    )
    made = [combined_source.make_source(**(keys | {"cif_path": path} | c)) for c in changes]
    assert len({str(source.identity()) for source in made}) == len(changes)
    again = combined_source.make_source(**(keys | {"cif_path": path} | changes[6]))
    assert str(again.identity()) == str(made[6].identity())


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("icsd", "'synthetic', 'prototypes', 'cif'"),
        ("synthetic:", "'synthetic:20000'"),
        ("synthetic:1e5", "'1e5'"),
        ("cif:0", "'cif:20000'"),
        ("cif+cif:5", "one kind twice"),
        ("", "'synthetic', 'prototypes', 'cif'"),
    ],
)
def test_sources_that_cannot_be_read_are_answered_with_a_remedy(text, says):
    with pytest.raises(ValueError, match=r"^data\.source is") as error:
        data_source.parse(text)
    assert says in str(error.value)


def test_synthetic_crystals_of_another_table_are_other_ones(tmp_path, keys):
    keys |= {"source": "synthetic"}
    package = combined_source.make_source(**keys)
    copy = tmp_path / "copy.npz"
    shutil.copy(synthetic_statistics.PATH, copy)
    same = combined_source.make_source(**(keys | {"synthetic_statistics": copy}))
    assert same.identity() == package.identity()
    assert same.crystals(3)[0][0].cell == package.crystals(3)[0][0].cell
    with np.load(synthetic_statistics.PATH) as arrays:
        table = dict(arrays)
    table["group_counts"] = np.where(np.arange(231) == 225, 1_000_000, 0)
    np.savez(tmp_path / "salts.npz", **table)
    salts = combined_source.make_source(**(keys | {"synthetic_statistics": tmp_path / "salts.npz"}))
    assert salts.identity() != package.identity()
    assert {salts.crystals(index)[0][0].space_group_number for index in range(8)} == {225}


def test_a_file_that_is_no_table_is_named(tmp_path, keys):
    path = tmp_path / "table.npz"
    path.write_bytes(b"no table")
    source = combined_source.make_source(
        **(keys | {"source": "synthetic", "synthetic_statistics": path})
    )
    with pytest.raises(ValueError, match=r"table\.npz is not a table.*fit_synthetic"):
        source.crystals(0)


@pytest.mark.parametrize(
    ("kind", "key"),
    [
        ("cif", "cif_path"),
        ("prototypes", "prototype_path"),
        ("synthetic", "synthetic_statistics"),
    ],
)
def test_files_that_are_not_there_are_named(keys, kind, key):
    with pytest.raises(FileNotFoundError, match=rf"data\.{key}.*no\.zip"):
        combined_source.make_source(**(keys | {"source": kind, key: "no.zip"}))
