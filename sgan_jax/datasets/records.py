"""The record of a finished shard, a file next to it that is removed when the data set is complete.

A shard counts as finished if its record exists and contains the shard's checksum. The record holds
everything that later shards depend on, so that a build can resume. Workers import this module,
too: nothing here may import TFDS.
"""

import dataclasses
import hashlib
import json
import pathlib

from sgan_jax.crystals.skipped import SkippedFile


@dataclasses.dataclass
class Record:
    """The record of one shard.

    Attributes:
      crystals: the catalogue's rows of its examples.
      volumes_per_atom: of each, Å³.
      skipped: files, or crystals of a file.
      duplicates: id and formula of each crystal dropped as a duplicate of an earlier one.
      lost: number of files that yielded nothing.
      seconds: time taken to write it.
      checksum: SHA-256 of the shard.
    """

    crystals: list[tuple[str, ...]] = dataclasses.field(default_factory=list)
    volumes_per_atom: list[float] = dataclasses.field(default_factory=list)
    skipped: list[SkippedFile] = dataclasses.field(default_factory=list)
    duplicates: list[tuple[str, str]] = dataclasses.field(default_factory=list)
    lost: int = 0
    seconds: float = 0.0
    checksum: str = ""


def write(record: Record, shard: pathlib.Path) -> None:
    """Write the record of a complete shard; it appears by one rename."""
    record.checksum = _checksum(shard)
    body = json.dumps(dataclasses.asdict(record))
    partial = shard.with_name(shard.name + ".partial")
    partial.write_text(f"{hashlib.sha256(body.encode()).hexdigest()}\n{body}", encoding="utf-8")
    partial.rename(path(shard))


def read(shard: pathlib.Path) -> Record:
    """Read the record of a shard that is known to be finished."""
    fields = json.loads(path(shard).read_text(encoding="utf-8").partition("\n")[2])
    fields["crystals"] = [tuple(row) for row in fields["crystals"]]
    fields["skipped"] = [SkippedFile(*entry) for entry in fields["skipped"]]
    fields["duplicates"] = [tuple(entry) for entry in fields["duplicates"]]
    return Record(**fields)


def is_finished(shard: pathlib.Path) -> bool:
    """Return whether a shard and its record exist and match their checksums."""
    try:
        checksum, _, body = path(shard).read_text(encoding="utf-8").partition("\n")
        if hashlib.sha256(body.encode()).hexdigest() != checksum:
            return False
        return json.loads(body)["checksum"] == _checksum(shard)
    except (FileNotFoundError, UnicodeDecodeError):
        return False


def path(shard: pathlib.Path) -> pathlib.Path:
    """Return the path of a shard's record."""
    return shard.with_name(shard.name + ".record.json")


def _checksum(shard: pathlib.Path) -> str:
    with shard.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
