"""Checkpoints of a run: the latest ones, from which it resumes, and the best one.

A checkpoint is the train state (arrays on the host, bit for bit) and a small JSON with the loop's
progress, the configuration and a checksum of everything. Orbax renames a finished checkpoint into
place, so that a kill at any moment leaves only complete ones. The checksum reveals those that the
disk damaged later, and the one before is used.
"""

import concurrent.futures
import pathlib
import tempfile
from typing import Any, NamedTuple

import jax
import numpy as np
import orbax.checkpoint as ocp
from absl import logging
from orbax.checkpoint.checkpoint_managers import preservation_policy

from sgan_jax.training import hosts, integrity, workdir

BEST_KEPT = 2  # the best and the one before it, in case the best is damaged


class DamagedError(ValueError):
    """There are checkpoints, but none can be used."""


class Restored(NamedTuple):
    """What a checkpoint holds."""

    step: int
    state: Any  # numpy leaves, as a tree (`restore`) or a dict by name (`newest`)
    notes: dict[str, Any]  # the JSON beside it


class Checkpoints:
    """Write and read one kind of checkpoint; a context manager that waits for the last write.

    The first process writes and reads; the others receive what it has read. The writing thread is
    our own, not orbax's: training waits only for the copy to the host, not for the checksum or for
    what orbax does before its own threads start.

    Args:
      folder: holds the checkpoints of this kind.
      keep: how many of the newest are kept.
      read_only: leave the folder unchanged, including what a running process is writing there.
    """

    def __init__(self, folder: pathlib.Path, *, keep: int, read_only: bool = False) -> None:
        self._folder = folder.resolve()  # orbax wants an absolute path
        self._newest: Restored | None = None  # as read, its arrays by name
        self._damaged: list[int] = []
        self._thread = concurrent.futures.ThreadPoolExecutor(1, thread_name_prefix=folder.name)
        self._written = 0, 0  # step and bytes of the last save
        self._writing: concurrent.futures.Future[None] | None = None
        if not hosts.is_first():
            return
        if not read_only:
            self._folder.mkdir(parents=True, exist_ok=True)
        self._manager = ocp.CheckpointManager(
            self._folder,
            options=ocp.CheckpointManagerOptions(
                save_interval_steps=0 if read_only else 1,  # orbax would set 0 with a warning
                read_only=read_only,
                create=False,
                # orbax waits for all processes otherwise
                multiprocessing_options=ocp.options.MultiprocessingOptions(active_processes={0}),
                preservation_policy=preservation_policy.LatestN(keep),
                cleanup_tmp_directories=not read_only,  # left by a killed run
                enable_async_checkpointing=False,
            ),
            item_names=("state", "notes"),
        )

    def save(self, step: int, state: Any, notes: dict[str, Any]) -> None:
        """Start writing the state of a step.

        The copy to the host is made before this returns, so the state may be donated afterwards.
        Nothing is written if that step or a later one exists: a resumed run that repeats its last
        steps wrote the same before.

        Raises:
          WorkdirError: the previous save failed.
        """
        if not hosts.is_first():
            return
        self.wait()
        self._set_damaged_aside()
        newest = self._manager.latest_step()
        if newest is not None and newest >= step:
            return
        # On CPU, what device_get returns is the device's own memory.
        state = jax.tree.map(np.array, jax.device_get(state))
        self._newest = None
        self._written = step, sum(leaf.nbytes for leaf in jax.tree.leaves(state))
        self._writing = self._thread.submit(self._write, step, state, notes)

    def _write(self, step: int, state: Any, notes: dict[str, Any]) -> None:
        noted = {
            "sha256": integrity.sha256(integrity.leaves_by_name(state), notes),
            "notes": notes,
        }
        arguments = ocp.args.Composite(
            state=ocp.args.StandardSave(state), notes=ocp.args.JsonSave(noted)
        )
        self._manager.save(step, args=arguments, force=True)

    def restore(self, like: Any) -> Restored | None:
        """Return the newest checkpoint, its state as a tree like `like`; None if there is none.

        Raises:
          DamagedError: there are checkpoints, but all are damaged.
          ValueError: the names, shapes or types of its arrays are not those of `like`.
        """
        found = self.newest()
        if found is None:
            return None
        return found._replace(state=integrity.in_shape_of(like, found.state))

    def newest(self) -> Restored | None:
        """Return the newest checkpoint, its arrays by name; None if there is none.

        Raises:
          DamagedError: there are checkpoints, but all are damaged.
        """
        return hosts.from_first(self._read_newest)

    def notes(self) -> dict[str, Any] | None:
        """Return the JSON of the newest checkpoint; None if there is none.

        Raises:
          DamagedError: there are checkpoints, but all are damaged.
        """
        found = self.newest()
        return None if found is None else found.notes

    def check(self) -> None:
        """Raise WorkdirError if the last save has failed; do not wait for one in progress."""
        if self._writing is not None and self._writing.done():
            self.wait()

    def wait(self) -> None:
        """Wait until the last save is complete; raise WorkdirError if it failed."""
        writing, self._writing = self._writing, None
        if writing is None:
            return
        try:
            writing.result()
        except Exception as error:  # orbax raises what it finds: OSError, ValueError, ...
            step, size = self._written
            raise workdir.explained(error, self._folder, need=size) or workdir.WorkdirError(
                f"the checkpoint of step {step} could not be written to {self._folder}: "
                f"{' '.join(str(error).split())[:300]}. Earlier checkpoints are intact; the same "
                "command resumes from them"
            ) from error

    def _read_newest(self) -> Restored | None:
        """Return the newest intact checkpoint; log those that are damaged."""
        self.wait()
        steps = sorted(_steps(self._folder), reverse=True)
        if self._newest is None:
            self._damaged = []
            for step in steps:
                try:
                    self._newest = self._read(step)
                    break
                except (PermissionError, MemoryError):
                    raise
                except Exception as error:  # whatever the libraries raise for such files
                    reason = " ".join(str(error).split())[:200] or type(error).__name__
                    logging.warning(
                        "checkpoint %s is damaged: %s", self._folder / str(step), reason
                    )
                    self._damaged.append(step)
            if self._newest is not None and self._damaged:
                logging.warning("using the newest intact checkpoint, of step %d", self._newest.step)
        if self._newest is None and steps:
            raise DamagedError(
                f"all checkpoints in {self._folder} are damaged ({', '.join(map(str, steps))}); "
                "copy an intact one there (from a backup, or from the folder beside it), or use "
                "another --workdir to start again"
            )
        return self._newest

    def _read(self, step: int) -> Restored:
        arguments = ocp.args.Composite(
            state=ocp.args.StandardRestore(), notes=ocp.args.JsonRestore()
        )
        restored = self._manager.restore(step, args=arguments)
        leaves = integrity.leaves_by_name(restored["state"])
        noted = restored["notes"]
        if noted["sha256"] != integrity.sha256(leaves, noted["notes"]):
            raise ValueError("its content does not match its checksum")
        return Restored(step, leaves, noted["notes"])

    def _set_damaged_aside(self) -> None:
        """Move damaged checkpoints out of the way, since they would count as the newest."""
        for step in self._damaged:
            aside = self._folder.parent / "damaged"
            aside.mkdir(exist_ok=True)
            empty = tempfile.mkdtemp(prefix=f"{self._folder.name}-{step}-", dir=aside)
            (self._folder / str(step)).rename(empty)
        if self._damaged:
            self._damaged = []
            self._manager.reload()

    def __enter__(self) -> "Checkpoints":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: object) -> None:
        try:
            self.wait()
        except workdir.WorkdirError as failed:
            if kind is None or not issubclass(kind, Exception):  # Stopped would say it is saved
                raise
            logging.error("%s", failed)
        finally:
            self._thread.shutdown()
            if hosts.is_first():
                self._manager.close()


def latest(run: pathlib.Path, *, keep: int, read_only: bool = False) -> Checkpoints:
    """Open the checkpoints from which a run resumes."""
    return Checkpoints(run / "checkpoints" / "latest", keep=keep, read_only=read_only)


def best(run: pathlib.Path, *, read_only: bool = False) -> Checkpoints:
    """Open the checkpoint with the best validation accuracy; the earliest of equally good ones."""
    return Checkpoints(run / "checkpoints" / "best", keep=BEST_KEPT, read_only=read_only)


def _steps(folder: pathlib.Path) -> list[int]:
    """Return the steps of all finished checkpoints; orbax may not list a damaged one."""
    if not folder.is_dir():
        return []
    return [int(path.name) for path in folder.iterdir() if path.name.isdigit()]
