"""Files of crystals, one after another: a file, a folder, a zip or a tar; bytes, not yet parsed.

Only names ending in .cif or .cif.gz count in folders and archives, in upper or lower case.
"""

import gzip
import io
import os
import pathlib
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from typing import NamedTuple

from sgan_jax.crystals.skipped import CifError

MAX_BYTES = 32 * 2**20  # of one CIF, unpacked; thousands of atoms with reflections have a few MB

# What broken archives raise; NotImplementedError: unknown compression, RuntimeError: a password.
_UNREADABLE = (
    OSError,
    EOFError,
    ValueError,
    RuntimeError,
    NotImplementedError,
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
)


class Member(NamedTuple):
    """One CIF: its name within the folder or archive, and a function that returns its bytes."""

    name: str
    load: Callable[[], bytes]


def cif_members(path: str | os.PathLike) -> Iterator[Member]:
    """Yield the CIFs of a path, sorted by name (a tar's as it has them, for it cannot be sought).

    A member's bytes must be loaded before the next is asked for. Loading raises `CifError` where
    the bytes cannot be had.

    Raises:
      CifError: the path is not there, cannot be opened, or holds no CIF.
    """
    path = pathlib.Path(path)
    if not path.exists():
        raise CifError("unreadable file", "there is no such file or folder", str(path))
    try:
        if path.is_dir():
            members = _folder(path)
        elif zipfile.is_zipfile(path):
            members = _zip(path)
        elif not _is_cif(path.name) and tarfile.is_tarfile(path):
            members = _tar(path)
        else:
            members = iter([Member(path.name, lambda: _load(path.name, lambda: path.open("rb")))])
        first = next(members, None)
        if first is None:
            raise CifError("no CIF", "it holds no file named *.cif or *.cif.gz", str(path))
        yield first
        yield from members
    except CifError:
        raise
    except _UNREADABLE as error:
        raise CifError("unreadable file", str(error), str(path)) from error


def _is_cif(name: str) -> bool:
    base = name.rsplit("/", 1)[-1]
    return base.lower().endswith((".cif", ".cif.gz")) and not base.startswith("._")


def _folder(path: pathlib.Path) -> Iterator[Member]:
    files = (file for file in path.rglob("*") if _is_cif(file.name))
    usable = (file for file in files if file.is_file() or not file.exists())  # or a dangling link
    for name in sorted(file.relative_to(path).as_posix() for file in usable):
        yield Member(name, lambda name=name: _load(name, lambda: (path / name).open("rb")))


def _zip(path: pathlib.Path) -> Iterator[Member]:
    with zipfile.ZipFile(path) as archive:
        entries = [entry for entry in archive.infolist() if _is_cif(entry.filename)]
        for entry in sorted(entries, key=lambda entry: entry.filename):
            yield Member(
                entry.filename,
                lambda entry=entry: _load(entry.filename, lambda: archive.open(entry)),
            )


def _tar(path: pathlib.Path) -> Iterator[Member]:
    with tarfile.open(path) as archive:
        for entry in archive:
            if entry.isfile() and _is_cif(entry.name):
                name = entry.name.removeprefix("./")
                yield Member(
                    name,
                    lambda entry=entry, name=name: _load(
                        name, lambda: archive.extractfile(entry) or io.BytesIO()
                    ),
                )


def _load(name: str, open_file: Callable) -> bytes:
    """Return the unpacked bytes; never reads more than `MAX_BYTES`, whatever the header claims."""
    try:
        with open_file() as file:
            if name.lower().endswith(".gz"):
                with gzip.GzipFile(fileobj=file) as unpacked:
                    data = unpacked.read(MAX_BYTES + 1)
            else:
                data = file.read(MAX_BYTES + 1)
    except _UNREADABLE as error:
        raise CifError("unreadable file", str(error), name) from error
    if len(data) > MAX_BYTES:
        raise CifError("too large", f"more than {MAX_BYTES // 2**20} MiB unpacked", name)
    return data
