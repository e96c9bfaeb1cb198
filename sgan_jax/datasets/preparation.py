"""Find a data set of powder patterns on disk, or build it.

A data set is stored in <dir>/powder_patterns/<name>/1.2.0. Its name contains a hash of everything
that the data depend on, so an existing set of that name is the requested one, and no crystal is
parsed to find it. The folder is created by one rename when everything is written.
"""

import contextlib
import fcntl
import hashlib
import io
import json
import os
import pathlib
import platform
import shutil
from collections.abc import Generator, Sequence

from absl import logging

from sgan_jax import user_cache
from sgan_jax.datasets import builder, outcomes, powder_patterns
from sgan_jax.datasets.sources import Source
from sgan_jax.diffraction.instrument import Instrument


def prepare(
    source: Source,
    instrument: Instrument,
    *,
    max_skipped_fraction: float,
    dir: str | os.PathLike,
    processes: int,
    beam_options: Sequence[str] | None = None,
) -> pathlib.Path:
    """Return the folder of a data set, building it first if it does not exist.

    Several processes may request the same set at once: one builds, the others wait. A build that
    was killed, or ended with an error, leaves nothing that could be mistaken for a data set; the
    next build of that set checks the finished shards and resumes from them.

    Args:
      source: of the crystals.
      instrument: on which their patterns are simulated.
      max_skipped_fraction: fraction of the source's files that may be unusable.
      dir: for data sets; if empty, the user's cache.
      processes: number of worker processes; 0 is one per core.
      beam_options: to build with Apache Beam, its options without dashes
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
                "to another folder; the same command resumes after the finished shards"
            ) from error
    summary = powder_patterns.read_summary(folder)
    outcomes.check_lost(summary["lost"], summary["files"], max_skipped_fraction, summary["skipped"])
    return folder


def is_complete(folder: pathlib.Path) -> bool:
    """Return whether a folder is a complete data set."""
    return (folder / "dataset_info.json").is_file()


def _build(
    config: builder.PatternConfig, root: pathlib.Path, folder: pathlib.Path, alone: bool
) -> None:
    """Build a data set; `alone`: no other process builds it at the same time.

    If not alone, it uses a folder of its own, and can neither resume a build nor be resumed.
    """
    name = f"incomplete.{folder.name}"
    work = folder.parent / (name if alone else f"{name}.{platform.node()}-{os.getpid()}")
    verbosity = logging.get_verbosity()
    logging.set_verbosity(logging.ERROR)  # TFDS logs and prints its internals
    with contextlib.redirect_stdout(io.StringIO()):
        whole = builder.PowderPatterns(config=config, data_dir=root)
    logging.set_verbosity(verbosity)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            whole.resume(work)
    except OSError:
        if not is_complete(folder):  # otherwise another process was first to rename its own
            raise
    finally:
        if not alone:
            shutil.rmtree(work, ignore_errors=True)
        with contextlib.suppress(OSError):
            work.rmdir()  # if no shard was finished


@contextlib.contextmanager
def _locked(folder: pathlib.Path) -> Generator[bool]:
    """Hold the folder's lock, which a dying process releases; yield False if there are no locks.

    Some clusters' file systems have no locks; processes there may build the same set in parallel.
    """
    with (folder / ".lock").open("w") as file:
        try:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                logging.info("another process is building %s; waiting for it", folder)
                fcntl.flock(file, fcntl.LOCK_EX)
            alone = True
        except OSError:
            alone = False
        yield alone
