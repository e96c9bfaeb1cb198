"""Which crystals were there before: same reduced formula, space group and volume per atom."""

from typing import Protocol

import numpy as np

from sgan_jax.crystals.seen import Seen

_VOLUME_TOLERANCE = 0.02  # relative


class Described(Protocol):
    """What of a crystal tells duplicates: a `Crystal`, or the little that another process sends."""

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
        """In the unit cell, occupancies summed."""
        ...


class DuplicateFilter:
    """Remembers the crystals it has seen, in 16 bytes each; the first of a kind wins."""

    def __init__(self):
        self._volumes = Seen()

    def is_new(self, crystal: Described) -> bool:
        """Return whether no crystal that was new before is the same; remember this one if so.

        The same are crystals of one reduced formula and space group whose volume per atom differs
        by at most 2 % of the first's.
        """
        formula, number = crystal.formula, crystal.space_group_number
        volume = crystal.volume / crystal.atoms
        kept = self._volumes.numbers(kind(formula, number))
        if np.any(np.abs(volume - kept) <= _VOLUME_TOLERANCE * kept):
            return False
        self.remember(formula, number, volume)
        return True

    def remember(self, formula: str, space_group_number: int, volume_per_atom: float) -> None:
        """Take a crystal for one that was new, as a build did before it was killed."""
        self._volumes.add(kind(formula, space_group_number), volume_per_atom)


def kind(formula: str, space_group_number: int) -> str:
    """Return what a crystal shares with its duplicates; of these, the volume decides."""
    return f"{space_group_number} {formula}"
