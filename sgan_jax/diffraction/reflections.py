"""Crystal -> reflections: unique hkl, d-spacing, multiplicity and |F|² for neutrons."""

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from sgan_jax.crystals import operations, sites
from sgan_jax.crystals.crystal import Crystal
from sgan_jax.crystals.scattering_lengths import scattering_length_fm
from sgan_jax.crystals.skipped import CifError
from sgan_jax.diffraction import structure_factors
from sgan_jax.diffraction.reciprocal_group import ReciprocalGroup, reciprocal_group

_MAX_REFLECTIONS = 1_000_000  # unique ones, half a GB of memory; open crystals have at most 20 000
_CHUNK = 400_000  # points of the reciprocal lattice held at a time
_FACTORS = 4_000_000  # (h, k) pairs times atoms held at a time


class Reflections(NamedTuple):
    """The unique reflections of a crystal without systematic absences, by descending d-spacing.

    Attributes:
        hkl: int [n, 3], one of each set of equivalent reflections.
        d_angstrom: float64 [n].
        multiplicity: int [n], number of equivalent reflections, Friedel mates included.
        f_squared: float64 [n], |F|² of the whole unit cell, fm².
    """

    hkl: np.ndarray
    d_angstrom: np.ndarray
    multiplicity: np.ndarray
    f_squared: np.ndarray


def reflections(
    crystal: Crystal,
    wavelength_angstrom: float,
    two_theta_max_deg: float = 180.0,
    *,
    d_min_angstrom: float = 0.0,
) -> Reflections:
    """Return the reflections up to `two_theta_max_deg` with d-spacings above `d_min_angstrom`.

    F = Σ b occupancy T exp 2πi(h·x) over the unit cell, with b the bound coherent scattering length
    (fm) and T the Debye-Waller factor, exp(-B sin²θ/λ²) or its anisotropic form.

    Raises:
        ValueError: the scattering length of an element is unknown, or more than a million
            reflections are expected, which no powder pattern could resolve.
    """
    sine = math.sin(math.radians(min(two_theta_max_deg, 180.0) / 2.0))
    d_min = max(wavelength_angstrom / (2.0 * sine), d_min_angstrom)
    group = reciprocal_group(operations.operation_group(crystal.rotations, crystal.translations))
    expected = 4.0 / 3.0 * math.pi * crystal.volume / d_min**3 / group.points_each
    if expected > _MAX_REFLECTIONS:
        raise CifError("too large", f"a cell with {expected:.2g} reflections down to {d_min:.2f} Å")
    to_cartesian = sites.orthogonalisation(crystal.cell)
    reciprocal_metric = np.linalg.inv(to_cartesian.T @ to_cartesian)
    atoms = structure_factors.atoms_needed(crystal, group, _scattering_lengths(crystal.elements))

    parts = []
    spheres = _within_sphere(crystal.cell, reciprocal_metric, d_min, group, len(atoms.weight))
    for hkl, inverse_d_squared in spheres:
        index, multiplicity = group.unique(hkl)
        hkl, inverse_d_squared = hkl[index], inverse_d_squared[index]
        if len(hkl):
            f_squared = structure_factors.f_squared(atoms, hkl, inverse_d_squared / 4.0)
            parts.append((hkl, inverse_d_squared, multiplicity, f_squared))
    if not parts:
        return Reflections(
            np.empty((0, 3), np.int64), np.empty(0), np.empty(0, np.int64), np.empty(0)
        )
    hkl, inverse_d_squared, multiplicity, f_squared = (
        parts[0] if len(parts) == 1 else [np.concatenate(part) for part in zip(*parts, strict=True)]
    )
    order = np.argsort(inverse_d_squared, kind="stable")
    return Reflections(
        hkl[order].astype(np.int64),
        1.0 / np.sqrt(inverse_d_squared[order]),
        multiplicity[order],
        f_squared[order],
    )


def _within_sphere(
    cell: tuple[float, ...],
    reciprocal_metric: np.ndarray,
    d_min: float,
    group: ReciprocalGroup,
    atoms: int,
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield hkl, float64 [n, 3], with h >= 0 and 1/d² [n] up to 1/d_min², ordered by h, k, l.

    In slabs of h, so that memory is bounded for any cell and number of atoms.
    """
    limit = 1.0 / d_min**2 * (1.0 + 1e-12)
    h_max, k_max, l_max = (int(length / d_min + 1e-9) for length in cell[:3])  # |h| = |a·h| <= a/d
    k_is_zero, l_is_zero = group.lowest_is_zero
    k = np.arange(0 if k_is_zero else -k_max, k_max + 1.0)
    l = np.arange(0 if l_is_zero else -l_max, l_max + 1.0)  # noqa: E741
    g = reciprocal_metric
    slab = max(min(_CHUNK // (len(k) * len(l)), _FACTORS // (len(k) * atoms)), 1)
    for start in range(0, h_max + 1, slab):
        h = np.arange(start, min(start + slab, h_max + 1), dtype=np.float64)[:, None]
        in_plane = g[0, 0] * h * h + (2.0 * g[0, 1] * h + g[1, 1] * k) * k
        along = 2.0 * (g[0, 2] * h + g[1, 2] * k)
        inverse_d_squared = in_plane[:, :, None] + (along[:, :, None] + g[2, 2] * l) * l
        ih, ik, il = np.nonzero((inverse_d_squared <= limit) & (inverse_d_squared > 1e-12))
        hkl = np.empty((len(ih), 3))
        hkl[:, 0], hkl[:, 1], hkl[:, 2] = start + ih, k[ik], l[il]
        yield hkl, inverse_d_squared[ih, ik, il]


def _scattering_lengths(elements: tuple[str, ...]) -> np.ndarray:
    lengths = [scattering_length_fm(element) for element in elements]
    if None in lengths:
        unknown = elements[lengths.index(None)]
        raise ValueError(f"no neutron scattering length is known for {unknown!r}")
    return np.array(lengths)
