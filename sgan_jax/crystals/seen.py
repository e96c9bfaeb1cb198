"""A map from texts to numbers in 16 bytes each, for builds of millions of crystals."""

import hashlib

import numpy as np

_MERGED_AT = 65_536  # so many are kept in a dict, ten times as large, before they are merged


class Seen:
    """A dict from texts to lists of numbers that stores a 64-bit hash in place of each text.

    With ten million texts, the probability that two have the same hash is 1 in 400 000.
    """

    def __init__(self) -> None:
        self._keys = np.empty(0, np.uint64)  # sorted; beside each, its number
        self._numbers = np.empty(0, np.float64)
        self._recent: dict[int, list[float]] = {}
        self._recent_count = 0

    def add(self, text: str, number: float = 0.0) -> None:
        """File a number under a text."""
        self._recent.setdefault(_hash(text), []).append(number)
        self._recent_count += 1
        if self._recent_count >= _MERGED_AT:
            self._merge()

    def numbers(self, text: str) -> np.ndarray:
        """Return the numbers [n] filed under a text, in no order; empty if there are none."""
        key = _hash(text)
        start, stop = (
            int(np.searchsorted(self._keys, np.uint64(key), side)) for side in ("left", "right")
        )
        return np.append(self._numbers[start:stop], self._recent.get(key, ()))

    def _merge(self) -> None:
        recent = [(key, number) for key, numbers in self._recent.items() for number in numbers]
        keys = np.append(self._keys, np.array([key for key, _ in recent], np.uint64))
        numbers = np.append(self._numbers, [number for _, number in recent])
        order = np.argsort(keys, kind="stable")
        self._keys, self._numbers = keys[order], numbers[order]
        self._recent, self._recent_count = {}, 0


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")
