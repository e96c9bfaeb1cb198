"""Data sets of powder patterns: found on disk where they are, made where they are not.

A data set lives in <dir>/powder_patterns/<name>/1.2.0. Its name holds a hash of all that changes
the data, so a set that is there is the set that is asked for, and finding it reads no crystal. The
folder appears by one rename when all is written; before that there is none of that name.
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
    summary = powder_patterns.read_summary(folder)
    outcomes.check_lost(summary["lost"], summary["files"], max_skipped_fraction, summary["skipped"])
    return folder


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
