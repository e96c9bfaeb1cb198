"""How patterns reach the devices: all of them once, or those of the next steps read from disk.

Both ways hand the same batches to the same step, which gathers them by position: from all that a
device holds of a part, or from the patterns of one call alone.
"""

import collections
import concurrent.futures
import os
import pathlib
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

import jax
import numpy as np

from sgan_jax.training import batches, parallel

_CALLS_AHEAD = 2  # read while the devices work on one
_SHARE_OF_MEMORY = 0.5  # for patterns; the rest is for the networks and everybody else

# (part, rows of the data set [...]) -> patterns [..., P], or trees of which some are made (see
# `parallel.ResidentData`), and labels [...]
Read = Callable[[str, np.ndarray], tuple[Any, np.ndarray]]


class Part(NamedTuple):
    """One part of the data, as batches take it."""

    shares: np.ndarray  # int64 [devices of this host, n]: rows of the data set (batches.share)
    size: int  # patterns of the part, on all hosts
    batch_size: int  # per device
    bytes_each: int  # that one example takes on a device


class Feed(Protocol):
    """Gives what `parallel`'s calls take."""

    def training(
        self, first_step: int, steps: int
    ) -> tuple[parallel.ResidentData, dict[str, np.ndarray]]:
        """Return data and positions of the steps after `first_step`."""
        ...

    def evaluation(
        self, part: str, positions: np.ndarray
    ) -> tuple[jax.Array, jax.Array, np.ndarray]:
        """Return patterns, labels and positions in them, of positions in the shares of a part."""
        ...

    def close(self) -> None:
        """Stop reading."""
        ...


class Resident:
    """Everything lies on the devices; only positions travel.

    Args:
      parts: that are trained on or validated.
      read: see there.
      seed: of the run.
      trained: names of the parts that are trained on.
      scene: of `parallel.ResidentData`, for one device.
    """

    def __init__(
        self,
        parts: Mapping[str, Part],
        read: Read,
        *,
        seed: int,
        trained: tuple[str, ...],
        scene: Any = None,
    ) -> None:
        self._parts, self._seed, self._trained = parts, seed, trained
        patterns, labels = {}, {}
        for name, part in parts.items():
            placed = parallel.distribute(read(name, part.shares))
            patterns[name], labels[name] = placed
        self._data = parallel.ResidentData(patterns, labels, _on_each_device(scene))

    def training(
        self, first_step: int, steps: int
    ) -> tuple[parallel.ResidentData, dict[str, np.ndarray]]:
        """See `Feed`."""
        return self._data, {
            name: _positions(self._parts[name], name, self._seed, first_step, steps)
            for name in self._trained
        }

    def evaluation(
        self, part: str, positions: np.ndarray
    ) -> tuple[jax.Array, jax.Array, np.ndarray]:
        """See `Feed`."""
        return self._data.patterns[part], self._data.labels[part], positions

    def close(self) -> None:
        """Do nothing: nothing is being read."""


class Streamed:
    """Patterns are read when their turn comes, in one thread beside the devices' work.

    Args:
      parts, read, seed, trained, scene: as of `Resident`; `read` is called in the thread alone.
      total: steps of the run; nothing is read for a later one.
    """

    def __init__(
        self,
        parts: Mapping[str, Part],
        read: Read,
        *,
        seed: int,
        trained: tuple[str, ...],
        total: int,
        scene: Any = None,
    ) -> None:
        self._parts, self._read, self._seed, self._trained = parts, read, seed, trained
        self._total, self._scene = total, _on_each_device(scene)
        self._thread = concurrent.futures.ThreadPoolExecutor(1, thread_name_prefix="reader")
        self._ahead: collections.OrderedDict[tuple[int, int], concurrent.futures.Future] = (
            collections.OrderedDict()
        )

    def training(
        self, first_step: int, steps: int
    ) -> tuple[parallel.ResidentData, dict[str, np.ndarray]]:
        """See `Feed`. The calls after this one are read meanwhile, as if they had as many steps."""
        asked = (first_step, steps)
        if asked not in self._ahead:  # the first call of a run
            self._drop()
            self._submit(asked)
        following = first_step + steps
        for _ in range(_CALLS_AHEAD):
            if following >= self._total:
                break
            call = (following, min(steps, self._total - following))
            if call not in self._ahead:
                self._submit(call)
            following += call[1]
        read = self._ahead.pop(asked).result()
        patterns = {name: parallel.distribute(some) for name, (some, _) in read.items()}
        labels = {name: parallel.distribute(some) for name, (_, some) in read.items()}
        positions = {
            name: _in_a_row(len(some), steps, self._parts[name].batch_size)
            for name, (_, some) in read.items()
        }
        return parallel.ResidentData(patterns, labels, self._scene), positions

    def evaluation(
        self, part: str, positions: np.ndarray
    ) -> tuple[jax.Array, jax.Array, np.ndarray]:
        """See `Feed`."""
        rows = np.take_along_axis(self._parts[part].shares, positions, axis=1)
        patterns, labels = self._thread.submit(self._read, part, rows).result()
        here = _in_a_row(*rows.shape, 1)[..., 0]
        return parallel.distribute(patterns), parallel.distribute(labels), here

    def close(self) -> None:
        """Stop reading."""
        self._thread.shutdown(cancel_futures=True)

    def _submit(self, call: tuple[int, int]) -> None:
        self._ahead[call] = self._thread.submit(self._batches, *call)

    def _drop(self) -> None:
        for future in self._ahead.values():
            future.cancel()
        self._ahead.clear()

    def _batches(self, first_step: int, steps: int) -> dict[str, tuple[Any, np.ndarray]]:
        """Read the patterns [devices of this host, steps · batch, P] of a call, and the labels."""
        read = {}
        for name in self._trained:
            part = self._parts[name]
            positions = _positions(part, name, self._seed, first_step, steps)
            flat = positions.reshape(len(positions), -1)
            read[name] = self._read(name, np.take_along_axis(part.shares, flat, axis=1))
        return read


def fits(parts: Mapping[str, Part], device_bytes: int) -> bool:
    """Say whether the patterns of all parts fit into so much memory of each device; 0: of ours."""
    needed = sum(part.shares.shape[1] * part.bytes_each for part in parts.values())
    return needed <= (device_bytes or available_bytes(jax.local_devices()[0]))


def available_bytes(device: jax.Device) -> int:
    """Return how much of a device's memory patterns may take; CPU devices share the host's."""
    stats = device.memory_stats()
    if stats is not None and "bytes_limit" in stats:
        return int(_SHARE_OF_MEMORY * stats["bytes_limit"])
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limit = pathlib.Path("/sys/fs/cgroup/memory.max")  # of a container
    if limit.is_file() and (text := limit.read_text().strip()).isdecimal():
        memory = min(memory, int(text))
    return int(_SHARE_OF_MEMORY * memory / jax.local_device_count())


def _positions(part: Part, name: str, seed: int, first_step: int, steps: int) -> np.ndarray:
    """Return int32 [devices of this host, steps, batch]: positions in the shares."""
    return batches.call_positions(
        part.size,
        seed=seed,
        part=name,
        first_step=first_step,
        steps=steps,
        devices=parallel.device_count(),
        batch_size=part.batch_size,
    )[parallel.local_devices()]


def _on_each_device(scene: Any) -> Any:
    """Return the scene on each of this host's devices."""
    count = jax.local_device_count()
    spread = jax.tree.map(lambda array: np.broadcast_to(array, (count, *array.shape)), scene)
    return parallel.distribute(spread)


def _in_a_row(devices: int, steps: int, batch_size: int) -> np.ndarray:
    """Return the positions int32 [devices, steps, batch] of patterns that are there in order."""
    each = np.arange(steps * batch_size, dtype=np.int32).reshape(steps, batch_size)
    return np.ascontiguousarray(np.broadcast_to(each, (devices, steps, batch_size)))
