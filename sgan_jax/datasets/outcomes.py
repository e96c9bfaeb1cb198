"""The outcome of each file of a build: its examples, duplicates and skipped crystals.

`outcome`, a pure function of an item, runs in the workers. `Tally` counts the outcomes in the main
process in the order of the files, so which of two duplicates is kept depends on nothing else.
"""

import collections
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from sgan_jax.crystals.duplicates import DuplicateFilter
from sgan_jax.crystals.seen import Seen
from sgan_jax.crystals.skipped import CifError, SkippedFile
from sgan_jax.datasets import catalogue, processor_time
from sgan_jax.datasets.examples import example
from sgan_jax.datasets.records import Record
from sgan_jax.datasets.sources import Source
from sgan_jax.diffraction.instrument import Instrument

MAX_SECONDS = 120.0
"""Of a processor, to read a file, and for the pattern of each crystal in it.

The slowest of 700 open crystals, the largest files among them, takes 0.03 s, the largest file of
very many crystals a minute.
"""


class TooManySkippedError(ValueError):
    """More files cannot be used than the configuration allows."""


class Found(NamedTuple):
    """An example and what identifies duplicates of its crystal; cheap to send between processes."""

    example: dict[str, Any]
    volume: float
    atoms: float

    @property
    def id(self) -> str:
        """The crystal's id, with whitespace collapsed as in the catalogue."""
        return " ".join(self.example["id"].split())

    @property
    def formula(self) -> str:
        """The crystal's reduced formula."""
        return self.example["formula"]

    @property
    def space_group_number(self) -> int:
        """The crystal's space group, 1..230."""
        return self.example["space_group"]


class Outcome(NamedTuple):
    """What one file yields."""

    found: list[Found]
    skipped: list[SkippedFile]


def outcome[Item](source: Source[Item], instrument: Instrument, item: Item) -> Outcome:
    """Return the examples of a source's item, and what was skipped in it and why.

    Whatever a file contains, this neither raises nor runs forever: no bad file stops a build.
    """
    try:
        with processor_time.limited(MAX_SECONDS):
            crystals, skipped = source.crystals(item)
    except processor_time.TooSlowError as error:
        return Outcome([], [SkippedFile(source.name(item), "too slow", str(error))])
    except Exception as error:
        return Outcome([], [SkippedFile(source.name(item), "unexpected error", _one_line(error))])
    found = []
    for crystal in crystals:
        try:
            with processor_time.limited(MAX_SECONDS):
                found.append(Found(example(crystal, instrument), crystal.volume, crystal.atoms))
        except processor_time.TooSlowError as error:
            skipped.append(SkippedFile(crystal.id, "too slow", str(error)))
        except CifError as error:
            skipped.append(SkippedFile(crystal.id, error.reason, error.detail))
        except ValueError as error:
            skipped.append(SkippedFile(crystal.id, "no pattern", _one_line(error)))
        except Exception as error:
            skipped.append(SkippedFile(crystal.id, "unexpected error", _one_line(error)))
    if not found and not skipped:
        skipped.append(SkippedFile(source.name(item), "no crystal", "the reader gave no reason"))
    return Outcome(found, skipped)


def examples(
    outcome: Outcome, names: Iterable[str | None], record: Record
) -> Iterator[dict[str, Any]]:
    """Yield the new examples of a file and add all its results to the record.

    Args:
      outcome: of the file.
      names: each crystal's id in the data set, None for a duplicate.
      record: of the file's shard.
    """
    record.skipped += outcome.skipped
    record.lost += not outcome.found
    for found, name in zip(outcome.found, names, strict=True):
        if name is None:
            record.duplicates.append((found.example["id"], found.formula))
            continue
        described = found.example | {"id": name}
        record.crystals.append(catalogue.row(described))
        record.volumes_per_atom.append(found.volume / found.atoms)
        yield described


def free_name(name: str, is_taken: Callable[[str], bool]) -> str:
    """Return the name, primed until it is free: a name may occur twice in an archive."""
    while is_taken(name):
        name += "'"
    return name


def _one_line(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"


class Tally:
    """Counts of a build so far; drops duplicates; stops a build that loses too many files.

    Lists go into the records of the shards, so a tally grows only by some bytes per crystal.

    Attributes:
      files: number of files in the source.
      max_skipped_fraction: fraction of the files that may yield nothing.
      lost: number of files that yielded nothing.
      kept: number of examples in the data set.
      reasons: how many files, or crystals of a file, were skipped for each reason.
      duplicates: number of crystals dropped as duplicates of an earlier one.
    """

    def __init__(self, files: int, max_skipped_fraction: float):
        self.files = files
        self.max_skipped_fraction = max_skipped_fraction
        self.lost = 0
        self.kept = 0
        self.reasons: collections.Counter[str] = collections.Counter()
        self.duplicates = 0
        self._filter = DuplicateFilter()
        self._ids = Seen()

    def examples(self, outcome: Outcome, record: Record) -> Iterator[dict[str, Any]]:
        """Yield the new examples of a file and add all its results to the record.

        Raises:
          TooManySkippedError: more than `max_skipped_fraction` of the files, or all, yield nothing.
        """
        self.reasons.update(entry.reason for entry in outcome.skipped)
        yield from examples(outcome, map(self._name, outcome.found), record)
        if not outcome.found:
            self.lost += 1
            self.check(outcome.skipped[-1])

    def _name(self, found: Found) -> str | None:
        """Return a crystal's id in the data set, None for a duplicate."""
        if not self._filter.is_new(found):
            self.duplicates += 1
            return None
        name = free_name(found.id, lambda name: len(self._ids.numbers(name)) > 0)
        self._ids.add(name)
        self.kept += 1
        return name

    def absorb(self, record: Record) -> None:
        """Add the examples of a shard that an earlier build has written."""
        self.reasons.update(entry.reason for entry in record.skipped)
        self.lost += record.lost
        self.kept += len(record.crystals)
        self.duplicates += len(record.duplicates)
        for crystal, volume in zip(record.crystals, record.volumes_per_atom, strict=True):
            described = dict(zip(catalogue.COLUMNS, crystal, strict=True))
            self._filter.remember(described["formula"], int(described["space_group"]), volume)
            self._ids.add(described["id"])

    def check(self, latest: SkippedFile | None = None) -> None:
        """Raise `TooManySkippedError` if too many files are lost so far."""
        check_lost(self.lost, self.files, self.max_skipped_fraction, self.reasons, latest)


def check_lost(
    lost: int,
    files: int,
    max_skipped_fraction: float,
    reasons: dict[str, int],
    latest: SkippedFile | None = None,
) -> None:
    """Raise `TooManySkippedError` if too many files of a source, or all, yielded nothing."""
    if lost <= max_skipped_fraction * files and lost < files:
        return
    by_count = sorted(reasons.items(), key=lambda entry: -entry[1])
    largest = ", ".join(f"{reason} ({count})" for reason, count in by_count[:3])
    such_as = f" (the latest: {latest.file}, {latest.reason}, {latest.detail})" if latest else ""
    why = f"main reasons: {largest}{such_as}"
    if lost == files:
        raise TooManySkippedError(f"none of {files} files can be used; {why}")
    raise TooManySkippedError(
        f"{lost} of {files} files cannot be used, more than data.max_skipped_fraction = "
        f"{max_skipped_fraction:g} allows; {why}. Fix or remove these files, or increase "
        "data.max_skipped_fraction"
    )
