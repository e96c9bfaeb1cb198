"""The CIFs of a file, a folder, a zip or a tar, one after another, as bytes not yet parsed.

In folders and archives only names ending in .cif or .cif.gz count, in upper or lower case.
"""

import gzip
import io
import itertools
import os
import pathlib
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from typing import NamedTuple

from sgan_jax.crystals.skipped import CifError

MAX_BYTES = 32 * 2**20  # of one CIF, unpacked; thousands of atoms with reflections have a few MB

_MAX_RATIO = 500  # of a tar's unpacked to its packed bytes; about 150 for very similar CIFs
_FREE_BYTES = 2**30  # that a tar may unpack to, whatever the ratio

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
    """Yield the CIFs of a path, sorted by name (a tar's in its own order, to read it in one pass).

    A member's bytes must be loaded before the next member is requested. Loading raises `CifError`
    if the bytes cannot be read.

    Raises:
      CifError: the path does not exist, cannot be opened, holds no CIF, or unpacks to far more than
        text files can.
    """
    path = pathlib.Path(path)
    if not path.exists():
        raise CifError("unreadable file", "no such file or folder", str(path))
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
            raise CifError("no CIF", "it contains no file named *.cif or *.cif.gz", str(path))
        for member in itertools.chain([first], members):
            # File names need not be valid Unicode, but the files they are written to are.
            name = member.name.encode(errors="surrogateescape").decode(errors="backslashreplace")
            yield member._replace(name=name)
    except CifError:
        raise
    except _UNREADABLE as error:
        raise CifError("unreadable file", str(error), str(path)) from error


def names_below(folder: pathlib.Path) -> Iterator[str]:
    """Yield the names, relative to a folder, of all files below it, in no particular order."""
    for here, _, names in os.walk(folder):  # five times as fast as pathlib
        below = pathlib.Path(here).relative_to(folder).as_posix()
        yield from names if below == "." else (f"{below}/{name}" for name in names)


def _is_cif(name: str) -> bool:
    base = name.rsplit("/", 1)[-1]
    return base.lower().endswith((".cif", ".cif.gz")) and not base.startswith("._")


def _folder(path: pathlib.Path) -> Iterator[Member]:
    for name in sorted(filter(_is_cif, names_below(path))):
        full = os.path.join(path, name)
        if os.path.exists(full) and not os.path.isfile(full):  # a pipe; a dangling link is reported
            continue
        yield Member(name, lambda name=name: _load(name, lambda: (path / name).open("rb")))


def _zip(path: pathlib.Path) -> Iterator[Member]:
    with zipfile.ZipFile(path) as archive:
        every = archive.infolist()
        if sum(entry.compress_size for entry in every) > path.stat().st_size:
            unpacked = sum(entry.file_size for entry in every)
            why = f"its entries overlap, {unpacked:.2g} bytes unpacked; pack the files again"
            raise CifError("too large", why, str(path))
        entries = [entry for entry in every if _is_cif(entry.filename)]
        for entry in sorted(entries, key=lambda entry: entry.filename):
            yield Member(
                entry.filename,
                lambda entry=entry: _load(
                    entry.filename, lambda: archive.open(entry), claimed=entry.file_size
                ),
            )


def _tar(path: pathlib.Path) -> Iterator[Member]:
    most = max(_MAX_RATIO * path.stat().st_size, _FREE_BYTES)
    with tarfile.open(path) as archive:
        while (entry := archive.next()) is not None:
            # tarfile keeps them, 2 kB each, and nothing needs them.
            archive.members.clear()  # ty: ignore[missing-attribute]
            if entry.offset_data + entry.size > most:
                raise CifError("too large", f"more than {most:.2g} bytes unpacked", str(path))
            if entry.isfile() and _is_cif(entry.name):
                name = entry.name.removeprefix("./")
                yield Member(
                    name,
                    lambda entry=entry, name=name: _load(
                        name,
                        lambda: archive.extractfile(entry) or io.BytesIO(),
                        claimed=entry.size,
                    ),
                )
        archive.fileobj.seek(archive.offset)  # tarfile mistakes a damaged header for the end
        if any(archive.fileobj.read(tarfile.BLOCKSIZE)):
            raise CifError("unreadable file", f"damaged at byte {archive.offset}", str(path))


def _load(name: str, open_file: Callable, claimed: int = 0) -> bytes:
    """Return the unpacked bytes; never reads more than `MAX_BYTES`, whatever the header claims."""
    too_large = CifError("too large", f"more than {MAX_BYTES // 2**20} MiB unpacked", name)
    if claimed > MAX_BYTES:
        raise too_large
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
        raise too_large
    return data
