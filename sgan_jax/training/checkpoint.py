"""Checkpoints of a run: the latest ones, from which it goes on, and the best one.

A checkpoint is the train state (arrays on the host, bit for bit) and a small JSON of what the loop
knows beside it: step, seconds, configuration, and a checksum of it all. Orbax renames a finished
checkpoint into place, so that a kill at any moment leaves whole ones only; what a disk does to them
later the checksum finds, and the one before is used.
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

BEST_KEPT = 2  # the best and the one before, should the best be damaged


class DamagedError(ValueError):
    """There are checkpoints, but none can be used."""


class Restored(NamedTuple):
    """What a checkpoint holds."""

    step: int
    state: Any  # same tree as the state that was saved, numpy leaves
    notes: dict[str, Any]  # the JSON beside it


class Checkpoints:
    """Write and read one kind of checkpoint; a context manager that waits for the last write.

    The first process writes and reads; the others are told what it has read. A thread of our own
    writes, not orbax's: training waits for the copy to the host only, neither for the checksum nor
    for what orbax does before its own threads begin.

    Args:
      folder: of this kind.
      keep: how many of the newest are kept.
      read_only: leave the folder as it is, also what a run that still goes on writes there.
    """

    def __init__(self, folder: pathlib.Path, *, keep: int, read_only: bool = False) -> None:
        self._folder = folder.resolve()  # orbax wants an absolute path
        self._newest: Restored | None = None  # as it was read, its state by names
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
                save_interval_steps=0 if read_only else 1,  # orbax warns when it has to say so
                read_only=read_only,
                create=False,
                # orbax waits for all processes otherwise
                multiprocessing_options=ocp.options.MultiprocessingOptions(active_processes={0}),
                preservation_policy=preservation_policy.LatestN(keep),
                cleanup_tmp_directories=not read_only,  # of a killed run
                enable_async_checkpointing=False,
            ),
            item_names=("state", "notes"),
        )

    def save(self, step: int, state: Any, notes: dict[str, Any]) -> None:
        """Start to write the state of a step.

        The copy to the host is made before this returns, so the state may be donated after it.
        Nothing happens where that step or a later one is there: a run that was killed and repeats
        its last steps has written the same before.

        Raises:
          WorkdirError: the save before did not come to its end.
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
        """Return the newest checkpoint as arrays of the shapes of `like`; None where there is none.

        Raises:
          DamagedError: there are some, but all are damaged.
          ValueError: the checkpoint's arrays do not fit `like`.
        """
        found = self.newest()
        if found is None:
            return None
        return found._replace(state=_in_shape_of(like, found.state))

    def newest(self) -> Restored | None:
        """Return the newest checkpoint, its arrays by their names; None where there is none.

        Raises:
          DamagedError: there are some, but all are damaged.
        """
        return hosts.from_first(self._read_newest)

    def notes(self) -> dict[str, Any] | None:
        """Return the JSON of the newest checkpoint, None where there is none.

        Raises:
          DamagedError: there are some, but all are damaged.
        """
        found = self.newest()
        return None if found is None else found.notes

    def check(self) -> None:
        """Raise WorkdirError if the last save has failed; do not wait for one that goes on."""
        if self._writing is not None and self._writing.done():
            self.wait()

    def wait(self) -> None:
        """Wait until the last save is whole; raise WorkdirError if it failed."""
        writing, self._writing = self._writing, None
        if writing is None:
            return
        try:
            writing.result()
        except Exception as error:  # orbax raises what it finds: OSError, ValueError, ...
            step, size = self._written
            raise workdir.explained(error, self._folder, need=size) or workdir.WorkdirError(
                f"the checkpoint of step {step} could not be written to {self._folder}: "
                f"{' '.join(str(error).split())[:300]}. Those from before are whole; the same "
                "command goes on from them"
            ) from error

    def _read_newest(self) -> Restored | None:
        """Return the newest checkpoint that is as it was written, naming those that are not."""
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
                except Exception as error:  # whatever the libraries say of such files
                    reason = " ".join(str(error).split())[:200] or type(error).__name__
                    logging.warning(
                        "checkpoint %s is damaged: %s", self._folder / str(step), reason
                    )
                    self._damaged.append(step)
            if self._newest is not None and self._damaged:
                logging.warning("using the checkpoint before, of step %d", self._newest.step)
        if self._newest is None and steps:
            raise DamagedError(
                f"all checkpoints in {self._folder} are damaged ({', '.join(map(str, steps))}); "
                "copy one there that is not (from a backup, or from the folder beside it), or give "
                "another --workdir to begin anew"
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
            raise ValueError("its content does not have the checksum that it was written with")
        return Restored(step, leaves, noted["notes"])

    def _set_damaged_aside(self) -> None:
        """Move damaged checkpoints away, which would count as the newest ones."""
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
            if kind is None or not issubclass(kind, Exception):  # a signal: it must be known
                raise
            logging.error("%s", failed)
        finally:
            self._thread.shutdown()
            if hosts.is_first():
                self._manager.close()


def latest(run: pathlib.Path, *, keep: int, read_only: bool = False) -> Checkpoints:
    """Open the checkpoints from which a run goes on."""
    return Checkpoints(run / "checkpoints" / "latest", keep=keep, read_only=read_only)


def best(run: pathlib.Path, *, read_only: bool = False) -> Checkpoints:
    """Open the checkpoint with the best validation accuracy; of equals, the earlier."""
    return Checkpoints(run / "checkpoints" / "best", keep=BEST_KEPT, read_only=read_only)


def _steps(folder: pathlib.Path) -> list[int]:
    """Return the steps of all finished checkpoints; of a damaged one orbax may know nothing."""
    if not folder.is_dir():
        return []
    return [int(path.name) for path in folder.iterdir() if path.name.isdigit()]


def _in_shape_of(like: Any, leaves: dict[str, Any]) -> Any:
    """Return named arrays as a tree like `like`."""
    expected = integrity.leaves_by_name(like)
    if missing := sorted(expected.keys() ^ leaves.keys()):
        raise ValueError(
            f"the checkpoint and the model do not have the same arrays ({missing[0]}); it was made "
            "by another version: use another --workdir"
        )
    for name, here in expected.items():
        if here.shape != leaves[name].shape or here.dtype != leaves[name].dtype:
            raise ValueError(
                f"the checkpoint's {name} is {leaves[name].dtype} {leaves[name].shape}, the "
                f"model's {here.dtype} {here.shape}; it was made by another version: use another "
                "--workdir"
            )
    return jax.tree.unflatten(jax.tree.structure(like), [leaves[name] for name in expected])
