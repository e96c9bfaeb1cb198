"""Checkpoints of a run: the latest ones, from which it goes on, and the best one.

A checkpoint is the train state (arrays on the host, bit for bit) and a small JSON of what the loop
knows beside it: step, seconds, configuration. Orbax writes in the background and renames a finished
checkpoint into place, so that a kill at any moment leaves whole ones only.
"""

import pathlib
from typing import Any, NamedTuple

import jax
import orbax.checkpoint as ocp
from orbax.checkpoint.checkpoint_managers import preservation_policy

from sgan_jax.training import hosts


class Restored(NamedTuple):
    """What a checkpoint holds."""

    step: int
    state: Any  # same tree as the state that was saved, numpy leaves
    notes: dict[str, Any]  # the JSON beside it


class Checkpoints:
    """Write and read one kind of checkpoint; a context manager that waits for the last write.

    The first process writes and reads; the others are told what it has read.
    """

    def __init__(self, folder: pathlib.Path, *, keep: int) -> None:
        self._manager: ocp.CheckpointManager | None = None
        if not hosts.is_first():
            return
        folder.mkdir(parents=True, exist_ok=True)  # orbax does not, with active_processes
        self._manager = ocp.CheckpointManager(
            folder.resolve(),  # orbax wants an absolute path
            options=ocp.CheckpointManagerOptions(
                create=False,
                # orbax waits for all processes otherwise
                multiprocessing_options=ocp.options.MultiprocessingOptions(active_processes={0}),
                preservation_policy=preservation_policy.LatestN(keep),
                cleanup_tmp_directories=True,  # of a killed run
            ),
            item_names=("state", "notes"),
        )

    def save(self, step: int, state: Any, notes: dict[str, Any]) -> None:
        """Start to write the state of a step.

        The copy to the host is made before this returns, so the state may be donated after it.
        Nothing happens where that step or a later one is there: a run that was killed and repeats
        its last steps has written the same before.
        """
        if self._manager is None:
            return
        newest = self._manager.latest_step()
        if newest is not None and newest >= step:
            return
        arguments = ocp.args.Composite(
            state=ocp.args.StandardSave(jax.device_get(state)), notes=ocp.args.JsonSave(notes)
        )
        self._manager.save(step, args=arguments, force=True)

    def restore(self, like: Any) -> Restored | None:
        """Return the newest checkpoint as arrays of the shapes of `like`; None where there is none.

        Raises:
          ValueError: the checkpoint's arrays do not fit `like`.
        """
        return hosts.from_first(lambda: self._restore(like))

    def notes(self) -> dict[str, Any] | None:
        """Return the JSON of the newest checkpoint, None where there is none."""
        return hosts.from_first(self._notes)

    def _restore(self, like: Any) -> Restored | None:
        assert self._manager is not None  # of the first process
        step = self._manager.latest_step()
        if step is None:
            return None
        arguments = ocp.args.Composite(
            state=ocp.args.StandardRestore(jax.device_get(like)), notes=ocp.args.JsonRestore()
        )
        restored = self._manager.restore(step, args=arguments)
        _check_shapes(restored["state"], like)
        return Restored(step, restored["state"], restored["notes"])

    def _notes(self) -> dict[str, Any] | None:
        assert self._manager is not None  # of the first process
        step = self._manager.latest_step()
        if step is None:
            return None
        arguments = ocp.args.Composite(notes=ocp.args.JsonRestore())
        return self._manager.restore(step, args=arguments)["notes"]

    def __enter__(self) -> "Checkpoints":
        return self

    def __exit__(self, *_: object) -> None:
        if self._manager is not None:
            self._manager.wait_until_finished()
            self._manager.close()


def latest(workdir: pathlib.Path, *, keep: int) -> Checkpoints:
    """Open the checkpoints from which a run goes on."""
    return Checkpoints(workdir / "checkpoints" / "latest", keep=keep)


def best(workdir: pathlib.Path) -> Checkpoints:
    """Open the checkpoint with the best validation accuracy; of equals, the earlier."""
    return Checkpoints(workdir / "checkpoints" / "best", keep=1)


def _check_shapes(restored: Any, like: Any) -> None:
    # orbax cuts or pads an array that has another shape, and says nothing
    for (path, here), there in zip(
        jax.tree_util.tree_leaves_with_path(like), jax.tree.leaves(restored), strict=True
    ):
        if here.shape != there.shape:
            raise ValueError(
                f"the checkpoint's {jax.tree_util.keystr(path)} has shape {there.shape}, the "
                f"model's {here.shape}; it was made by another version: use another --workdir"
            )
