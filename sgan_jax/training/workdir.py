"""The folder of a run, locked by one process at a time, and what can happen to it meanwhile."""

import contextlib
import errno
import fcntl
import os
import pathlib
import shutil
import socket
from collections.abc import Callable, Generator
from typing import IO

LOCK = "lock"  # a file in the workdir; it stays there after the lock on it is released

_FULL = (errno.ENOSPC, errno.EDQUOT)
_ALMOST_NOTHING = 10e6  # bytes
_READ_ONLY = (errno.EROFS, errno.EACCES, errno.EPERM)


class WorkdirError(OSError):
    """A folder cannot be written to; the message says why and what to do."""


@contextlib.contextmanager
def held(workdir: pathlib.Path) -> Generator[Callable[[], None]]:
    """Create the folder and lock it until the block ends; yield a check that it still exists.

    The lock is released with the process, however that ends. On file systems without locks, nothing
    is locked.

    Raises:
      WorkdirError: another process has locked the folder; it cannot be written to, is full, or
        vanished while the block ran.
    """
    try:
        with contextlib.ExitStack() as stack:
            workdir.mkdir(parents=True, exist_ok=True)
            file = stack.enter_context((workdir / LOCK).open("a+"))
            _lock(workdir, file)
            yield lambda: _check(workdir, file)
    except WorkdirError:
        raise
    except OSError as error:
        elsewhere = _is_of_another_folder(error, workdir)
        raise (None if elsewhere else explained(error, workdir)) or error from None


def explained(error: BaseException, folder: pathlib.Path, need: int = 0) -> WorkdirError | None:
    """Return a WorkdirError that explains an error; None if there is no explanation.

    Args:
      error: an OSError, or a library's error that quotes the system's message.
      folder: the folder that was written to.
      need: bytes that were to be written; 0 if unknown.
    """
    number, text = getattr(error, "errno", None), str(error)
    if not folder.is_dir() and not isinstance(error, FileExistsError | NotADirectoryError):
        if number not in _READ_ONLY:
            return _vanished(folder)
    if number in _FULL or os.strerror(errno.ENOSPC) in text or os.strerror(errno.EDQUOT) in text:
        free = shutil.disk_usage(folder).free
        needs = f"{need / 1e6:.1f} MB are needed, " if need else ""
        return WorkdirError(
            f"{folder} is full: {needs}{free / 1e6:.1f} MB are free on its disk (or in your "
            "quota). Earlier checkpoints are intact; make space and repeat the command"
        )
    if number in _READ_ONLY:
        return WorkdirError(
            f"{folder} cannot be written to ({os.strerror(number)}); use another --workdir, or "
            "change its permissions"
        )
    if isinstance(error, FileExistsError | NotADirectoryError):
        return WorkdirError(f"{folder} is not a folder; use another --workdir")
    return None


def _is_of_another_folder(error: OSError, workdir: pathlib.Path) -> bool:
    """Say whether an error is about a file elsewhere: crystals, a data set."""
    if error.filename is None:  # a full disk is elsewhere if there is room left here
        full = error.errno in _FULL and workdir.is_dir()
        return full and shutil.disk_usage(workdir).free > _ALMOST_NOTHING
    path, here = pathlib.Path(os.fsdecode(error.filename)).resolve(), workdir.resolve()
    return here not in (path, *path.parents) and path not in here.parents


def _lock(workdir: pathlib.Path, file: IO[str]) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.seek(0)
        holder = file.read().strip() or "another process"
        raise WorkdirError(
            f"{workdir} is in use by {holder}; wait until that has ended, or use another --workdir"
        ) from None
    except OSError:  # some clusters' file systems have no locks
        return
    file.truncate(0)
    file.write(f"process {os.getpid()} on {socket.gethostname()}\n")
    file.flush()


def _check(workdir: pathlib.Path, file: IO[str]) -> None:
    """Raise if the lock file in the folder is not the one that is locked."""
    try:
        there = os.stat(workdir / LOCK)
    except FileNotFoundError:
        raise _vanished(workdir) from None
    if not os.path.samestat(there, os.fstat(file.fileno())):
        raise _vanished(workdir)


def _vanished(folder: pathlib.Path) -> WorkdirError:
    return WorkdirError(
        f"{folder} has vanished while the run was writing to it: removed, renamed, or its disk is "
        "gone. Restore it and repeat the command, which resumes from its latest checkpoint"
    )
