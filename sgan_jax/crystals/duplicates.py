"""Duplicate crystals: those with the same reduced formula, space group and volume per atom."""

from typing import Protocol

import numpy as np

from sgan_jax.crystals.seen import Seen

_VOLUME_TOLERANCE = 0.02  # relative


class Described(Protocol):
    """What identifies duplicates: a `Crystal`, or the few values that another process sends."""

    @property
    def formula(self) -> str:
        """The reduced formula."""
        ...

    @property
    def space_group_number(self) -> int:
        """1..230."""
        ...

    @property
    def volume(self) -> float:
        """Of the unit cell, Å³."""
        ...

    @property
    def atoms(self) -> float:
        """Number of atoms in the unit cell, the sum of their occupancies."""
        ...


class DuplicateFilter:
    """Remembers the crystals it has seen, in 16 bytes each; keeps the first of duplicates."""

    def __init__(self):
        self._volumes = Seen()

    def is_new(self, crystal: Described) -> bool:
        """Return whether a crystal is no duplicate of an earlier new one; remember it if so.

        Duplicates have the same reduced formula and space group, and a volume per atom that differs
        by at most 2 % from that of the first.
        """
        formula, number = crystal.formula, crystal.space_group_number
        volume = crystal.volume / crystal.atoms
        kept = self._volumes.numbers(kind(formula, number))
        if np.any(np.abs(volume - kept) <= _VOLUME_TOLERANCE * kept):
            return False
        self.remember(formula, number, volume)
        return True

    def remember(self, formula: str, space_group_number: int, volume_per_atom: float) -> None:
        """Remember a crystal that was new, for example in a build before it was killed."""
        self._volumes.add(kind(formula, space_group_number), volume_per_atom)


def kind(formula: str, space_group_number: int) -> str:
    """Return what a crystal shares with its duplicates, before the volume per atom is compared."""
    return f"{space_group_number} {formula}"
