"""Symmetry operations of a cell as a group: products, stabilisers, cosets, site symmetries.

Crystals share groups, so each is built once (`operation_group`) and caches its results.
Operations act on fractional coordinates: x' = R x + t, modulo lattice translations.
"""

import functools
from collections import Counter

import numpy as np

# Translations of products may differ by this, because files round operations (1/3 as 0.3333).
_TRANSLATION_TOLERANCE = 4e-3

# The type of an operation by trace times determinant; a determinant of -1 prefixes a '-'.
_TRACE_NAMES = {3: "1", -1: "2", 0: "3", 1: "4", 2: "6"}

# The 32 point groups by their number of operations of each type, without the identity
# (International Tables A, table 3.2.1.3; spglib uses the same counts).
_POINT_GROUPS: dict[str, dict[str, int]] = {
    "1": {},
    "-1": {"-1": 1},
    "2": {"2": 1},
    "m": {"-2": 1},
    "2/m": {"2": 1, "-1": 1, "-2": 1},
    "222": {"2": 3},
    "mm2": {"2": 1, "-2": 2},
    "mmm": {"2": 3, "-1": 1, "-2": 3},
    "4": {"2": 1, "4": 2},
    "-4": {"2": 1, "-4": 2},
    "4/m": {"2": 1, "4": 2, "-1": 1, "-2": 1, "-4": 2},
    "422": {"2": 5, "4": 2},
    "4mm": {"2": 1, "4": 2, "-2": 4},
    "-42m": {"2": 3, "-2": 2, "-4": 2},
    "4/mmm": {"2": 5, "4": 2, "-1": 1, "-2": 5, "-4": 2},
    "3": {"3": 2},
    "-3": {"3": 2, "-1": 1, "-3": 2},
    "32": {"2": 3, "3": 2},
    "3m": {"3": 2, "-2": 3},
    "-3m": {"2": 3, "3": 2, "-1": 1, "-2": 3, "-3": 2},
    "6": {"2": 1, "3": 2, "6": 2},
    "-6": {"3": 2, "-2": 1, "-6": 2},
    "6/m": {"2": 1, "3": 2, "6": 2, "-1": 1, "-2": 1, "-3": 2, "-6": 2},
    "622": {"2": 7, "3": 2, "6": 2},
    "6mm": {"2": 1, "3": 2, "6": 2, "-2": 6},
    "-62m": {"2": 3, "3": 2, "-2": 4, "-6": 2},
    "6/mmm": {"2": 7, "3": 2, "6": 2, "-1": 1, "-2": 7, "-3": 2, "-6": 2},
    "23": {"2": 3, "3": 8},
    "m-3": {"2": 3, "3": 8, "-1": 1, "-2": 3, "-3": 8},
    "432": {"2": 9, "3": 8, "4": 6},
    "-43m": {"2": 3, "3": 8, "-2": 6, "-4": 6},
    "m-3m": {"2": 9, "3": 8, "4": 6, "-1": 1, "-2": 9, "-3": 8, "-4": 6},
}
_SYMBOL_OF_COUNTS = {frozenset(counts.items()): symbol for symbol, counts in _POINT_GROUPS.items()}


class OperationGroup:
    """All symmetry operations of one unit cell, centring included.

    Attributes:
      rotations: int [m, 3, 3], acting on fractional coordinates.
      translations: float64 [m, 3], in [0, 1).
      lattice_points: number of pure translations, i.e. lattice points in the cell.
      identity: bool [m], true for the identity.
    """

    def __init__(self, rotations: np.ndarray, translations: np.ndarray):
        self.rotations = np.ascontiguousarray(rotations, np.int64)
        self.translations = np.ascontiguousarray(translations, np.float64)
        self.rotations.flags.writeable = False
        self.translations.flags.writeable = False
        self._float_rotations = self.rotations.astype(np.float64)
        self._representatives: dict[bytes, np.ndarray] = {}
        self._subgroups: dict[bytes, bool] = {}
        self._symbols: dict[bytes, str] = {}
        no_rotation = (self.rotations == np.eye(3, dtype=np.int64)).all(axis=(1, 2))
        self.lattice_points = int(no_rotation.sum())
        self.identity = no_rotation & (self.translations == 0).all(axis=1)

    def __len__(self) -> int:
        return len(self.rotations)

    def images(self, fractional: np.ndarray) -> np.ndarray:
        """Return the images [n, m, 3] of points [n, 3], not wrapped into the cell."""
        moved = fractional @ self._float_rotations.reshape(-1, 3).T
        return moved.reshape(len(fractional), -1, 3) + self.translations

    @functools.cached_property
    def products(self) -> np.ndarray:
        """The multiplication table, int [m, m]: operation i after operation j.

        Raises:
          ValueError: the operations do not form a group.
        """
        index_of_rotation: dict[bytes, int] = {}
        members: list[list[int]] = []
        rotation_index = np.empty(len(self), np.int64)
        for operation, rotation in enumerate(self.rotations):
            position = index_of_rotation.setdefault(rotation.tobytes(), len(members))
            if position == len(members):
                members.append([])
            members[position].append(operation)
            rotation_index[operation] = position
        if len({len(operations) for operations in members}) != 1:
            raise ValueError("the operations do not form a group: a centring is incomplete")
        first = np.array([operations[0] for operations in members])
        distinct = self.rotations[first]
        product_of_rotations = np.empty((len(first), len(first)), np.int64)
        for i, rotation in enumerate(distinct):
            for j, product in enumerate(rotation @ distinct):
                position = index_of_rotation.get(product.tobytes())
                if position is None:
                    raise ValueError("the operations do not form a group: a product is missing")
                product_of_rotations[i, j] = position
        candidates = np.array(members)  # [rotations, centrings]
        table = np.empty((len(self), len(self)), np.int32)
        for i in range(len(self)):
            translations = self.translations @ self._float_rotations[i].T + self.translations[i]
            choices = candidates[product_of_rotations[rotation_index[i], rotation_index]]
            difference = translations[:, None, :] - self.translations[choices]
            difference -= np.round(difference)
            distance = np.abs(difference).max(axis=-1)
            nearest = distance.argmin(axis=1)
            every = np.arange(len(self))
            if distance[every, nearest].max() > _TRANSLATION_TOLERANCE:
                raise ValueError("the operations do not form a group: a product is missing")
            table[i] = choices[every, nearest]
        return table

    def is_subgroup(self, mask: np.ndarray) -> bool:
        """Return whether the operations in the mask, bool [m], form a group."""
        key = mask.tobytes()
        if key not in self._subgroups:
            chosen = np.flatnonzero(mask)
            products = self.products[chosen[:, None], chosen]
            self._subgroups[key] = bool(mask.any() and mask[products].all())
        return self._subgroups[key]

    def representatives(self, stabiliser: np.ndarray) -> np.ndarray:
        """Return operations that give each image of a site once, given its stabiliser, bool [m].

        One of each left coset: i and j give the same image if j = i s with s in the stabiliser.
        """
        key = stabiliser.tobytes()
        if key not in self._representatives:
            chosen = np.flatnonzero(stabiliser)
            if len(chosen) == 1:
                found = np.arange(len(self))
            else:
                found = np.unique(self.products[:, chosen].min(axis=1))
            self._representatives[key] = found
        return self._representatives[key]

    def site_symmetry(self, stabiliser: np.ndarray) -> str:
        """Return the site's point group without orientation, e.g. 'mm2', never '2mm'."""
        key = stabiliser.tobytes()
        if key not in self._symbols:
            self._symbols[key] = point_group(self.rotations[stabiliser])
        return self._symbols[key]


@functools.lru_cache(maxsize=1024)
def _cached_group(rotations: bytes, translations: bytes) -> OperationGroup:
    return OperationGroup(
        np.frombuffer(rotations, np.int64).reshape(-1, 3, 3),
        np.frombuffer(translations, np.float64).reshape(-1, 3),
    )


def operation_group(rotations: np.ndarray, translations: np.ndarray) -> OperationGroup:
    """Return the group of rotations [m, 3, 3] and translations [m, 3], built once per process."""
    return _cached_group(
        np.ascontiguousarray(rotations, np.int64).tobytes(),
        np.ascontiguousarray(translations, np.float64).tobytes(),
    )


def point_group(rotations: np.ndarray) -> str:
    """Return the point group of distinct rotations [n, 3, 3] by counting types of operation."""
    determinants = np.round(np.linalg.det(rotations)).astype(int)
    traces = np.trace(rotations, axis1=1, axis2=2) * determinants
    kinds = Counter(
        ("-" if determinant < 0 else "") + _TRACE_NAMES[int(trace)]
        for determinant, trace in zip(determinants, traces, strict=True)
    )
    del kinds["1"]
    return _SYMBOL_OF_COUNTS[frozenset(kinds.items())]
