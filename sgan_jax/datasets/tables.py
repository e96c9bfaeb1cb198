"""The tab-separated tables next to the patterns, assembled from the records of the shards."""

import csv
import pathlib
from collections.abc import Iterable

from sgan_jax.datasets import catalogue, records


def write(folder: pathlib.Path, shards: list[pathlib.Path]) -> tuple[list[int], float]:
    """Write crystals.tsv, skipped.tsv and duplicates.tsv, a shard at a time.

    Returns:
      The number of examples of each shard, and the seconds that all shards took together.
    """
    lengths, seconds = [], 0.0

    def crystals() -> Iterable[tuple[str, ...]]:
        nonlocal seconds
        for shard in shards:
            record = records.read(shard)
            lengths.append(len(record.crystals))
            seconds += record.seconds
            yield from record.crystals

    catalogue.write(folder / catalogue.NAME, crystals())
    write_skipped(folder / "skipped.tsv", map(records.read, shards))
    _write(
        folder / "duplicates.tsv",
        ("id", "formula"),
        (entry for shard in shards for entry in records.read(shard).duplicates),
    )
    return lengths, seconds


def write_skipped(path: pathlib.Path, of_shards: Iterable[records.Record]) -> None:
    """Write what was skipped: file, reason, detail."""
    entries = (entry for record in of_shards for entry in record.skipped)
    _write(path, ("file", "reason", "detail"), entries)


def _write(path: pathlib.Path, header: tuple[str, ...], rows: Iterable[tuple]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter="\t", lineterminator="\n")
        writer.writerow(header)
        writer.writerows([" ".join(str(field).split()) for field in row] for row in rows)
