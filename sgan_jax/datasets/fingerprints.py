"""Hashes of what crystals are made from; they change with the files, tables or code."""

import functools
import hashlib
import os
import pathlib
import zipfile
from collections.abc import Iterable

import numpy as np
from numpy.typing import ArrayLike

from sgan_jax.crystals import members, prototypes, synthetic, synthetic_statistics
from sgan_jax.crystals.crystal import Crystal

_SAMPLE = 20  # generated crystals, hashed in place of the code that generates them


def files_fingerprint(path: pathlib.Path) -> str:
    """Return a hash that changes when the files do; quick, because no file is unpacked.

    Of a zip: names, sizes and checksums in its table of contents. Of another single file (a CIF, a
    tar): its bytes. Of a folder: the names, sizes and modification times of the files in it.
    """
    if path.is_dir():
        names = sorted(members.names_below(path), key=lambda name: name.split("/"))
        files = [(name, os.path.join(path, name)) for name in names]
        stats = [(name, os.stat(file)) for name, file in files if os.path.isfile(file)]
        lines = [f"{name}\t{stat.st_size}\t{stat.st_mtime_ns}" for name, stat in stats]
    elif zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            lines = sorted(f"{m.filename}\t{m.file_size}\t{m.CRC}" for m in archive.infolist())
    else:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    text = "\n".join(lines)  # file names need not be valid Unicode
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()


def prototypes_fingerprint() -> str:
    """Return a hash of the table of structure types and of the first crystals made from it.

    The crystals stand for the code that draws elements and cells: it has no version to forget.
    """
    digest = hashlib.sha256()
    for kind in prototypes.PROTOTYPES:
        digest.update(
            f"{kind.name} {kind.space_group_number} {kind.roles} {kind.decorations}".encode()
        )
        digest.update(_rounded(kind.cell, kind.fractional, kind.rotations, kind.translations))
    _update(digest, prototypes.prototype_crystals(_SAMPLE, 0, "uniform"))
    return digest.hexdigest()


@functools.cache
def synthetic_fingerprint(table: pathlib.Path = synthetic_statistics.PATH) -> str:
    """Return a hash of the table of statistics, the version of the code, and the first crystals.

    The crystals alone are not enough: a change may affect only one in a hundred.
    """
    digest = hashlib.sha256(table.read_bytes())
    digest.update(f"{synthetic.VERSION}".encode())
    given = synthetic_statistics.statistics(table)
    drawn = (synthetic.synthetic_crystal(i, 0, "uniform", given) for i in range(_SAMPLE))
    _update(digest, drawn)
    return digest.hexdigest()


def _update(digest: "hashlib._Hash", crystals: Iterable[Crystal]) -> None:
    for crystal in crystals:
        digest.update(f"{crystal.space_group_number} {crystal.elements}".encode())
        digest.update(
            _rounded(crystal.cell, crystal.fractional, crystal.occupancies, crystal.b_iso)
        )


def _rounded(*arrays: ArrayLike) -> bytes:
    """Return the bytes of the rounded arrays, equal on machines that differ in the last bits."""
    return b"".join((np.round(array, 6) + 0.0).tobytes() for array in map(np.asarray, arrays))
