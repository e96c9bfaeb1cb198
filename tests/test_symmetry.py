import gemmi
import numpy as np
import pytest
import spglib

from sgan_jax import symmetry


def _bravais_from_spglib(entry) -> str:
    letter = entry.international_short[0]
    point_group = entry.pointgroup_international
    systems = {
        "cubic": ("23", "m-3", "432", "-43m", "m-3m"),
        "hexagonal": ("6", "-6", "6/m", "622", "6mm", "-62m", "-6m2", "6/mmm"),
        "trigonal": ("3", "-3", "32", "3m", "-3m"),
        "tetragonal": ("4", "-4", "4/m", "422", "4mm", "-42m", "4/mmm"),
        "orthorhombic": ("222", "mm2", "mmm"),
        "monoclinic": ("2", "m", "2/m"),
        "triclinic": ("1", "-1"),
    }
    system = next(name for name, groups in systems.items() if point_group in groups)
    if letter == "R":
        return "rhombohedral (P)"
    if system == "trigonal":
        system = "hexagonal"
    return f"{system} ({'C' if letter == 'A' else letter})"


@pytest.mark.filterwarnings("ignore:Set OLD_ERROR_HANDLING")  # about spglib 3's exceptions
def test_bravais_lattice_of_all_groups_is_that_of_spglib():
    first_of: dict = {}
    for hall_number in range(1, 531):
        entry = spglib.get_spacegroup_type(hall_number)
        first_of.setdefault(entry.number, entry)
    for number in range(1, 231):
        assert symmetry.bravais_lattice(number) == _bravais_from_spglib(first_of[number]), number


def test_every_bravais_lattice_occurs_and_indices_are_positions():
    found = {symmetry.bravais_index(number) for number in range(1, 231)}
    assert found == set(range(14))
    assert symmetry.BRAVAIS_LATTICES[symmetry.bravais_index(225)] == "cubic (F)"
    assert symmetry.BRAVAIS_LATTICES[symmetry.bravais_index(38)] == "orthorhombic (C)"
    assert list(symmetry.BRAVAIS_LATTICES) == sorted(symmetry.BRAVAIS_LATTICES)


def test_symbols_name_their_groups():
    for number, symbol in enumerate(symmetry.SPACE_GROUP_SYMBOLS, start=1):
        found = gemmi.find_spacegroup_by_name(symbol)
        assert found is not None and found.number == number, symbol


def test_crystal_systems_and_lattice_points_are_those_of_gemmi():
    for number in range(1, 231):
        group = gemmi.find_spacegroup_by_number(number)
        assert symmetry.crystal_system(number) == group.crystal_system_str()
        assert symmetry.lattice_points(number) == len(list(group.operations().cen_ops))


def test_paper_groups_are_the_144_in_order():
    groups = symmetry.PAPER_SPACE_GROUPS
    assert len(groups) == 144
    assert list(groups) == sorted(set(groups))
    assert groups[0] == 1 and groups[-1] == 230
    assert 3 not in groups and 225 in groups and 68 not in groups


def test_classes_of_the_tasks():
    numbers = np.array([225] * 5 + [62] * 3 + [1])
    assert symmetry.class_list("bl", "paper", numbers, 50) == symmetry.BRAVAIS_LATTICES
    assert symmetry.class_list("sg", "paper", numbers, 50) == symmetry.PAPER_SPACE_GROUPS
    assert symmetry.class_list("sg", "all", numbers, 50) == tuple(range(1, 231))
    # "more than", not "at least".
    assert symmetry.class_list("sg", "frequent", numbers, 3) == (225,)
    assert symmetry.class_list("sg", "frequent", numbers, 2) == (62, 225)


@pytest.mark.parametrize("task, classes", [("xy", "paper"), ("sg", "some")])
def test_unknown_tasks_and_classes_are_named(task, classes):
    with pytest.raises(ValueError, match=r"is unknown; use one of '"):
        symmetry.class_list(task, classes, np.array([1]), 50)


def test_frequent_with_nothing_frequent_says_what_to_change():
    with pytest.raises(ValueError, match="min_count = 50"):
        symmetry.class_list("sg", "frequent", np.array([1, 2]), 50)


def test_class_indices_point_back_to_the_class():
    numbers = np.array([225, 3, 1, 230])
    paper = symmetry.PAPER_SPACE_GROUPS
    indices = symmetry.class_indices("sg", paper, numbers)
    assert indices.dtype == np.int32
    assert indices[1] == -1  # 3 is not one of the 144
    assert [paper[i] for i in indices[[0, 2, 3]]] == [225, 1, 230]
    lattices = symmetry.class_indices("bl", symmetry.BRAVAIS_LATTICES, numbers)
    assert [symmetry.BRAVAIS_LATTICES[i] for i in lattices] == [
        "cubic (F)",
        "monoclinic (P)",
        "triclinic (P)",
        "cubic (I)",
    ]


def test_class_names_are_readable():
    assert symmetry.class_names("sg", (225, 62)) == ["225 Fm-3m", "62 Pnma"]
    assert symmetry.class_names("bl", symmetry.BRAVAIS_LATTICES)[0] == "cubic (F)"


@pytest.mark.parametrize("number", [0, 231, -1])
def test_numbers_that_are_no_group_raise(number):
    with pytest.raises(ValueError, match=r"not in 1\.\.230"):
        symmetry.bravais_lattice(number)
