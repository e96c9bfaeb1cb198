"""|F|² of many reflections at once, by matrix products.

exp 2πi(hx + ky + lz) is the product of a factor of (h, k) and a factor of l, so the sum over all
atoms with the same isotropic B is one matrix product [(h, k) pairs, atoms] x [atoms, l], times
their common Debye-Waller factor. If the cell has an inversion centre, the origin is moved to it, F
is real, and only half of the atoms are summed.
"""

import itertools
from typing import NamedTuple

import numpy as np

from sgan_jax.crystals import displacements
from sgan_jax.crystals.crystal import Crystal
from sgan_jax.diffraction.reciprocal_group import ReciprocalGroup

_CHUNK = 100_000  # reflections times anisotropic atoms held at a time


class Atoms(NamedTuple):
    """Atoms of a structure factor, isotropic ones first and ordered by B.

    Attributes:
        fractional: [n, 3], relative to the inversion centre if there is one.
        weight: [n], scattering length · occupancy · number of atoms that it stands for, fm.
        groups: (first, last + 1, B in Å²) of each run of isotropic atoms with the same B.
        beta: [a, 6], of the last a atoms, the anisotropic ones: their Debye-Waller factors are
            exp(-(β11 h² + β22 k² + β33 l² + β12 hk + β13 hl + β23 kl)).
        centrosymmetric: whether F is real.
    """

    fractional: np.ndarray
    weight: np.ndarray
    groups: list[tuple[int, int, float]]
    beta: np.ndarray
    centrosymmetric: bool


def atoms_needed(
    crystal: Crystal, group: ReciprocalGroup, scattering_length_fm: np.ndarray
) -> Atoms:
    """Return the atoms to sum over, given the scattering length [n] of each site."""
    anisotropic = ~np.isnan(crystal.u_aniso[:, 0])
    # Isotropic sites first, those with the same B together.
    order = np.lexsort((np.where(anisotropic, 0.0, crystal.b_iso), anisotropic))
    chosen, counts, factors = [], [], []
    for site in order:
        found, factor = group.atom_operations(crystal.stabilisers[site])
        chosen.append(found)
        counts.append(len(found))
        factors.append(factor)
    operation = np.concatenate(chosen)
    site = np.repeat(order, counts)
    rotations = crystal.rotations[operation].astype(np.float64)
    fractional = np.matmul(rotations, crystal.fractional[site][:, :, None])[:, :, 0]
    fractional += crystal.translations[operation]
    if group.inversion_centre is not None:
        fractional -= group.inversion_centre
    weight = np.repeat(scattering_length_fm[order] * crystal.occupancies[order] * factors, counts)

    is_anisotropic = anisotropic[site]
    first = int(len(site) - is_anisotropic.sum())
    b_iso = crystal.b_iso[site[:first]]
    edges = [0, *(np.flatnonzero(np.diff(b_iso)) + 1).tolist(), first]
    groups = [(i, j, float(b_iso[i])) for i, j in itertools.pairwise(edges) if i < j]
    beta = np.empty((0, 6))
    if first < len(site):
        beta = _beta(crystal, site[first:], rotations[first:])
    return Atoms(fractional, weight, groups, beta, group.inversion_centre is not None)


def _beta(crystal: Crystal, site: np.ndarray, rotations: np.ndarray) -> np.ndarray:
    """Return β [n, 6] of atoms, transformed by their operations, β' = R β Rᵀ."""
    beta = displacements.beta_from_u(crystal.u_aniso[site], crystal.cell)
    beta = rotations @ beta @ rotations.transpose(0, 2, 1)
    diagonal = beta[:, [0, 1, 2], [0, 1, 2]]
    return np.concatenate((diagonal, 2.0 * beta[:, [0, 0, 1], [1, 2, 2]]), axis=1)


def f_squared(atoms: Atoms, hkl: np.ndarray, s_squared: np.ndarray) -> np.ndarray:
    """Return |F|² [n], fm².

    Args:
        atoms: to sum over.
        hkl: whole numbers as float64 [n, 3], ordered by h, k, l.
        s_squared: sin²θ/λ² = 1/(4d²) [n], Å⁻².
    """
    h, k, l = hkl.T.astype(np.int64)  # noqa: E741
    starts = np.empty(len(hkl), bool)  # of the runs with the same h and k
    starts[0] = True
    starts[1:] = (h[1:] != h[:-1]) | (k[1:] != k[:-1])
    run = np.cumsum(starts) - 1
    first = np.flatnonzero(starts)
    low, high = int(l.min()), int(l.max())
    column = l - low

    left = _powers(atoms.fractional[:, 0], h[first]) * _powers(atoms.fractional[:, 1], k[first])
    right = _powers(atoms.fractional[:, 2], np.arange(low, high + 1)) * atoms.weight
    # Re(Σ left right) = (re, im)·(re, -im) and Im = (re, im)·(im, re): products of real matrices.
    left_parts = left.view(np.float64)
    factors = [right.conj().view(np.float64).T]
    if not atoms.centrosymmetric:
        factors.append((1j * right.conj()).view(np.float64).T)
    amplitudes = [np.zeros(len(hkl)) for _ in factors]
    for begin, end, b_iso in atoms.groups:
        part = slice(2 * begin, 2 * end)
        debye_waller = np.exp(-b_iso * s_squared)
        for amplitude, factor in zip(amplitudes, factors, strict=True):
            amplitude += (left_parts[:, part] @ factor[part])[run, column] * debye_waller
    if len(atoms.beta):
        begin = len(atoms.fractional) - len(atoms.beta)
        step = max(_CHUNK // len(atoms.beta), 1)
        for start in range(0, len(hkl), step):
            part = slice(start, start + step)
            sums = _anisotropic(
                atoms.beta, left[:, begin:][run[part]], right[:, begin:][column[part]], hkl[part]
            )
            for amplitude, value in zip(amplitudes, (sums.real, sums.imag), strict=False):
                amplitude[part] += value
    return sum((amplitude**2 for amplitude in amplitudes), start=np.zeros(len(hkl)))


def _anisotropic(
    beta: np.ndarray, left: np.ndarray, right: np.ndarray, hkl: np.ndarray
) -> np.ndarray:
    h, k, l = hkl.T  # noqa: E741
    squares = np.stack((h * h, k * k, l * l, h * k, h * l, k * l), axis=1)
    return np.einsum("na,na,na->n", left, right, np.exp(-(squares @ beta.T)))


def _powers(x: np.ndarray, orders: np.ndarray) -> np.ndarray:
    """Return exp(2πi n x) [orders, atoms] for whole numbers n, each power computed once."""
    low, high = int(orders.min()), int(orders.max())
    table = np.exp(2j * np.pi * (np.arange(low, high + 1)[:, None] * x))
    return table[orders - low]
