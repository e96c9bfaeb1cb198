"""Which crystals were there before: same reduced formula, space group and volume per atom."""

import bisect

from sgan_jax.crystals.crystal import Crystal

_VOLUME_TOLERANCE = 0.02  # relative


class DuplicateFilter:
    """Remembers the crystals it has seen; the first of a kind wins."""

    def __init__(self):
        self._volumes: dict[tuple[str, int], list[float]] = {}

    def is_new(self, crystal: Crystal) -> bool:
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
