"""What follows for a cell's reflections from its symmetry operations; derived once per group.

Unique reflections, multiplicities, systematic absences and the atoms that a structure factor needs,
all from the operations themselves: for any setting and origin, tabulated or not.
"""

import functools

import numpy as np

from sgan_jax.crystals import operations

# M in h M² + k M + l, the numbers that order reflections. Exact in float64 for |h| < 8000.
_BASE = 2.0**14

# If an operation maps a reflection onto itself, h·t is exactly a multiple of 1/6 or 1/4; this only
# absorbs translations given to three or four digits (0.333).
_PHASE_TOLERANCE = 0.05


class ReciprocalGroup:
    """Unique reflections, absences and the atoms needed, under the operations of one cell.

    Attributes:
        centrings: number of lattice points in the cell.
        points_each: average number of reciprocal-lattice points per unique reflection.
        inversion_centre: [3], or None if the group has none.
        proper_rotations: int8 [m, 3, 3], those of the Laue group with determinant 1, that is one of
            each pair R, -R; equivalent reflections are h R.
        lowest_is_zero: (k, l): whether unique reflections have k >= 0, l >= 0; h >= 0 always.
    """

    def __init__(self, group: operations.OperationGroup):
        self._group = group
        rotations, translations = group.rotations, group.translations
        identity = np.eye(3, dtype=rotations.dtype)
        self._pure = (rotations == identity).all(axis=(1, 2))
        inversions = np.flatnonzero((rotations == -identity).all(axis=(1, 2)))
        self.centrings = int(self._pure.sum())
        self.inversion_centre = translations[inversions[0]] / 2.0 if len(inversions) else None
        self._centring_vectors = translations[self._pure & _moves(translations)]

        # The Laue group acts on reflections as h' = h R. The representative of equivalent ones is
        # that with the largest h M² + k M + l: h·(1 - R)(M², M, 1) >= 0 for every R.
        laue = np.unique(np.concatenate((rotations, -rotations)), axis=0)
        order = np.array([_BASE**2, _BASE, 1.0])
        self._laue_order = len(laue)
        self.points_each = self._laue_order * self.centrings
        self.proper_rotations = laue[np.linalg.det(laue) > 0.0].astype(np.int8)
        self._lead = np.ascontiguousarray((order - laue @ order).T)  # [3, Laue operations]
        self.lowest_is_zero = tuple(
            bool(np.any((self._lead[axis] > 0) & (np.delete(self._lead, axis, 0) == 0).all(0)))
            for axis in (1, 2)
        )

        # Only operations with a translation cause absences; one per rotation is enough, as those of
        # the centring are treated apart.
        column = {rotation.tobytes(): i for i, rotation in enumerate(laue)}
        checked: dict[int, int] = {}
        for operation in np.flatnonzero(_moves(translations) & ~self._pure).tolist():
            checked.setdefault(column[rotations[operation].tobytes()], operation)
        self._extinction_columns = np.array(list(checked), np.int64)
        self._extinction_translations = translations[list(checked.values())]
        self._atom_operations: dict[bytes, tuple[np.ndarray, float]] = {}

    def unique(self, hkl: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return which of hkl, float64 [n, 3], are unique and present: indices and multiplicities.

        The multiplicity is the number of equivalents under the Laue group, Friedel mates included.
        """
        index = np.arange(len(hkl))
        if len(self._centring_vectors):
            present = (_off_lattice(hkl @ self._centring_vectors.T) < _PHASE_TOLERANCE).all(axis=1)
            index = index[present]
            hkl = hkl[present]
        lead = hkl @ self._lead
        unique = (lead >= 0.0).all(axis=1)
        index, hkl, fixed = index[unique], hkl[unique], lead[unique] == 0.0
        multiplicity = self._laue_order // fixed.sum(axis=1)
        if len(self._extinction_columns):
            shifted = _off_lattice(hkl @ self._extinction_translations.T) > _PHASE_TOLERANCE
            present = ~(shifted & fixed[:, self._extinction_columns]).any(axis=1)
            index, multiplicity = index[present], multiplicity[present]
        return index, multiplicity

    def atom_operations(self, stabiliser: np.ndarray) -> tuple[np.ndarray, float]:
        """Return the operations that generate the atoms a structure factor needs, and their weight.

        For a site with this stabiliser, bool [m]: one atom per set of centring translates, whose
        number is the weight, and with an inversion centre one of each pair x, -x, which doubles the
        weight. Operations of determinant 1 generate these; if the stabiliser, modulo centring, has
        one of determinant -1, they generate all atoms already and the weight is not doubled.
        """
        key = stabiliser.tobytes()
        if key not in self._atom_operations:
            # The stabiliser modulo centring: products of the translations and its operations.
            products = self._group.products
            mask = np.zeros(len(self._group), bool)
            mask[products[np.ix_(self._pure, stabiliser)]] = True
            weight = float(self.centrings)
            allowed = np.ones(len(self._group), bool)
            if self.inversion_centre is not None:
                allowed = np.linalg.det(self._group.rotations) > 0.0
                weight *= 1.0 if (mask & ~allowed).any() else 2.0
            chosen = np.flatnonzero(mask & allowed)
            self._atom_operations[key] = (
                np.unique(products[np.ix_(np.flatnonzero(allowed), chosen)].min(axis=1)),
                weight,
            )
        return self._atom_operations[key]


@functools.lru_cache(maxsize=1024)
def reciprocal_group(group: operations.OperationGroup) -> ReciprocalGroup:
    """Return the cached `ReciprocalGroup` of the operations of a cell."""
    return ReciprocalGroup(group)


def _off_lattice(x: np.ndarray) -> np.ndarray:
    return np.abs(x - np.rint(x))


def _moves(translation: np.ndarray) -> np.ndarray:
    return (_off_lattice(translation) > 1e-3).any(axis=-1)
