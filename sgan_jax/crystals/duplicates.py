"""Which crystals were there before: same reduced formula, space group and volume per atom."""

import bisect
from typing import Protocol

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
    """Remembers the crystals it has seen; the first of a kind wins."""

    def __init__(self):
        self._volumes: dict[tuple[str, int], list[float]] = {}

    def is_new(self, crystal: Described) -> bool:
        """Return whether no crystal that was new before is the same; remember this one if so.

        The same are crystals of one reduced formula and space group whose volume per atom differs
        by at most 2 % of the first's.
        """
        volume = crystal.volume / crystal.atoms
        kept = self._volumes.setdefault((crystal.formula, crystal.space_group_number), [])
        position = bisect.bisect(kept, volume)
        neighbours = kept[max(0, position - 1) : position + 1]
        if any(abs(volume - other) <= _VOLUME_TOLERANCE * other for other in neighbours):
            return False
        kept.insert(position, volume)
        return True
