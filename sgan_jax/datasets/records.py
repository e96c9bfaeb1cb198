"""What a build knows of a finished shard: beside it while the set is built, gone in the end.

A shard counts as finished when its record is there and the shard has the record's checksum. The
record holds all that the shards after it depend on, so that a build goes on from where it was.
Imported by the workers' side, too: nothing here may import TFDS.
"""

import dataclasses
import hashlib
import json
import pathlib

from sgan_jax.crystals.skipped import SkippedFile


@dataclasses.dataclass
class Record:
    """One shard.

    Attributes:
      crystals: the catalogue's rows of its examples.
      volumes_per_atom: of each, Å³.
      skipped: files, or crystals of a file.
      duplicates: id and formula of each crystal that was dropped for an earlier one.
      lost: files that gave nothing.
      seconds: that it took.
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
    """Write the record of a shard that is written; it appears by one rename."""
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
    """Say whether a shard and its record are there and are what was written."""
    try:
        checksum, _, body = path(shard).read_text(encoding="utf-8").partition("\n")
        if hashlib.sha256(body.encode()).hexdigest() != checksum:
            return False
        return json.loads(body)["checksum"] == _checksum(shard)
    except (FileNotFoundError, UnicodeDecodeError):
        return False


def path(shard: pathlib.Path) -> pathlib.Path:
    """Return where the record of a shard is."""
    return shard.with_name(shard.name + ".record.json")


def _checksum(shard: pathlib.Path) -> str:
    with shard.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
