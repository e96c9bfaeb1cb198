"""The only file that knows about devices: what they hold, and how a step runs on all of them.

The state is replicated: each device holds all of it. The patterns are dealt out: each device holds
those that it puts into batches (`batches`). Per call, only positions are sent to the devices; each
gathers its own batches. With several hosts (`hosts`), each passes what its own devices need, and
the step's averages and sums run over all devices of all hosts.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from jax import lax
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from sgan_jax.evaluation import metrics
from sgan_jax.training.state import AXIS

Array = jax.Array


class ResidentData(NamedTuple):
    """Parts of a data set as stored on the devices; n differs between parts.

    Attributes:
      patterns: float32 [devices of this host, n, P], or trees of arrays [devices, n, ...] from
        which patterns are rendered (`rendered`).
      labels: int32 [devices of this host, n], class indices.
      scene: what all examples share (the instruments), arrays [devices of this host, ...]; if not
        None, a batch has for each part the pair (examples, scene).
    """

    patterns: Mapping[str, Any]
    labels: Mapping[str, Array]
    scene: Any = None


def device_count() -> int:
    """Return the number of the run's devices, over all hosts."""
    return jax.device_count()


def describe_devices() -> str:
    """Return the number and the kind of the run's devices, such as '8 x NVIDIA H100 80GB HBM3'."""
    kinds = sorted({device.device_kind for device in jax.devices()})
    return f"{jax.device_count()} x {', '.join(kinds)}"


def local_devices() -> slice:
    """Return which of the run's devices are this host's."""
    count = jax.local_device_count()  # the same on every host
    return slice(jax.process_index() * count, (jax.process_index() + 1) * count)


def replicate(tree: Any, devices: Sequence[jax.Device] | None = None) -> Any:
    """Return the tree with a copy of its arrays on each of this host's devices (or those given).

    Apply this to a new or restored state before its first step, which reuses the state's memory.
    """
    # Via the host: an array that is already on one of the devices would be shared, not copied, and
    # the first step would delete the caller's own.
    return _put(jax.device_get(tree), PartitionSpec(), devices)


def distribute(tree: Any, devices: Sequence[jax.Device] | None = None) -> Any:
    """Put row i of each array [devices, ...] on this host's i-th device (or the i-th given)."""
    return _put(tree, PartitionSpec(AXIS), devices)


def _put(tree: Any, spec: PartitionSpec, devices: Sequence[jax.Device] | None) -> Any:
    mesh = Mesh(np.asarray(devices or jax.local_devices()), (AXIS,))
    return jax.device_put(tree, NamedSharding(mesh, spec), may_alias=False)


def make_parallel_step(
    step: Callable[[Any, Mapping[str, Array]], tuple[Any, dict[str, Array]]],
) -> Callable[[Any, ResidentData, Mapping[str, np.ndarray]], tuple[Any, dict[str, Array]]]:
    """Make call(state, data, positions) -> (state, metrics) from a per-device step.

    `state` is replicated and donated; `data` is distributed. `positions` holds int32
    [devices of this host, steps, batch] for 'labelled' and, where the step needs them, 'unlabelled'
    patterns. The metrics are float32 [steps]. Each number of steps is compiled separately, and a
    single step without a loop around it: on CPU, operations for which XLA has no fast form inside
    a loop would be many times slower (`convolution.conv` provides a form of its own).
    """

    def device_call(state, data, positions):
        def one(state, positions):
            return step(state, gather_batch(data, positions))

        if positions["labelled"].shape[0] > 1:
            return lax.scan(one, state, positions)
        state, sums = one(state, {part: position[0] for part, position in positions.items()})
        return state, {name: value[None] for name, value in sums.items()}

    return jax.pmap(
        device_call, AXIS, in_axes=(None, 0, 0), out_axes=(None, None), donate_argnums=0
    )


def make_parallel_evaluation(
    step: Callable[[Any, Array, Array, Array], tuple[metrics.Counts, Array]],
) -> Callable[[Any, Array, Array, np.ndarray, np.ndarray], tuple[metrics.Counts, Array]]:
    """Make call(params, patterns, labels, positions, mask) -> (counts over all devices, logits).

    `patterns` and `labels` are one part of `ResidentData`; `positions`, int32, and `mask`, 0 where
    a position is padding, are [devices of this host, batch]; the logits are
    [devices of this host, batch, K].
    """

    def device_call(params, patterns, labels, positions, mask):
        return step(params, patterns[positions], labels[positions], mask)

    return jax.pmap(device_call, AXIS, in_axes=(None, 0, 0, 0, 0), out_axes=(None, 0))


def gather_batch(data: ResidentData, positions: Mapping[str, Array]) -> dict[str, Any]:
    """Return the batch at the positions [B] of each part, on one device."""
    batch = {
        part: jax.tree.map(lambda array, at=position: array[at], data.patterns[part])
        for part, position in positions.items()
    }
    if data.scene is not None:
        batch = {part: (examples, data.scene) for part, examples in batch.items()}
    return {**batch, "labels": data.labels["labelled"][positions["labelled"]]}
