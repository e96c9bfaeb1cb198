"""Every file in the folder of CIFs as people really write them."""

import csv

import numpy as np
import pytest
from cif_text import surroundings

from sgan_jax.crystals import cif

OK = {
    "nacl_name_only": 225,
    "nacl_charges": 225,
    "nacl_no_type_symbol": 225,
    "nacl_esd_crlf": 225,
    "nacl_latin1": 225,
    "nacl_p1_export": 1,
    "si_origin1": 227,
    "si_origin2": 227,
    "bi_rhombohedral_axes": 166,
    "bi_hexagonal_axes": 166,
    "gdfeo3_pbnm": 62,
    "p21n_setting": 14,
    "operations_against_name": 225,
    "deuterium": 227,
    "hydrogen": 227,
    "shared_site": 62,
    "biso": 225,
    "aniso_only": 136,
    "p1_true": 1,
    "atoms_on_rounded_thirds": 194,
}
SKIPPED = {
    "truncated": "not a CIF",
    "empty": "empty file",
    "not_a_cif": "not a CIF",
    "no_atoms": "no atoms",
    "no_cell": "no cell",
    "zero_cell": "impossible cell",
    "impossible_angles": "impossible cell",
    "unknown_element": "unknown element",
    "missing_coordinates": "missing coordinates",
    "no_symmetry": "no symmetry",
    "nonsense_group": "unknown space group",
    "cell_against_group": "cell against symmetry",
    "occupancy_five": "impossible occupancy",
    "overlap": "overlapping atoms",
}


@pytest.fixture
def read(shared_dir):
    def read_one(name, **options):
        (crystal,) = cif.read_crystals(shared_dir / "structures/awkward" / f"{name}.cif", **options)
        return crystal

    return read_one


def test_the_tables_above_are_the_expected_ones(shared_dir):
    with (shared_dir / "structures/awkward/expected.tsv").open() as file:
        rows = {row["file"][:-4]: row for row in csv.DictReader(file, delimiter="\t")}
    good = {name for name, row in rows.items() if row["outcome"] == "ok"}
    assert good == {*OK, "two_blocks"}
    assert {name for name, row in rows.items() if row["outcome"] == "skip"} == set(SKIPPED)
    for name, number in OK.items():
        assert rows[name]["space_group"].split()[0] == str(number)


@pytest.mark.parametrize("name", OK)
def test_usable_files_have_their_space_group(read, name):
    crystal = read(name)
    assert crystal.space_group_number == OK[name]
    assert crystal.id == name


@pytest.mark.parametrize("name", SKIPPED)
def test_unusable_files_are_skipped_with_a_reason(shared_dir, name):
    path = shared_dir / "structures/awkward" / f"{name}.cif"
    skipped = []
    assert list(cif.read_crystals(path, skipped=skipped)) == []
    assert [(entry.file, entry.reason) for entry in skipped] == [(f"{name}.cif", SKIPPED[name])]
    with pytest.raises(cif.CifError, match=f"{name}.cif: {SKIPPED[name]}: "):
        list(cif.read_crystals(path))


@pytest.mark.parametrize(
    "name, other, options",
    [
        ("nacl_charges", "nacl_name_only", {}),
        ("nacl_no_type_symbol", "nacl_name_only", {}),
        ("nacl_esd_crlf", "nacl_name_only", {}),
        ("nacl_latin1", "nacl_name_only", {}),
        ("nacl_p1_export", "nacl_name_only", {}),
        ("nacl_p1_export", "nacl_name_only", {"symmetry": "spglib"}),
        ("si_origin2", "si_origin1", {}),
        ("bi_hexagonal_axes", "bi_rhombohedral_axes", {}),
        ("bi_rhombohedral_axes", "bi_rhombohedral_axes", {"symmetry": "spglib"}),
    ],
)
def test_descriptions_of_one_crystal_hold_the_same_atoms(read, name, other, options):
    one, another = read(name, **options), read(other)
    assert surroundings(one) == surroundings(another)
    assert one.formula == another.formula
    if one.space_group_number != 1:
        assert one.structure_type == another.structure_type


def test_a_p1_export_gets_its_symmetry_from_spglib(read):
    assert read("nacl_p1_export", symmetry="spglib").space_group_number == 225
    assert read("no_symmetry", symmetry="spglib").space_group_number == 221
    assert read("p1_true", symmetry="spglib").space_group_number == 1


def test_two_blocks_are_two_crystals(shared_dir):
    crystals = list(cif.read_crystals(shared_dir / "structures/awkward/two_blocks.cif"))
    assert [c.id for c in crystals] == ["two_blocks:nacl", "two_blocks:fcc_cu"]
    assert [c.formula for c in crystals] == ["NaCl", "Cu"]
    assert [c.space_group_number for c in crystals] == [225, 225]


def test_contents(read):
    thirds = read("atoms_on_rounded_thirds").unit_cell_sites()
    np.testing.assert_allclose(
        sorted(thirds.fractional.tolist()),
        [[1 / 3, 2 / 3, 1 / 4], [2 / 3, 1 / 3, 3 / 4]],
        atol=1e-12,
    )
    assert read("deuterium").formula == "D2O"
    assert read("hydrogen").formula == "H2O"
    assert set(read("deuterium").unit_cell_sites().occupancies) == {0.5, 1.0}
    assert read("shared_site").formula == "Mg1.8Fe0.2SiO4"
    assert read("operations_against_name").bravais_lattice == "cubic (F)"


def test_displacement_parameters(read):
    np.testing.assert_allclose(read("biso").b_iso, 0.55)
    np.testing.assert_allclose(read("shared_site").b_iso[:4], 8 * np.pi**2 * 0.004)
    np.testing.assert_allclose(read("nacl_name_only", b_iso_default=0.7).b_iso, 0.7)
    rutile = read("aniso_only")
    np.testing.assert_allclose(rutile.u_aniso[0], [0.0068, 0.0068, 0.0046, -0.0004, 0, 0])
    mean = (0.0068 + 0.0068 + 0.0046) / 3  # orthogonal axes
    np.testing.assert_allclose(rutile.b_iso[0], 8 * np.pi**2 * mean)


def test_the_whole_folder_at_once(shared_dir):
    skipped = []
    crystals = list(cif.read_crystals(shared_dir / "structures/awkward", skipped=skipped))
    assert {c.id for c in crystals} == {*OK, "two_blocks:nacl", "two_blocks:fcc_cu"}
    assert {entry.file for entry in skipped} == {f"{name}.cif" for name in SKIPPED}
