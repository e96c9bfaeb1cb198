"""Wyckoff positions against spglib's letters and International Tables' counts."""

import string

import numpy as np
import pytest
import spglib

from sgan_jax.crystals import wyckoff

# About spglib 3, which will raise where version 2 returns None.
pytestmark = pytest.mark.filterwarnings("ignore:Set OLD_ERROR_HANDLING")

LETTERS = string.ascii_lowercase + "A"  # Pmmm has 27: spglib calls the last one A

# Multiplicity and site symmetry, a first (International Tables A).
FM3M = (
    """4 m-3m, 4 m-3m, 8 -43m, 24 mmm, 24 4mm, 32 3m, 48 mm2, 48 mm2, 48 mm2, 96 m, 96 m, 192 1"""
)
R3BARM = "3 -3m, 3 -3m, 6 3m, 9 2/m, 9 2/m, 18 2, 18 2, 18 m, 36 1"


def generic_lattice(number: int, rng: np.random.Generator) -> np.ndarray:
    """Return lattice vectors, as rows, of no higher symmetry than the group requires."""
    deformed = np.eye(3) + 0.2 * rng.normal(size=(3, 3))
    rotations = wyckoff.standard_group(number).rotations.astype(float)
    metric = (rotations.transpose(0, 2, 1) @ deformed @ deformed.T @ rotations).mean(axis=0)
    return 10.0 * np.linalg.cholesky(metric)


def spglib_letters(number: int) -> list[set[str]]:
    """Return spglib's letters for an orbit on each position, and one more general orbit."""
    rng = np.random.default_rng(number)
    group = wyckoff.standard_group(number)
    positions, kinds = [], []
    found = wyckoff.wyckoff_positions(number)
    for kind, position in enumerate([*found, found[-1]]):
        point = position.origin + position.directions @ rng.random(position.freedom)
        operations = position.representatives
        orbit = group.rotations[operations] @ point + group.translations[operations]
        assert len(orbit) == position.multiplicity
        positions.append(orbit)
        kinds += [kind] * len(orbit)
    cell = (generic_lattice(number, rng), np.concatenate(positions), kinds)
    data = spglib.get_symmetry_dataset(cell, symprec=1e-4)
    assert data.number == number
    letters = np.array(data.wyckoffs)
    return [set(letters[np.array(kinds) == kind]) for kind in range(len(found))]


def test_every_group_has_each_letter_of_spglib_once():
    total = 0
    for number in range(1, 231):
        letters = spglib_letters(number)
        assert all(len(of_one) == 1 for of_one in letters), number
        found = "".join(sorted(set.union(*letters), key=LETTERS.index))
        assert found == LETTERS[: len(letters)], number
        total += len(letters)
    assert total == 1731  # of all groups in International Tables


@pytest.mark.parametrize(("number", "listed"), [(225, FM3M), (166, R3BARM)])
def test_multiplicities_and_site_symmetries(number, listed):
    found = [f"{p.multiplicity} {p.site_symmetry}" for p in wyckoff.wyckoff_positions(number)]
    assert sorted(found) == sorted(listed.split(", "))


def test_primitive_atoms_are_one_of_each_set_that_the_centring_makes():
    for number in (12, 38, 79, 146, 196, 225, 230):
        group = wyckoff.standard_group(number)
        pure = group.translations[(group.rotations == np.eye(3)).all(axis=(1, 2))]
        for position in wyckoff.wyckoff_positions(number):
            point = (
                position.origin
                + position.directions @ np.array([0.11, 0.23, 0.37])[: position.freedom]
            )
            chosen = position.representatives
            atoms = group.rotations[chosen] @ point + group.translations[chosen]
            images = (atoms[position.primitive][:, None] + pure).reshape(-1, 3)
            apart = images[:, None] - atoms
            same = (np.abs(apart - np.round(apart)) < 1e-9).all(axis=-1)
            assert (same.sum(axis=0) == 1).all() and (same.sum(axis=1) == 1).all()


def test_indices_know_any_point_of_an_orbit_again():
    rng = np.random.default_rng(1)
    for number in (14, 62, 141, 166, 194, 216, 227):
        group = wyckoff.standard_group(number)
        for index, position in enumerate(wyckoff.wyckoff_positions(number)):
            point = position.origin + position.directions @ rng.random(position.freedom)
            images = group.images(point[None])[0] + rng.integers(-2, 3, (len(group), 3))
            assert (wyckoff.indices(number, images) == index).all(), (number, index)
            own = wyckoff.images_on(group, position, images[-1])
            chosen = position.origin + own[:, list(position.axes)] @ position.directions.T
            offset = own - chosen
            assert np.abs(offset - np.round(offset)).max() < 1e-9
