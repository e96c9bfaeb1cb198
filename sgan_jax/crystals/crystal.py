"""Crystal: what every source of crystals produces and all later steps use."""

import dataclasses
import functools
import math
from collections import Counter
from typing import NamedTuple

import numpy as np

from sgan_jax import symmetry
from sgan_jax.crystals import formula, operations, sites

# The reader has put sites exactly on their special positions; this only absorbs rounding.
_SAME_POSITION_ANGSTROM = 0.01


class UnitCellSites(NamedTuple):
    """Every atom of the unit cell, centring included; atoms on a shared position stay separate.

    Attributes:
      elements: N names, as in `Crystal`.
      fractional: float64 [N, 3], in [0, 1).
      occupancies: float64 [N].
      b_iso: float64 [N], Å².
    """

    elements: tuple[str, ...]
    fractional: np.ndarray
    occupancies: np.ndarray
    b_iso: np.ndarray


class _Orbit(NamedTuple):
    multiplicity: int  # in the crystal's own cell
    stabiliser: np.ndarray  # bool [m], the operations that fix the position
    elements: frozenset[str]  # that share the position


@dataclasses.dataclass(frozen=True, eq=False)
class Crystal:
    """A crystal: its cell, asymmetric unit and all symmetry operations of the cell.

    Attributes:
      id: names the crystal in its data set.
      cell: a, b, c (Å), alpha, beta, gamma (degrees).
      elements: n names as in gemmi, without charges; 'D' is not 'H', isotopes are '7Li'.
      fractional: float64 [n, 3], the asymmetric sites, exactly on their special positions.
      occupancies: float64 [n], in (0, 1], crystallographic: 1 is a full position.
      b_iso: float64 [n], Å²; the equivalent B of an anisotropic site.
      u_aniso: float64 [n, 6], Å², U11 U22 U33 U12 U13 U23 as in a CIF; NaN where isotropic.
      rotations: int64 [m, 3, 3], of every operation, centring included.
      translations: float64 [m, 3].
      space_group_number: 1..230.
      source: where it comes from, e.g. the file.
    """

    id: str
    cell: sites.Cell
    elements: tuple[str, ...]
    fractional: np.ndarray
    occupancies: np.ndarray
    b_iso: np.ndarray
    u_aniso: np.ndarray
    rotations: np.ndarray
    translations: np.ndarray
    space_group_number: int
    source: str

    @functools.cached_property
    def bravais_lattice(self) -> str:
        """The Bravais lattice, e.g. 'orthorhombic (P)'."""
        return symmetry.bravais_lattice(self.space_group_number)

    @functools.cached_property
    def volume(self) -> float:
        """Volume of the unit cell in Å³."""
        return float(np.linalg.det(sites.orthogonalisation(self.cell)))

    @functools.cached_property
    def formula(self) -> str:
        """The reduced formula, e.g. 'BaTiO3'."""
        return formula.text(self._formula_amounts)

    @functools.cached_property
    def structure_type(self) -> str:
        """A string shared by all crystals of a structure type, e.g. '225|AB|4 m-3m,4 m-3m'.

        Space group, anonymous formula, and of each orbit the multiplicity in the standard
        conventional cell and the site symmetry. Unlike Wyckoff letters (NaCl is 4a 4b either way
        round), multiplicities and site symmetries do not depend on the origin and the setting.
        In the anonymous formula a shared or partly vacant position counts as fully occupied by one
        kind of atom, so that a solid solution has the type of its end members.
        """
        cells = symmetry.lattice_points(self.space_group_number) / self._group.lattice_points
        orbits = sorted(
            (round(orbit.multiplicity * cells), self._group.site_symmetry(orbit.stabiliser))
            for orbit in self._orbits
        )
        sequence = ",".join(f"{multiplicity} {symbol}" for multiplicity, symbol in orbits)
        amounts: Counter[frozenset[str]] = Counter()
        for orbit in self._orbits:
            amounts[orbit.elements] += orbit.multiplicity
        divisor = math.gcd(*amounts.values())
        anonymous = formula.anonymous([amount // divisor for amount in amounts.values()])
        return f"{self.space_group_number}|{anonymous}|{sequence}"

    def unit_cell_sites(self) -> UnitCellSites:
        """Return every atom of the unit cell."""
        content = self.content
        return UnitCellSites(
            tuple(self.elements[i] for i in content.site_index),
            content.fractional.copy(),
            self.occupancies[content.site_index],
            self.b_iso[content.site_index],
        )

    @functools.cached_property
    def atoms(self) -> float:
        """Number of atoms in the unit cell, the sum of their occupancies."""
        return float(self.occupancies[self.content.site_index].sum())

    @functools.cached_property
    def _group(self) -> operations.OperationGroup:
        return operations.operation_group(self.rotations, self.translations)

    @functools.cached_property
    def stabilisers(self) -> np.ndarray:
        """Which operations fix each site, bool [n, m]."""
        return sites.project(self._group, self.fractional, self.cell, _SAME_POSITION_ANGSTROM)[1]

    @functools.cached_property
    def content(self) -> sites.Content:
        """Site, operation and coordinates of every atom of the unit cell."""
        return sites.expand(self._group, self.fractional, self.stabilisers)

    @functools.cached_property
    def main_sites(self) -> np.ndarray:
        """Index of one site of each distinct orbit, ascending: of a shared orbit, the fullest."""
        content = self.content
        first = sites.first_coincident(
            self.fractional, content.fractional, content.site_index, self.cell
        )
        order = np.argsort(-self.occupancies, kind="stable")
        return np.sort([order[first[order] == orbit][0] for orbit in np.unique(first)])

    @functools.cached_property
    def _orbits(self) -> list[_Orbit]:
        """Each distinct orbit once, however many elements share it."""
        site_index, _, atoms = self.content
        first = sites.first_coincident(self.fractional, atoms, site_index, self.cell)
        multiplicities = np.bincount(site_index)
        return [
            _Orbit(
                int(multiplicities[i]),
                self.stabilisers[i],
                frozenset(self.elements[j] for j in np.flatnonzero(first == i)),
            )
            for i in np.flatnonzero(first == np.arange(len(first)))
        ]

    @functools.cached_property
    def _formula_amounts(self) -> dict[str, float]:
        amounts = dict.fromkeys(self.elements, 0.0)
        multiplicities = np.bincount(self.content.site_index)
        for element, amount in zip(self.elements, self.occupancies * multiplicities, strict=True):
            amounts[element] += float(amount)
        units = math.gcd(*(orbit.multiplicity for orbit in self._orbits))
        return formula.reduced(amounts, units)
