"""Packing against distances by brute force, and long waves against numerical derivatives."""

import itertools

import numpy as np
import pytest

from sgan_jax.crystals import even_filling, packing, wyckoff

BASIS = np.array([[7.0, -1.0, 0.5], [0.0, 6.5, 0.3], [0.0, 0.0, 5.5]])
CORNER = np.zeros((1, 3))  # the lattice points of a primitive cell


def brute_force(atoms: np.ndarray, basis: np.ndarray) -> np.ndarray:
    """Return the shortest nonzero distance [N, N] between atoms, over 7 x 7 x 7 cells."""
    shifts = np.array(list(itertools.product(range(-3, 4), repeat=3)), float)
    vectors = (atoms[:, None, None] - atoms[:, None] + shifts) @ basis.T
    distances = np.linalg.norm(vectors, axis=-1)
    distances[distances < 1e-6] = np.inf
    return distances.min(axis=2)


def general_orbits(number: int, count: int) -> packing.Orbits:
    general = len(wyckoff.wyckoff_positions(number)) - 1
    return packing.orbits(number, [general] * count)


def test_atoms_are_the_orbits_of_their_sites():
    group = wyckoff.standard_group(62)
    placed = packing.orbits(62, [0, len(wyckoff.wyckoff_positions(62)) - 1])
    numbers = np.array([[0.0, 0.0, 0.0], [0.11, 0.23, 0.37]])
    points = placed.sites(numbers)
    atoms = placed.atoms(points)
    np.testing.assert_allclose(points[1], numbers[1])
    assert len(atoms) == 4 + 8
    np.testing.assert_allclose(atoms[placed.first], points)
    images = group.images(points)
    for site in (0, 1):
        own = atoms[placed.site_index == site]
        apart = images[site][:, None] - own
        assert (np.abs(apart - np.round(apart)) < 1e-9).all(axis=-1).any(axis=1).all()


def test_pushing_ends_where_a_count_of_all_images_finds_no_short_distance():
    rng = np.random.default_rng(0)
    placed = general_orbits(2, 5)
    contacts = np.full((5, 10), 2.0)
    start = rng.random((5, 3))
    assert brute_force(placed.atoms(placed.sites(start)), BASIS).min() < 1.0
    numbers = packing.spread(placed, start, BASIS, 1.2 * contacts, np.array([0, 0, 1, 1, 1]))
    numbers, ratio = packing.pushed_apart(placed, numbers, BASIS, contacts, 0.9)
    shortest = brute_force(placed.atoms(placed.sites(numbers)), BASIS).min()
    assert shortest == pytest.approx(2.0 * ratio)
    assert shortest > 1.7


def test_sites_that_cannot_move_stay_and_are_measured():
    placed = packing.orbits(225, [0, 1])
    basis = 5.0 * np.eye(3)
    contacts = np.full((2, 8), 2.0)
    numbers, ratio = packing.pushed_apart(placed, np.zeros((2, 3)), basis, contacts, 2.0)
    assert (numbers == 0).all()
    assert ratio == pytest.approx(2.5 / 2.0)  # half of the edge between the two
    assert packing.least_ratio_of_fixed(placed, numbers, basis, contacts) == ratio


def test_long_waves_are_those_with_a_large_spacing_and_one_of_each_pair():
    waves = even_filling.long_waves(2.5 * BASIS, np.array([0]), np.array([0]), CORNER).waves
    every = np.array(list(itertools.product(range(-6, 7), repeat=3)), float)
    inverse_d = np.linalg.norm(every @ np.linalg.inv(2.5 * BASIS), axis=1)
    expected = every[(inverse_d > 0) & (inverse_d < 1 / even_filling.LONGEST_ANGSTROM)]
    both = {tuple(wave) for wave in np.concatenate([waves, -waves])}
    assert both == {tuple(wave) for wave in expected}
    assert len(both) == 2 * len(waves)


def test_the_push_goes_down_the_slope_of_the_long_waves():
    rng = np.random.default_rng(1)
    basis = 2.0 * BASIS
    atoms, kinds = rng.random((6, 3)), np.array([0, 0, 0, 1, 1, 1])
    waves = even_filling.long_waves(basis, kinds, np.arange(6), CORNER)

    def strength(cartesian: np.ndarray) -> float:
        phases = np.exp(2j * np.pi * (cartesian @ np.linalg.inv(basis).T) @ waves.waves.T)
        return sum((np.abs(phases[kinds == kind].sum(axis=0)) ** 2).sum() / 3 for kind in (0, 1))

    cartesian, step = atoms @ basis.T, 1e-5
    slope = np.empty((6, 3))
    for atom, axis in itertools.product(range(6), range(3)):
        moved = [cartesian.copy(), cartesian.copy()]
        moved[0][atom, axis] += step
        moved[1][atom, axis] -= step
        slope[atom, axis] = (strength(moved[0]) - strength(moved[1])) / (2 * step)
    ratio = waves.push(atoms) / slope
    assert (ratio < 0).all()
    np.testing.assert_allclose(ratio, ratio[0, 0], rtol=1e-4)


@pytest.mark.parametrize("number", [5, 22, 98, 146, 196])
def test_waves_of_a_primitive_cell_push_as_those_of_the_whole_cell(number):
    rng = np.random.default_rng(number)
    placed = general_orbits(number, 2)
    atoms = placed.atoms(placed.sites(rng.random((2, 3))))
    primitive, first = placed.primitive, placed.first
    assert len(placed.centrings) * len(primitive) == len(atoms)
    basis, kinds = 2.5 * BASIS, placed.site_index
    whole = even_filling.long_waves(basis, kinds, first, CORNER)
    chosen = np.searchsorted(primitive, first)
    part = even_filling.long_waves(basis, kinds[primitive], chosen, placed.centrings)
    assert len(part.waves) < len(whole.waves)
    phases = np.exp(2j * np.pi * atoms @ whole.waves.T)
    np.testing.assert_allclose(whole.phases(atoms), phases, atol=1e-12)
    np.testing.assert_allclose(part.push(atoms[primitive]), whole.push(atoms), atol=1e-12)
