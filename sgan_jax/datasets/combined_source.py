"""The source that a configuration requests: one kind of crystals, or several in sequence."""

import dataclasses
import os
import pathlib
from collections.abc import Iterator
from typing import Any

from sgan_jax import data_source
from sgan_jax.crystals.crystal import Crystal
from sgan_jax.crystals.skipped import SkippedFile
from sgan_jax.datasets.sources import CifSource, PrototypeSource, Source, SyntheticSource


@dataclasses.dataclass(frozen=True)
class CombinedSource:
    """Several sources as one: the items of the first, then those of the second, ..."""

    parts: tuple[Source, ...]

    @property
    def label(self) -> str:
        """The labels of the parts, joined."""
        return "_and_".join(part.label for part in self.parts)

    def identity(self) -> dict[str, object]:
        """Return everything that the crystals depend on, as plain values."""
        return {"source": "combined", "parts": [part.identity() for part in self.parts]}

    def __len__(self) -> int:
        return sum(map(len, self.parts))

    def items(self, start: int = 0) -> Iterator[tuple[int, Any]]:
        """Yield the index of a part and an item of it, part by part."""
        for index, part in enumerate(self.parts):
            length = len(part) if start else 0  # counting a folder takes a while
            if start and start >= length:
                start -= length
                continue
            for item in part.items(start):
                yield index, item
            start = 0

    def name(self, item: tuple[int, Any]) -> str:
        """Return the name that the part gives its item."""
        index, own = item
        return self.parts[index].name(own)

    def crystals(self, item: tuple[int, Any]) -> tuple[list[Crystal], list[SkippedFile]]:
        """Return the crystals of the part's item and what was skipped in it."""
        index, own = item
        return self.parts[index].crystals(own)


def make_source(
    *,
    source: str,
    class_balance: str,
    synthetic_crystals: int,
    synthetic_seed: int,
    synthetic_statistics: str | os.PathLike,
    prototype_crystals: int,
    prototype_seed: int,
    prototype_path: str | os.PathLike,
    cif_path: str | os.PathLike,
    symmetry: str,
    b_iso_default: float,
) -> Source:
    """Return the source that these keys of `config.data` describe.

    Raises:
      ValueError: `source` cannot be parsed.
      FileNotFoundError: a path does not exist.
    """
    parts: list[Source] = []
    for kind, count in data_source.parse(source):
        if kind == "synthetic":
            parts.append(
                SyntheticSource(
                    count or synthetic_crystals,
                    synthetic_seed,
                    class_balance,
                    _existing(
                        "data.synthetic_statistics (written by crystals.fit_synthetic)",
                        synthetic_statistics,
                    )
                    if synthetic_statistics
                    else None,
                )
            )
        elif kind == "prototypes":
            parts.append(
                PrototypeSource(
                    count or prototype_crystals,
                    prototype_seed,
                    class_balance,
                    _existing("data.prototype_path", prototype_path) if prototype_path else None,
                )
            )
        else:
            path = _existing("data.cif_path", cif_path)
            parts.append(CifSource(path, symmetry, b_iso_default, count))
    return parts[0] if len(parts) == 1 else CombinedSource(tuple(parts))


def _existing(key: str, given: str | os.PathLike) -> pathlib.Path:
    path = pathlib.Path(given).expanduser()
    if not path.exists():
        raise FileNotFoundError(f"{key}: {path} does not exist")
    return path
