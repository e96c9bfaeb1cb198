"""Data sets of powder patterns on disk: made when they are asked for, found again, read.

A data set lives in <dir>/powder_patterns/<name>/1.0.0. Its name holds a hash of all that changes
the data, so a set that is there is the set that is asked for, and finding it reads no crystal. The
folder appears by one rename when all is written; before that there is none of that name.
"""

import contextlib
import dataclasses
import fcntl
import hashlib
import io
import json
import os
import pathlib
import shutil
import tempfile
from collections.abc import Generator
from typing import Any, NamedTuple

import numpy as np
import tensorflow_datasets as tfds
from absl import logging

from sgan_jax.datasets import builder, outcomes
from sgan_jax.datasets.combined_source import make_source
from sgan_jax.diffraction.instrument import Instrument

_READ_AT_ONCE = 1024


class Reflections(NamedTuple):
    """Reflections of all crystals, one after another; float64.

    Attributes:
      row_splits: int64 [N + 1]; those of crystal n are row_splits[n] to row_splits[n + 1].
      d_angstrom: [M] d-spacings.
      multiplicity_f_squared: [M], fm² a cell.
    """

    row_splits: np.ndarray
    d_angstrom: np.ndarray
    multiplicity_f_squared: np.ndarray


@dataclasses.dataclass(frozen=True, eq=False)
class PatternDataset:
    """A data set in memory, in the order of its source.

    Attributes:
      ids, formula, structure_type, source: strings [N], numpy's StringDType.
      patterns: float32 [N, points], maximum 1.
      space_group: int32 [N], 1..230.
      bravais: int32 [N], index into `symmetry.BRAVAIS_LATTICES`.
      instrument: that the patterns are of.
      reflections: None where they were not asked for.
    """

    ids: np.ndarray
    formula: np.ndarray
    structure_type: np.ndarray
    source: np.ndarray
    patterns: np.ndarray
    space_group: np.ndarray
    bravais: np.ndarray
    instrument: Instrument
    reflections: Reflections | None = None

    def __len__(self) -> int:
        return len(self.ids)


def prepare(
    *,
    source: str,
    class_balance: str,
    synthetic_crystals: int,
    synthetic_seed: int,
    prototype_crystals: int,
    prototype_seed: int,
    prototype_path: str | os.PathLike,
    cif_path: str | os.PathLike,
    symmetry: str,
    b_iso_default: float,
    max_skipped_fraction: float,
    dir: str | os.PathLike,
    processes: int,
    instrument: Instrument,
) -> pathlib.Path:
    """Return the folder of a data set, building it first where it is not there.

    The arguments are the keys of `config.data` and an instrument. Several processes may ask for
    the same set at once: one builds, the others wait. A build that was killed leaves nothing that
    could be taken for a data set; what it leaves is removed by the next build of that set.

    Raises:
      ValueError: more than `max_skipped_fraction` of the files cannot be used.
      FileNotFoundError: `cif_path` or `prototype_path` is not there.
    """
    crystals = make_source(
        source=source,
        class_balance=class_balance,
        synthetic_crystals=synthetic_crystals,
        synthetic_seed=synthetic_seed,
        prototype_crystals=prototype_crystals,
        prototype_seed=prototype_seed,
        prototype_path=prototype_path,
        cif_path=cif_path,
        symmetry=symmetry,
        b_iso_default=b_iso_default,
    )
    identity = json.dumps(builder.identity(crystals, instrument), sort_keys=True)
    digest = hashlib.sha256(identity.encode()).hexdigest()[:12]
    config = builder.PatternConfig(
        name=f"{crystals.label}-{instrument.name}-{digest}",
        description=identity,
        source=crystals,
        instrument=instrument,
        max_skipped_fraction=max_skipped_fraction,
        processes=processes,
    )
    root = pathlib.Path(dir).expanduser() if dir else cache_dir()
    folder = root / "powder_patterns" / config.name / builder.FORMAT_VERSION
    if not is_complete(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _locked(folder.parent) as alone:
            if not is_complete(folder):  # another process may have built it meanwhile
                _build(config, root, folder, alone)
    summary = read_summary(folder)
    outcomes.check_lost(summary["lost"], summary["files"], max_skipped_fraction, summary["skipped"])
    return folder


def load(folder: pathlib.Path, *, reflections: bool = False) -> PatternDataset:
    """Read a data set into memory."""
    whole: Any = tfds.builder_from_directory(folder)  # its decorated methods have no types
    reader = whole.as_data_source(builder.SPLIT)
    instrument = Instrument(**read_summary(folder)["identity"]["instrument"])
    count = len(reader)
    patterns = np.empty((count, instrument.points), np.float32)
    columns: dict[str, list] = {name: [] for name in reader.dataset_info.features}
    del columns["pattern"]
    if not reflections:
        del columns["d_angstrom"], columns["multiplicity_f_squared"]
    for start in range(0, count, _READ_AT_ONCE):
        positions = range(start, min(start + _READ_AT_ONCE, count))
        for position, example in zip(positions, reader.__getitems__(positions), strict=True):
            patterns[position] = example["pattern"]
            for name, values in columns.items():
                values.append(example[name])
    return PatternDataset(
        ids=_strings(columns["id"]),
        formula=_strings(columns["formula"]),
        structure_type=_strings(columns["structure_type"]),
        source=_strings(columns["source"]),
        patterns=patterns,
        space_group=np.array(columns["space_group"], np.int32),
        bravais=np.array(columns["bravais"], np.int32),
        instrument=instrument,
        reflections=Reflections(
            np.cumsum([0, *map(len, columns["d_angstrom"])]),
            np.concatenate(columns["d_angstrom"]),
            np.concatenate(columns["multiplicity_f_squared"]),
        )
        if reflections
        else None,
    )


def read_summary(folder: pathlib.Path) -> dict:
    """Return what the build counted: files, lost, skipped by reason, duplicates, crystals, ..."""
    return json.loads((folder / "build.json").read_text())


def is_complete(folder: pathlib.Path) -> bool:
    """Say whether a folder is a data set, whole."""
    return (folder / "dataset_info.json").is_file()


def cache_dir() -> pathlib.Path:
    """Return the user's cache folder of this program."""
    base = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    return pathlib.Path(base) / "sgan_jax"


def _strings(values: list[bytes]) -> np.ndarray:
    return np.array([value.decode() for value in values], np.dtypes.StringDType())


def _build(
    config: builder.PatternConfig, root: pathlib.Path, folder: pathlib.Path, alone: bool
) -> None:
    """Build a data set; `alone`: no other process builds it at the same time."""
    for leftover in folder.parent.glob("incomplete.*") if alone else ():  # of a killed build
        shutil.rmtree(leftover)
    verbosity = logging.get_verbosity()
    logging.set_verbosity(logging.ERROR)  # TFDS logs and prints about its own affairs
    silence = contextlib.redirect_stdout(io.StringIO())
    try:
        with tempfile.TemporaryDirectory() as downloads, silence:  # TFDS makes folders for them
            builder.PowderPatterns(config=config, data_dir=root).download_and_prepare(
                download_dir=downloads, file_format="array_record"
            )
    except OSError:
        if not is_complete(folder):  # else another process was first to rename its own
            raise
    finally:
        logging.set_verbosity(verbosity)


@contextlib.contextmanager
def _locked(folder: pathlib.Path) -> Generator[bool]:
    """Hold the folder's lock, gone with the process that holds it; False where there are no locks.

    Some clusters' file systems have none; processes there may build the same set side by side.
    """
    with (folder / ".lock").open("w") as file:
        try:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                logging.info("another process builds %s; waiting for it", folder)
                fcntl.flock(file, fcntl.LOCK_EX)
            alone = True
        except OSError:
            alone = False
        yield alone
