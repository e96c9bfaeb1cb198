"""Sources of the crystals of a data set: CIF files, synthetic crystals, known structure types.

The main process lists a source (`items`, cheap); the workers turn its items into crystals
(`crystals`). Its `identity` is everything that the crystals depend on; the name of a data set
contains a hash of it.
"""

import dataclasses
import functools
import itertools
import pathlib
import re
from collections.abc import Iterator
from typing import Protocol

from sgan_jax import data_source
from sgan_jax.crystals import cif, given_prototypes, prototypes, synthetic, synthetic_statistics
from sgan_jax.crystals.crystal import Crystal
from sgan_jax.crystals.skipped import CifError, SkippedFile
from sgan_jax.datasets import fingerprints

READER_VERSION = 2
"""Raised whenever the same files give other crystals; part of a data set's name."""


class Source[Item](Protocol):
    """The interface of a source."""

    @property
    def label(self) -> str:
        """A readable name that is valid in a folder name."""
        ...

    def identity(self) -> dict[str, object]:
        """Return everything that the crystals depend on, as plain values."""
        ...

    def __len__(self) -> int: ...

    def items(self, start: int = 0) -> Iterator[Item]:
        """Yield the items, the inputs of the workers, in a fixed order from item `start` on.

        From 0, their number is the length of the source.
        """
        ...

    def name(self, item: Item) -> str:
        """Return the name of an item in lists of skipped files."""
        ...

    def crystals(self, item: Item) -> tuple[list[Crystal], list[SkippedFile]]:
        """Return the crystals of an item and what was skipped in it."""
        ...


CifItem = tuple[str, bytes | CifError]  # a file's name and its content, or why it cannot be read


@dataclasses.dataclass(frozen=True)
class CifSource:
    """Crystals of a CIF file, a folder, a zip or a tar (`cif.read_crystals` has the details)."""

    path: pathlib.Path
    symmetry: str
    b_iso_default: float
    count: int = 0
    """How many of the files, spread evenly over their list; 0 is all."""

    @property
    def label(self) -> str:
        """The file's name without its extension, valid in a folder name."""
        return re.sub(r"[^A-Za-z0-9]+", "_", self.path.name.split(".")[0]).strip("_") or "cif"

    def identity(self) -> dict[str, object]:
        """Return everything that the crystals depend on, as plain values."""
        return {
            "source": "cif",
            "fingerprint": fingerprints.files_fingerprint(self.path),
            "symmetry": self.symmetry,
            "b_iso_default": self.b_iso_default,
            "reader_version": READER_VERSION,
            # Only for files so named, whose crystals were once mistaken for generated ones.
            **({"origin": self.origin} if self.origin != self.path.name else {}),
            **({"count": self.count} if self.count else {}),
        }

    def __len__(self) -> int:
        """Return the number of files to read; none of them is loaded."""
        return min(self.count or self._files, self._files)

    @property
    def origin(self) -> str:
        """The `source` of its crystals: the file's name, never 'synthetic' or 'prototypes'."""
        name = self.path.name
        return f"{name} (CIF)" if name in data_source.MADE else name

    @functools.cached_property
    def _files(self) -> int:
        return sum(1 for _ in cif.cif_members(self.path))

    def items(self, start: int = 0) -> Iterator[CifItem]:
        """Yield the name and content of each file, sorted by name (a tar's in its own order)."""
        members = cif.cif_members(self.path)
        if self.count:
            wanted = {i * self._files // self.count for i in range(len(self))}
            members = (member for index, member in enumerate(members) if index in wanted)
        for member in itertools.islice(members, start, None):
            try:
                yield member.name, member.load()
            except CifError as error:
                yield member.name, error

    def name(self, item: CifItem) -> str:
        """Return the file's name."""
        return item[0]

    def crystals(self, item: CifItem) -> tuple[list[Crystal], list[SkippedFile]]:
        """Return the crystals of one file and what was skipped in it."""
        name, data = item
        if isinstance(data, CifError):
            return [], [SkippedFile(name, data.reason, data.detail)]
        skipped: list[SkippedFile] = []
        found = cif.crystals_from_text(
            name,
            data,
            symmetry=self.symmetry,
            b_iso_default=self.b_iso_default,
            skipped=skipped,
            source=self.origin,
        )
        return found, skipped


@dataclasses.dataclass(frozen=True)
class SyntheticSource:
    """The first `count` random crystals of a seed; `class_balance` weights their space groups."""

    count: int
    seed: int
    class_balance: str
    table: pathlib.Path | None = None  # statistics of real crystals; None: the package's own

    @property
    def label(self) -> str:
        """The kind and number of crystals."""
        return f"synthetic_{self.count}"

    def identity(self) -> dict[str, object]:
        """Return everything that the crystals depend on, as plain values."""
        return {
            "source": "synthetic",
            "count": self.count,
            "seed": self.seed,
            "class_balance": self.class_balance,
            "fingerprint": fingerprints.synthetic_fingerprint(
                self.table or synthetic_statistics.PATH
            ),
        }

    def __len__(self) -> int:
        return self.count

    def items(self, start: int = 0) -> Iterator[int]:
        """Yield the crystals' indices."""
        return iter(range(start, self.count))

    def name(self, item: int) -> str:
        """Return the index, in words."""
        return f"synthetic crystal {item}"

    def crystals(self, item: int) -> tuple[list[Crystal], list[SkippedFile]]:
        """Return the crystal with this index."""
        table = synthetic_statistics.statistics(self.table or synthetic_statistics.PATH)
        return [synthetic.synthetic_crystal(item, self.seed, self.class_balance, table)], []


@dataclasses.dataclass(frozen=True)
class PrototypeSource:
    """The first `count` crystals of known structure types, built in or from the CIFs of `path`."""

    count: int
    seed: int
    class_balance: str
    path: pathlib.Path | None = None

    @property
    def label(self) -> str:
        """The kind and number of crystals."""
        return f"prototypes_{self.count}"

    def identity(self) -> dict[str, object]:
        """Return everything that the crystals depend on, as plain values."""
        return {
            "source": "prototypes",
            "count": self.count,
            "seed": self.seed,
            "class_balance": self.class_balance,
            "fingerprint": fingerprints.prototypes_fingerprint(),
        } | ({"prototypes": fingerprints.files_fingerprint(self.path)} if self.path else {})

    def __len__(self) -> int:
        return self.count

    def items(self, start: int = 0) -> Iterator[int]:
        """Yield the crystals' indices."""
        return iter(range(start, self.count))

    def name(self, item: int) -> str:
        """Return the index, in words."""
        return f"prototype crystal {item}"

    def crystals(self, item: int) -> tuple[list[Crystal], list[SkippedFile]]:
        """Return the crystal with this index."""
        kinds = given_prototypes.structure_types(self.path) if self.path else prototypes.PROTOTYPES
        return [prototypes.prototype_crystal(item, self.seed, self.class_balance, kinds)], []
