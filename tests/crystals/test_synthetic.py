"""Synthetic crystals against spglib, element radii and the statistics they are drawn from."""

import collections

import gemmi
import given_crystals
import numpy as np
import pytest
import spglib

from sgan_jax import symmetry
from sgan_jax.crystals import cell_shapes, fit_synthetic, sites, synthetic
from sgan_jax.crystals.crystal import Crystal
from sgan_jax.crystals.synthetic_statistics import SyntheticStatistics, group_weights, statistics
from sgan_jax.datasets import processes

# About spglib 3, which will raise where version 2 returns None.
pytestmark = pytest.mark.filterwarnings("ignore:Set OLD_ERROR_HANDLING")


@pytest.fixture(scope="module")
def one_of_each() -> list[Crystal]:
    """Return a crystal of each of the 230 groups."""
    return [synthetic.random_crystal(number, 1) for number in range(1, 231)]


@pytest.fixture(scope="module")
def natural() -> list[Crystal]:
    """Return crystals whose groups are as frequent as among real ones."""
    return [synthetic.synthetic_crystal(index, 0, "natural") for index in range(400)]


def occupied(crystal: Crystal) -> tuple[np.ndarray, list[str]]:
    """Return the distinct positions [N, 3] of the unit cell and the elements on each."""
    content = crystal.unit_cell_sites()
    at: dict[tuple, list] = collections.defaultdict(list)
    for element, position in zip(content.elements, content.fractional, strict=True):
        at[tuple(np.round(position, 6) % 1)].append(element)
    return np.array(list(at)), ["+".join(sorted(elements)) for elements in at.values()]


def test_spglib_finds_the_group_asked_for_in_all_230(one_of_each):
    wrong = []
    for number, crystal in enumerate(one_of_each, start=1):
        positions, species = occupied(crystal)
        kinds = np.unique(species, return_inverse=True)[1]
        cell = (sites.orthogonalisation(crystal.cell).T, positions, kinds)
        found = spglib.get_symmetry_dataset(cell, symprec=0.01)
        if found.number != number or crystal.space_group_number != number:
            wrong.append((number, found.number))
        # spglib finds as many symmetry operations as the crystal has.
        assert len(found.rotations) == len(crystal.rotations)
    assert not wrong


def test_a_table_of_a_few_crystals_serves_for_every_group():
    """None of them is monoclinic or has a body-centred cell."""
    salts = [given_crystals.rock_salt(5.6 + 0.01 * k, "Na", "Cl") for k in range(30)]
    rutiles = [given_crystals.rutile(4.6, 2.96, 0.3 + 0.001 * k) for k in range(30)]
    with pytest.raises(ValueError, match="60 crystals are too few"):
        fit_synthetic.fit([*salts, *rutiles])
    with pytest.raises(ValueError, match="15 crystals are too few"):
        fit_synthetic.fit(salts[:15])
    # An arrangement of five elements, each of which is in too few crystals to be drawn.
    atoms = [
        (element, 0.2 * k, 0.1, 0.3) for k, element in enumerate(("Ba", "La", "Fe", "Co", "F"))
    ]
    five = [given_crystals.crystal(1, (9.0, 5.0, 6.0, 80.0, 85.0, 95.0), atoms)] * 3
    few = SyntheticStatistics(
        **fit_synthetic.fit([*salts, *rutiles, *five, given_crystals.cuprite()])
    )
    for number in (1, 62, 139, 194):
        crystal = synthetic.random_crystal(number, 0, few)
        positions, species = occupied(crystal)
        kinds = np.unique(species, return_inverse=True)[1]
        cell = (sites.orthogonalisation(crystal.cell).T, positions, kinds)
        assert spglib.get_symmetry_dataset(cell, symprec=0.01).number == number
        if np.all(crystal.occupancies == 1.0):
            assert set(crystal.elements) <= {"Na", "Cl", "Ti", "O"}


def test_atoms_keep_their_distance_and_fill_the_cell(one_of_each, natural):
    for crystal in [*one_of_each, *natural[:100]]:
        positions, species = occupied(crystal)
        radii = np.array(
            [gemmi.Element("H" if s[0] == "D" else s.split("+")[0]).covalent_r for s in species]
        )
        search = np.array(np.meshgrid(*[[-1, 0, 1]] * 3)).reshape(3, -1).T
        basis = sites.orthogonalisation(crystal.cell)
        for position, radius in zip(positions, radii, strict=True):
            apart = (positions - position)[:, None] + search
            distance = np.linalg.norm(apart @ basis.T, axis=-1)
            distance[distance < 1e-6] = np.inf
            assert (distance.min(axis=1) / (radii + radius)).min() > 0.55, crystal.formula
        assert 4 < crystal.volume / len(positions) < 80, crystal.formula


def facts(crystal: Crystal) -> tuple:
    arrays = (crystal.fractional, crystal.occupancies, crystal.b_iso)
    return crystal.id, crystal.cell, crystal.elements, *(array.tobytes() for array in arrays)


def facts_of(index: int) -> tuple:
    return facts(synthetic.synthetic_crystal(index, 3, "uniform"))


def test_a_crystal_depends_on_its_arguments_only():
    backwards = [facts_of(index) for index in reversed(range(40))][::-1]
    spread = list(processes.ordered_map(facts_of, range(40), processes=2, chunk=5))
    assert spread == backwards
    assert facts(synthetic.random_crystal(62, 1)) != facts(synthetic.random_crystal(62, 2))
    assert facts(synthetic.random_crystal(62, 1))[0] == "synthetic-62-1"


def test_groups_occur_as_often_as_is_asked():
    count = 6000
    for balance in ("natural", "uniform"):
        drawn = [synthetic.drawn_group(index, 0, balance) for index in range(count)]
        weights = group_weights(statistics(), balance)
        expected = weights / weights.sum() * count
        counts = np.bincount(drawn, minlength=231)
        deviation = (counts - expected) / np.sqrt(expected + 1)
        assert np.abs(deviation).max() < 5
    with pytest.raises(ValueError, match="'natural', 'uniform'"):
        synthetic.drawn_group(0, 0, "even")


def test_statistics_are_those_of_the_table(natural):
    """Only approximately: rejected draws shift them a little."""
    table = statistics()
    single = np.diag(table.pair_counts) / table.group_counts.sum()
    names = table.elements.tolist()
    for element in ("O", "F", "S", "H", "Si", "Na"):
        share = np.mean([element in crystal.elements for crystal in natural])
        expected = single[names.index(element)]
        assert abs(share - expected) < 4 * np.sqrt(expected / len(natural)) + 0.4 * expected
    volumes = dict(zip(names, table.atom_volumes.astype(float), strict=True))
    ratios = [
        crystal.volume / sum(volumes[e] for e in crystal.unit_cell_sites().elements)
        for crystal in natural
        if (crystal.occupancies == 1).all()
    ]
    assert 0.95 < np.median(ratios) < 1.1
    assert np.std(np.log(ratios)) < 2 * float(table.volume_spread)


def test_displacements_and_occupancies_are_physical(natural):
    b_iso = np.concatenate([crystal.b_iso for crystal in natural])
    occupancies = np.concatenate([crystal.occupancies for crystal in natural])
    assert 0.02 < b_iso.min() and b_iso.max() < 8
    assert 0 < occupancies.min() and occupancies.max() == 1
    disordered = np.mean([(crystal.occupancies < 1).any() for crystal in natural])
    assert 0.01 < disordered < 0.12
    for crystal in natural:
        at: dict[tuple, list] = collections.defaultdict(list)
        for position, element, occupancy in zip(
            crystal.fractional, crystal.elements, crystal.occupancies, strict=True
        ):
            at[tuple(position)].append((element, occupancy))
        for atoms in at.values():
            assert sum(occupancy for _, occupancy in atoms) <= 1 + 1e-12
            assert len({element for element, _ in atoms}) == len(atoms)


def test_rejects_are_counted():
    drawn = [synthetic.draw(16, seed) for seed in range(20)]
    rejected = sum((entry.rejected for entry in drawn), collections.Counter())
    assert rejected and set(rejected) <= {"overlap", "other space group"}


@pytest.mark.parametrize("number", [0, 231])
def test_there_are_230_groups(number):
    with pytest.raises(ValueError, match="is not in 1"):
        synthetic.random_crystal(number, 0)


def test_every_bravais_lattice_has_crystals_of_its_own(natural):
    assert {crystal.bravais_lattice for crystal in natural} == set(symmetry.BRAVAIS_LATTICES)


@pytest.mark.slow
def test_spglib_finds_the_group_asked_for_in_many_crystals_of_each():
    wrong = []
    for number in range(1, 231):
        for seed in range(2, 12):
            positions, species = occupied(crystal := synthetic.random_crystal(number, seed))
            kinds = np.unique(species, return_inverse=True)[1]
            cell = (sites.orthogonalisation(crystal.cell).T, positions, kinds)
            if spglib.get_symmetry_dataset(cell, symprec=0.01).number != number:
                wrong.append((number, seed))
    assert not wrong


def test_the_last_bits_of_a_machine_do_not_grow(monkeypatch):
    """Each pushing step doubles a difference: 45 steps would make 0.03 out of the last bit."""
    groups = (26, 36, 41, 52, 61, 106)
    here = [synthetic.random_crystal(group, 5) for group in groups]
    shape = cell_shapes.shape
    monkeypatch.setattr(cell_shapes, "shape", lambda *given: shape(*given) * (1 + 4e-16))
    for one, group in zip(here, groups, strict=True):
        other = synthetic.random_crystal(group, 5)
        assert other.elements == one.elements
        np.testing.assert_allclose(other.fractional, one.fractional, rtol=0, atol=1e-6)
