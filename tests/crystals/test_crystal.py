import itertools

import gemmi
import numpy as np
import pytest
import spglib
from cif_text import ROCK_SALT, cif_text, cube, named, operations, surroundings

from sgan_jax.crystals import cif, sites
from sgan_jax.crystals import operations as symmetry_operations

FLUORITE = [("Ca1", "Ca", 0, 0, 0), ("F1", "F", 0.25, 0.25, 0.25)]


def _read(text, **options):
    (crystal,) = cif.crystals_from_text("x.cif", text, **options)
    return crystal


@pytest.fixture(scope="module")
def real_crystals(shared_dir):
    """One crystal in five hundred of the collection, with the bytes of its file."""
    path = shared_dir / "structures/open_crystals.zip"
    members = itertools.islice(cif.cif_members(path), 0, None, 500)
    texts = [(member.name, member.load()) for member in members]
    return [
        (crystal, data)
        for name, data in texts
        for crystal in cif.crystals_from_text(name, data, skipped=[])
    ]


def test_unit_cells_hold_what_gemmi_puts_there(real_crystals):
    for crystal, data in real_crystals:
        small = gemmi.make_small_structure_from_block(gemmi.cif.read_string(data).sole_block())
        expected = np.array([s.fract.tolist() for s in small.get_all_unit_cell_sites()])
        ours = crystal.unit_cell_sites()
        assert len(ours.fractional) == len(expected), crystal.id
        difference = ours.fractional[:, None] - expected
        difference -= np.round(difference)
        nearest = np.abs(difference).max(axis=-1).min(axis=1)
        # Coordinates have six digits; ours are put exactly on special positions.
        assert nearest.max() < 2e-3, crystal.id
        np.testing.assert_allclose(crystal.volume, small.cell.volume, rtol=1e-3)


@pytest.mark.filterwarnings("ignore:Set OLD_ERROR_HANDLING")  # about spglib 3's exceptions
def test_orbits_and_site_symmetries_are_those_of_spglib(real_crystals):
    checked = 0
    for crystal, _ in real_crystals:
        content = crystal.unit_cell_sites()
        if (content.occupancies < 1).any() or len(content.fractional) > 120:
            continue
        kinds = {element: n for n, element in enumerate(sorted(set(crystal.elements)), start=1)}
        data = spglib.get_symmetry_dataset(
            (
                sites.orthogonalisation(crystal.cell).T.tolist(),
                content.fractional.tolist(),
                [kinds[element] for element in content.elements],
            ),
            symprec=0.01,
        )
        if data.number != crystal.space_group_number:
            continue
        assert sorted(np.bincount(crystal.content.site_index)) == sorted(
            np.bincount(data.crystallographic_orbits)[np.unique(data.crystallographic_orbits)]
        ), crystal.id
        group = symmetry_operations.operation_group(crystal.rotations, crystal.translations)
        for multiplicity, stabiliser, _ in crystal._orbits:
            assert multiplicity * stabiliser.sum() == len(group)
            symbol = spglib.get_pointgroup(group.rotations[stabiliser].astype(np.intc))[0].strip()
            symbol = {"-6m2": "-62m", "-4m2": "-42m"}.get(symbol, symbol)
            assert group.site_symmetry(stabiliser) == symbol
        checked += 1
    assert checked > 40


def test_stored_sites_are_exactly_special(real_crystals):
    for crystal, _ in real_crystals:
        group = symmetry_operations.operation_group(crystal.rotations, crystal.translations)
        moved = group.images(crystal.fractional) - crystal.fractional[:, None]
        moved -= np.round(moved)
        fixed = np.abs(moved).max(axis=-1)
        # An operation either leaves a site alone to the last digits or clearly moves it.
        assert not ((fixed > 1e-12) & (fixed < 1e-4)).any(), crystal.id


def test_the_space_group_leaves_the_unit_cell_unchanged(real_crystals):
    rng = np.random.default_rng(0)
    for crystal, _ in real_crystals[::4]:
        elements, fractional, _, _ = crystal.unit_cell_sites()
        operation = rng.integers(len(crystal.rotations))
        moved = fractional @ crystal.rotations[operation].T + crystal.translations[operation]
        difference = moved[:, None] - fractional
        difference -= np.round(difference)
        image = np.abs(difference).max(axis=-1).argmin(axis=1)
        assert sorted(image) == list(range(len(elements)))
        assert [elements[i] for i in image] == list(elements)


def test_one_structure_type_has_one_key():
    salt = _read(cif_text(cube(5.64), named("F m -3 m"), ROCK_SALT))
    periclase = _read(
        cif_text(cube(4.21), named("F m -3 m"), [("O", "O", 0, 0, 0), ("M", "Mg", 0.5, 0.5, 0.5)])
    )
    primitive = _read(
        cif_text(
            (3.988, 3.988, 3.988, 60, 60, 60),
            named("P 1"),
            [("Na1", "Na", 0.1, 0.2, 0.3), ("Cl1", "Cl", 0.6, 0.7, 0.8)],
        ),
        symmetry="spglib",
    )
    fluorite = _read(cif_text(cube(5.46), named("F m -3 m"), FLUORITE))
    assert salt.structure_type == periclase.structure_type == primitive.structure_type
    assert surroundings(primitive) == surroundings(
        _read(cif_text(cube(3.988 * 2**0.5), named("F m -3 m"), ROCK_SALT))
    )
    assert fluorite.structure_type != salt.structure_type
    assert fluorite.structure_type == "225|AB2|4 m-3m,8 -43m"


def test_a_solid_solution_is_of_its_end_members_type():
    salt = _read(cif_text(cube(5.64), named("F m -3 m"), ROCK_SALT))
    mixed = _read(
        cif_text(
            cube(5.7),
            named("F m -3 m"),
            [
                ("Na1", "Na", 0, 0, 0, 0.7),
                ("K1", "K", 0, 0, 0, 0.2),  # a tenth of the position is vacant
                ("Cl1", "Cl", 0.5, 0.5, 0.5),
            ],
        )
    )
    assert mixed.formula != salt.formula
    assert mixed.structure_type == salt.structure_type


def test_structure_type_does_not_depend_on_the_setting():
    rhombohedral = cif_text(
        (4.7459, 4.7459, 4.7459, 57.237, 57.237, 57.237),
        named("R -3 m:R"),
        [("Bi1", "Bi", 0.2341, 0.2341, 0.2341)],
    )
    hexagonal = cif_text(
        (4.546, 4.546, 11.862, 90, 90, 120), named("R -3 m:H"), [("Bi1", "Bi", 0, 0, 0.2341)]
    )
    assert _read(rhombohedral).structure_type == _read(hexagonal).structure_type
    pnma = cif_text((6, 8, 5, 90, 90, 90), named("P n m a"), [("A", "Fe", 0.1, 0.25, 0.2)])
    pbnm = cif_text((5, 6, 8, 90, 90, 90), named("P b n m"), [("A", "Fe", 0.2, 0.1, 0.25)])
    assert _read(pnma).structure_type == _read(pbnm).structure_type


def test_elements_on_one_position_are_one_orbit():
    text = cif_text(
        cube(5.64),
        named("F m -3 m"),
        [
            ("Na", "Na", 0, 0, 0, 0.5),
            ("K", "K", 0.5, 0.5, 0, 0.5),  # the same orbit, named by another of its points
            ("Cl", "Cl", 0.5, 0.5, 0.5),
        ],
    )
    crystal = _read(text)
    assert crystal.structure_type.endswith("|4 m-3m,4 m-3m")
    assert crystal.formula == "KNaCl2"
    assert crystal.atoms == 8


@pytest.mark.parametrize(
    "atoms, formula",
    [
        ([("Ba", "Ba", 0, 0, 0), ("Ti", "Ti", 0.5, 0.5, 0.5), ("O", "O", 0.5, 0.5, 0)], "BaTiO3"),
        ([("O", "O", 0, 0, 0), ("H", "H", 0.5, 0.5, 0.5)], "HO"),
        ([("Fe", "Fe", 0, 0, 0, 0.9), ("S", "S", 0.5, 0.5, 0.5)], "Fe0.9S"),
        ([("Fe", "Fe", 0, 0, 0, 0.5), ("S", "S", 0.5, 0.5, 0.5)], "FeS2"),
    ],
)
def test_formula(atoms, formula):
    assert _read(cif_text(cube(4), named("P m -3 m"), atoms)).formula == formula


def test_formula_is_of_the_formula_unit_in_any_cell():
    conventional = cif_text(cube(5.64), named("F m -3 m"), [("Na", "Na", 0, 0, 0, 0.9)])
    primitive = cif_text(
        (3.988, 3.988, 3.988, 60, 60, 60), named("P 1"), [("Na", "Na", 0, 0, 0, 0.9)]
    )
    assert _read(conventional).formula == _read(primitive).formula == "Na0.9"


def test_operations_without_centring_are_taken_at_their_word():
    # The name says F, the operations do not: 1 atom, not 4.
    text = cif_text(
        (4, 5, 6, 90, 90, 90),
        named("F 2 2 2") + "\n" + operations("x,y,z", "-x,-y,z", "x,-y,-z", "-x,y,-z"),
        [("Cu", "Cu", 0, 0, 0)],
    )
    crystal = _read(text)
    assert crystal.space_group_number == 16
    assert crystal.atoms == 1
