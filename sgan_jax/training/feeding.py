"""How patterns reach the devices: all at once, or read from disk for the next steps.

Both ways give the same batches to the same step, which gathers them by position: from everything
that a device holds of a part, or from the patterns of one call.
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
_SHARE_OF_MEMORY = 0.5  # for patterns; the rest is for the networks and other programs

# (part, rows of the data set [...]) -> (patterns [..., P], or trees that patterns are rendered from
# (see `parallel.ResidentData`), labels [...])
Read = Callable[[str, np.ndarray], tuple[Any, np.ndarray]]


class Part(NamedTuple):
    """One part of the data, as it is drawn into batches."""

    shares: np.ndarray  # int64 [devices of this host, n]: rows of the data set (batches.share)
    size: int  # patterns in the part, on all hosts
    batch_size: int  # per device
    bytes_each: int  # memory of one example on a device


class Feed(Protocol):
    """Supplies the data arguments of the calls that `parallel` makes."""

    def training(
        self, first_step: int, steps: int
    ) -> tuple[parallel.ResidentData, dict[str, np.ndarray]]:
        """Return the data and the positions for the steps after `first_step`."""
        ...

    def evaluation(
        self, part: str, positions: np.ndarray
    ) -> tuple[jax.Array, jax.Array, np.ndarray]:
        """Return patterns, labels, and positions in these, given positions in a part's shares."""
        ...

    def close(self) -> None:
        """Stop reading."""
        ...


class Resident:
    """Feed from arrays that stay on the devices; only positions are transferred.

    Args:
      parts: the parts used for training or validation.
      read: see `Read`.
      seed: the run's seed.
      trained: names of the parts that are trained on.
      scene: see `parallel.ResidentData`, here without the device axis.
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
    """Feed from disk: one thread reads ahead while the devices work.

    Args:
      parts, read, seed, trained, scene: as for `Resident`; only the thread calls `read`.
      total: steps of the run; nothing is read beyond them.
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
        """See `Feed`. The next calls, assumed to have as many steps, are read in the background."""
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
        """Read the patterns [devices of this host, steps · batch, P] and the labels of a call."""
        read = {}
        for name in self._trained:
            part = self._parts[name]
            positions = _positions(part, name, self._seed, first_step, steps)
            flat = positions.reshape(len(positions), -1)
            read[name] = self._read(name, np.take_along_axis(part.shares, flat, axis=1))
        return read


def fits(parts: Mapping[str, Part], device_bytes: int) -> bool:
    """Say whether all parts fit into `device_bytes` of each device; 0: `available_bytes`."""
    needed = sum(part.shares.shape[1] * part.bytes_each for part in parts.values())
    return needed <= (device_bytes or available_bytes(jax.local_devices()[0]))


def available_bytes(device: jax.Device) -> int:
    """Return the bytes that patterns may take on a device; CPU devices share the host's memory."""
    stats = device.memory_stats()
    if stats is not None and "bytes_limit" in stats:
        return int(_SHARE_OF_MEMORY * stats["bytes_limit"])
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limit = pathlib.Path("/sys/fs/cgroup/memory.max")  # a container's limit
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
    """Return positions int32 [devices, steps, batch] of patterns stored in the order of use."""
    each = np.arange(steps * batch_size, dtype=np.int32).reshape(steps, batch_size)
    return np.ascontiguousarray(np.broadcast_to(each, (devices, steps, batch_size)))
