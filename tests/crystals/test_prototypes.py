"""Structure types against spglib and textbook bond lengths; random crystals of these types."""

from collections import Counter, defaultdict

import gemmi
import numpy as np
import pytest
import spglib

from sgan_jax import symmetry
from sgan_jax.crystals import prototypes, sites
from sgan_jax.crystals.crystal import Crystal
from sgan_jax.crystals.prototypes import PROTOTYPES
from sgan_jax.crystals.structure_type import StructureType

# About spglib 3, which will raise where version 2 returns None.
pytestmark = pytest.mark.filterwarnings("ignore:Set OLD_ERROR_HANDLING")

OF_NAME = {kind.name: kind for kind in PROTOTYPES}

# Atoms in the conventional cell and the bond that defines the type, from textbooks
# (A. F. Wells, Structural Inorganic Chemistry, 5th edition).
TEXTBOOK = {
    "rock salt": ({"Na": 4, "Cl": 4}, "Na", "Cl", 2.82),
    "zinc blende": ({"Zn": 4, "S": 4}, "Zn", "S", 2.34),
    "fluorite": ({"Ca": 4, "F": 8}, "Ca", "F", 2.37),
    "spinel": ({"Mg": 8, "Al": 16, "O": 32}, "Al", "O", 1.93),
    "garnet": ({"Ca": 24, "Al": 16, "Si": 24, "O": 96}, "Si", "O", 1.65),
    "rutile": ({"Ti": 2, "O": 4}, "Ti", "O", 1.95),
    "corundum": ({"Al": 12, "O": 18}, "Al", "O", 1.86),
    "calcite": ({"Ca": 6, "C": 6, "O": 18}, "C", "O", 1.28),
    "low quartz, left-handed": ({"Si": 3, "O": 6}, "Si", "O", 1.61),
    "olivine": ({"Mg": 8, "Si": 4, "O": 16}, "Si", "O", 1.63),
    "pyrite": ({"Fe": 4, "S": 8}, "Fe", "S", 2.26),
    "baddeleyite": ({"Zr": 4, "O": 8}, "Zr", "O", 2.05),
    "thenardite": ({"Na": 16, "S": 8, "O": 32}, "S", "O", 1.47),
    "gypsum": ({"Ca": 4, "S": 4, "O": 24, "D": 16}, "S", "O", 1.47),
    "kyanite": ({"Al": 8, "Si": 4, "O": 20}, "Si", "O", 1.63),
    "YBa2Cu3O7": ({"Y": 1, "Ba": 2, "Cu": 3, "O": 7}, "Cu", "O", 1.85),
}


def occupied(crystal: Crystal) -> tuple[np.ndarray, list[tuple]]:
    """Return the distinct positions [N, 3] of the unit cell and what occupies each."""
    content = crystal.unit_cell_sites()
    at: dict[tuple, list] = defaultdict(list)
    for element, position, occupancy in zip(
        content.elements, content.fractional, content.occupancies, strict=True
    ):
        at[tuple(np.round(position, 5) % 1)].append((element, round(float(occupancy), 3)))
    return np.array(list(at)), [tuple(sorted(atoms)) for atoms in at.values()]


def spglib_number(cell, positions, species) -> int:
    kinds = sorted(set(species))
    lattice = sites.orthogonalisation(cell).T
    numbers = [kinds.index(kind) for kind in species]
    return spglib.get_symmetry_dataset((lattice, positions, numbers), symprec=5e-3).number


def lattice_number(crystal: Crystal) -> int:
    """Return the group of the empty lattice: the cell with one atom at each lattice point."""
    points = crystal.translations[(crystal.rotations == np.eye(3)).all(axis=(1, 2))]
    return spglib_number(crystal.cell, points, [0] * len(points))


def distances(crystal: Crystal, positions: np.ndarray) -> np.ndarray:
    """Return the distance [N, N] in Å between different atoms, nearest images; inf for the same."""
    difference = positions[:, None] - positions
    difference -= np.round(difference)
    apart = np.linalg.norm(difference @ sites.orthogonalisation(crystal.cell).T, axis=-1)
    np.fill_diagonal(apart, np.inf)
    return apart


def undecorated(kind: StructureType) -> Crystal:
    """Return the prototype itself."""
    return Crystal(
        id=kind.name,
        cell=kind.cell,
        elements=tuple(role.rstrip("0123456789") for role in kind.roles),
        fractional=kind.fractional,
        occupancies=np.ones(len(kind.roles)),
        b_iso=np.ones(len(kind.roles)),
        u_aniso=np.full((len(kind.roles), 6), np.nan),
        rotations=kind.rotations,
        translations=kind.translations,
        space_group_number=kind.space_group_number,
        source="test",
    )


def wrong(crystal: Crystal) -> list[str]:
    """Return what is wrong with a decorated crystal."""
    positions, species = occupied(crystal)
    faults = []
    found = spglib_number(crystal.cell, positions, species)
    if found != crystal.space_group_number:
        faults.append(f"is {found}, not {crystal.space_group_number}")
    lattice = symmetry.bravais_lattice(lattice_number(crystal))
    if lattice != crystal.bravais_lattice:
        faults.append(f"its lattice is {lattice}, not {crystal.bravais_lattice}")

    elements = ["H" if atoms[0][0] == "D" else atoms[0][0] for atoms in species]
    radii = np.array([gemmi.Element(element).covalent_r for element in elements])
    relative = distances(crystal, positions) / (radii[:, None] + radii[None, :])
    # Vanadyl, uranyl and C-N bonds are the shortest in these units, about 0.7.
    if relative.min() < 0.6:
        faults.append(f"atoms at {relative.min():.2f} of the sum of their covalent radii")
    volume = crystal.volume / len(positions)
    if not 4 < volume < 65:
        faults.append(f"{volume:.1f} Å³ an atom")
    return [f"{crystal.id} {crystal.formula}: {fault}" for fault in faults]


def test_the_table_covers_every_bravais_lattice_and_many_space_groups():
    lattices = Counter(kind.bravais_lattice for kind in PROTOTYPES)
    assert set(lattices) == set(symmetry.BRAVAIS_LATTICES)
    assert min(lattices.values()) >= 20
    assert len({kind.space_group_number for kind in PROTOTYPES}) >= 150
    assert len(OF_NAME) == len(PROTOTYPES)


def test_every_prototype_has_its_space_group():
    faults = []
    for kind in PROTOTYPES:
        crystal = undecorated(kind)
        positions, species = occupied(crystal)
        found = spglib_number(crystal.cell, positions, species)
        if found != kind.space_group_number:
            faults.append((kind.name, kind.space_group_number, found))
    assert not faults


def test_every_decoration_can_be_filled_with_elements_that_scatter():
    for kind in PROTOTYPES:
        for decoration in kind.decorations:
            for role, pool in decoration.items():
                for element in pool:
                    assert gemmi.Element(element).neutron92.get_coefs()[0] != 0, (
                        kind.name,
                        element,
                    )
                for other, others in decoration.items():
                    if other != role and kind.must_differ(role, other):
                        assert len({*pool, *others}) >= 2, (kind.name, role, other)


@pytest.mark.parametrize("name", TEXTBOOK)
def test_textbook_contents_and_bonds(name):
    contents, centre, neighbour, bond = TEXTBOOK[name]
    crystal = undecorated(OF_NAME[name])
    assert Counter(crystal.unit_cell_sites().elements) == contents
    positions, species = occupied(crystal)
    apart = distances(crystal, positions)
    is_centre = np.array([atoms[0][0] == centre for atoms in species])
    is_neighbour = np.array([atoms[0][0] == neighbour for atoms in species])
    assert apart[np.ix_(is_centre, is_neighbour)].min() == pytest.approx(bond, abs=0.05)


def test_a_random_crystal_of_every_type_is_what_it_claims():
    faults = []
    for index, kind in enumerate(PROTOTYPES):
        faults += wrong(prototypes.decorated(kind, np.random.default_rng(index), kind.name))
    assert not faults


@pytest.mark.slow
def test_many_random_crystals_of_every_type_are_what_they_claim():
    faults = []
    for index, kind in enumerate(PROTOTYPES):
        for draw in range(10):
            rng = np.random.default_rng([index, draw])
            faults += wrong(prototypes.decorated(kind, rng, kind.name))
    assert not faults


def test_a_crystal_depends_on_seed_and_index_only():
    def facts(crystal: Crystal) -> tuple:
        return (
            crystal.id,
            crystal.cell,
            crystal.elements,
            crystal.fractional.tobytes(),
            crystal.occupancies.tobytes(),
            crystal.b_iso.tobytes(),
        )

    in_order = [facts(crystal) for crystal in prototypes.prototype_crystals(30, 3, "natural")]
    backwards = [facts(prototypes.prototype_crystal(i, 3, "natural")) for i in reversed(range(30))]
    assert in_order == backwards[::-1]
    assert in_order[0] != facts(prototypes.prototype_crystal(0, 4, "natural"))
    assert in_order[7][0] == "prototype-000007"


def test_space_groups_are_balanced_and_draws_within_their_ranges():
    count = 2800
    crystals = list(prototypes.prototype_crystals(count, 0, "uniform"))
    groups = Counter(crystal.space_group_number for crystal in crystals)
    there = {kind.space_group_number for kind in PROTOTYPES}
    expected = count / len(there)
    deviations = [abs(groups[number] - expected) for number in there]
    assert max(deviations) < 5 * np.sqrt(expected)

    b_iso = np.concatenate([crystal.b_iso for crystal in crystals])
    occupancies = np.concatenate([crystal.occupancies for crystal in crystals])
    assert 0.3 <= b_iso.min() and b_iso.max() <= 1.2
    assert 0 < occupancies.min() and occupancies.max() == 1
    assert 0.02 < np.mean([(crystal.occupancies < 1).any() for crystal in crystals]) < 0.4
    assert all(crystal.source == "prototypes" for crystal in crystals)


def test_shared_positions_are_exactly_full():
    for crystal in prototypes.prototype_crystals(400, 1, "natural"):
        totals: dict[tuple, float] = defaultdict(float)
        for position, occupancy in zip(crystal.fractional, crystal.occupancies, strict=True):
            totals[tuple(position)] += occupancy
        shared = len(totals) < len(crystal.elements)
        assert all(total == pytest.approx(1) for total in totals.values()) or not shared


def test_jitter_keeps_sites_on_their_special_positions():
    for index, kind in enumerate(PROTOTYPES):
        crystal = prototypes.decorated(kind, np.random.default_rng(index), kind.name)
        positions, _ = occupied(crystal)
        assert len(positions) == len(undecorated(kind).unit_cell_sites().elements), kind.name
