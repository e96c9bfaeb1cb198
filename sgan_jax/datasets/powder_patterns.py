"""Data sets of powder patterns on disk: made when they are asked for, found again, read.

A data set lives in <dir>/powder_patterns/<name>/1.2.0. Its name holds a hash of all that changes
the data, so a set that is there is the set that is asked for, and finding it reads no crystal. The
folder appears by one rename when all is written; before that there is none of that name. What the
crystals are is read at once, patterns only where they are asked for.
"""

import contextlib
import dataclasses
import fcntl
import hashlib
import io
import json
import os
import pathlib
import platform
import shutil
from collections.abc import Generator, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow_datasets as tfds
from absl import logging

from sgan_jax import user_cache
from sgan_jax.datasets import builder, catalogue, outcomes
from sgan_jax.datasets.catalogue import Catalogue
from sgan_jax.datasets.sources import Source
from sgan_jax.diffraction.instrument import Instrument

_READ_AT_ONCE = 1024


class Reflections(NamedTuple):
    """Reflections of several crystals, one after another, and the crystals' cells.

    Attributes:
      row_splits: int64 [N + 1]; those of crystal n are row_splits[n] to row_splits[n + 1].
      d_angstrom: float64 [M] d-spacings, down to somewhat below the pattern's smallest.
      multiplicity_f_squared: float64 [M], fm² a cell.
      cell: float32 [N, 6], a, b, c in Å and alpha, beta, gamma in degrees.
    """

    row_splits: np.ndarray
    d_angstrom: np.ndarray
    multiplicity_f_squared: np.ndarray
    cell: np.ndarray


class StoredPatterns:
    """The patterns of a data set on disk, read when they are asked for, as rows of an array are.

    Attributes:
      shape: (N, points).
    """

    def __init__(self, folder: pathlib.Path, points: int) -> None:
        self._examples = open_examples(folder)
        self.shape = (len(self._examples), points)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: np.ndarray) -> np.ndarray:
        """Return patterns float32 [n, points], maximum 1, of the positions `rows` [n]."""
        rows = np.asarray(rows)
        patterns = np.empty((len(rows), self.shape[1]), np.float32)
        for start in range(0, len(rows), _READ_AT_ONCE):
            some = rows[start : start + _READ_AT_ONCE].tolist()
            for i, example in enumerate(self._examples.__getitems__(some), start):
                patterns[i] = example["pattern"]
        return patterns


@dataclasses.dataclass(frozen=True, eq=False)
class PatternDataset:
    """A data set: what its crystals are, in memory, and their patterns, wherever they are.

    Attributes:
      catalogue: of the N crystals, in the order of their source.
      patterns: float32 [N, points], maximum 1; an array, or what gives rows as an array does.
      instrument: that the patterns are of.
      folder: that holds them, with their reflections; None where they are in memory alone.
    """

    catalogue: Catalogue
    patterns: np.ndarray | StoredPatterns
    instrument: Instrument
    folder: pathlib.Path | None = None

    def __len__(self) -> int:
        return len(self.catalogue.ids)


def prepare(
    source: Source,
    instrument: Instrument,
    *,
    max_skipped_fraction: float,
    dir: str | os.PathLike,
    processes: int,
    beam_options: Sequence[str] | None = None,
) -> pathlib.Path:
    """Return the folder of a data set, building it first where it is not there.

    Several processes may ask for the same set at once: one builds, the others wait. A build that
    was killed, or ended with an error, leaves nothing that could be taken for a data set; the
    shards that it had finished are checked, and the next build of that set goes on from them.

    Args:
      source: of the crystals.
      instrument: that their patterns are of.
      max_skipped_fraction: of the source's files that may be of no use.
      dir: for data sets; empty is the user's cache.
      processes: that build; 0 is one a core.
      beam_options: where Apache Beam is to build, its options without dashes
        ('runner=FlinkRunner', ...).

    Raises:
      ValueError: more than `max_skipped_fraction` of the files cannot be used.
      OSError: the source's files cannot be read; `dir` cannot be written to, or is full.
    """
    identity = json.dumps(builder.identity(source, instrument), sort_keys=True)
    digest = hashlib.sha256(identity.encode()).hexdigest()[:12]
    config = builder.PatternConfig(
        name=f"{source.label}-{instrument.name}-{digest}",
        description=identity,
        source=source,
        instrument=instrument,
        max_skipped_fraction=max_skipped_fraction,
        processes=processes,
        beam_options=beam_options,
    )
    root = pathlib.Path(dir).expanduser() if dir else user_cache.folder()
    folder = root / "powder_patterns" / config.name / builder.FORMAT_VERSION
    if not is_complete(folder):
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            with _locked(folder.parent) as alone:
                if not is_complete(folder):  # another process may have built it meanwhile
                    _build(config, root, folder, alone)
        except OSError as error:
            raise OSError(
                f"the data set cannot be written to {root}: {error}. Make space, or set data.dir "
                "to another folder; the same command goes on from the shards that are finished"
            ) from error
    summary = read_summary(folder)
    outcomes.check_lost(summary["lost"], summary["files"], max_skipped_fraction, summary["skipped"])
    return folder


def load(folder: pathlib.Path) -> PatternDataset:
    """Open a data set; its catalogue is read, its patterns are left on disk."""
    instrument = Instrument(**read_summary(folder)["identity"]["instrument"])
    listed = catalogue.read(folder / catalogue.NAME)
    patterns = StoredPatterns(folder, instrument.points)
    if len(patterns) != len(listed.ids):
        raise ValueError(
            f"{folder} holds {len(patterns)} patterns but lists {len(listed.ids)} crystals; remove "
            "the folder, and the set is built again"
        )
    return PatternDataset(listed, patterns, instrument, folder)


def read_reflections(folder: pathlib.Path, rows: np.ndarray) -> Reflections:
    """Read the reflections of the crystals at the positions `rows` [N]."""
    examples = open_examples(folder)
    found, cells = [], []
    for start in range(0, len(rows), _READ_AT_ONCE):
        some = np.asarray(rows)[start : start + _READ_AT_ONCE].tolist()
        for example in examples.__getitems__(some):
            found.append((example["d_angstrom"], example["multiplicity_f_squared"]))
            cells.append(example["cell"])
    return Reflections(
        np.cumsum([0, *(len(d) for d, _ in found)]),
        np.concatenate([d for d, _ in found] or [np.empty(0)]),
        np.concatenate([strength for _, strength in found] or [np.empty(0)]),
        np.array(cells, np.float32).reshape(-1, 6),
    )


def open_examples(folder: pathlib.Path) -> Any:
    """Return the examples of a data set, a sequence that is read as it is indexed."""
    whole: Any = tfds.builder_from_directory(folder)  # its decorated methods have no types
    return whole.as_data_source(builder.SPLIT)


def read_summary(folder: pathlib.Path) -> dict:
    """Return what the build counted: files, lost, skipped by reason, duplicates, crystals, ..."""
    return json.loads((folder / "build.json").read_text())


def is_complete(folder: pathlib.Path) -> bool:
    """Say whether a folder is a data set, whole."""
    return (folder / "dataset_info.json").is_file()


def _build(
    config: builder.PatternConfig, root: pathlib.Path, folder: pathlib.Path, alone: bool
) -> None:
    """Build a data set; `alone`: no other process builds it at the same time.

    One that is not alone cannot go on from what another has left, nor be gone on from.
    """
    name = f"incomplete.{folder.name}"
    work = folder.parent / (name if alone else f"{name}.{platform.node()}-{os.getpid()}")
    verbosity = logging.get_verbosity()
    logging.set_verbosity(logging.ERROR)  # TFDS logs and prints about its own affairs
    with contextlib.redirect_stdout(io.StringIO()):
        whole = builder.PowderPatterns(config=config, data_dir=root)
    logging.set_verbosity(verbosity)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            whole.resume(work)
    except OSError:
        if not is_complete(folder):  # else another process was first to rename its own
            raise
    finally:
        if not alone:
            shutil.rmtree(work, ignore_errors=True)
        with contextlib.suppress(OSError):
            work.rmdir()  # where no shard was finished


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
