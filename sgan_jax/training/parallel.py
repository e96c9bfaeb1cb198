"""The only file that knows about devices: what lives on them, and how a step runs on all of them.

The state and the data set are replicated: each device holds all of them. Per call, only indices of
patterns travel to the devices; each gathers its own batches. With several hosts, each gives the
indices of its own devices, and the step's averages and sums run over all devices of all hosts.
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
    """A data set as it lies on every device."""

    patterns: Array  # float32 [N, P]
    labels: Array  # int32 [N], class indices


def device_count() -> int:
    """Return the number of devices of this host, between which it divides its batches."""
    return jax.local_device_count()


def replicate(tree: Any, devices: Sequence[jax.Device] | None = None) -> Any:
    """Return a copy of the tree's arrays on each of this host's devices (or of those given).

    Do this to a new or restored state before its first step, which reuses its memory.
    """
    mesh = Mesh(np.asarray(devices or jax.local_devices()), (AXIS,))
    # By way of the host: an array that lies on one of the devices already would be shared, not
    # copied, and the first step would delete the caller's own.
    on_host = jax.device_get(tree)
    return jax.device_put(on_host, NamedSharding(mesh, PartitionSpec()), may_alias=False)


def make_parallel_step(
    step: Callable[[Any, Mapping[str, Array]], tuple[Any, dict[str, Array]]],
) -> Callable[[Any, ResidentData, Mapping[str, np.ndarray]], tuple[Any, dict[str, Array]]]:
    """Make call(state, data, indices) -> (state, metrics) of a per-device step.

    `state` and `data` are replicated; `state` is given away. `indices` holds int32
    [devices, steps, batch] for 'labelled' and, where the step needs them, 'unlabelled' patterns.
    The metrics are float32 [steps]. Another number of steps is another compilation; a single step
    is compiled without a loop around it, because on CPU a step inside a loop is many times slower.
    """

    def device_call(state, data, indices):
        def one(state, indices):
            return step(state, gather_batch(data, indices))

        if indices["labelled"].shape[0] > 1:
            return lax.scan(one, state, indices)
        state, sums = one(state, {part: index[0] for part, index in indices.items()})
        return state, {name: value[None] for name, value in sums.items()}

    return jax.pmap(
        device_call, AXIS, in_axes=(None, None, 0), out_axes=(None, None), donate_argnums=0
    )


def make_parallel_evaluation(
    step: Callable[[Any, Array, Array, Array], tuple[metrics.Counts, Array]],
) -> Callable[[Any, ResidentData, np.ndarray, np.ndarray], tuple[metrics.Counts, Array]]:
    """Make call(params, data, indices, mask) -> (counts over all devices, logits).

    `indices` int32 [devices, batch] and `mask` [devices, batch], 0 where an index is padding;
    logits [devices, batch, K], of this host's devices.
    """

    def device_call(params, data, indices, mask):
        return step(params, data.patterns[indices], data.labels[indices], mask)

    return jax.pmap(device_call, AXIS, in_axes=(None, None, 0, 0), out_axes=(None, 0))


def gather_batch(data: ResidentData, indices: Mapping[str, Array]) -> dict[str, Array]:
    """Return the batch of the indices [B] of each part."""
    batch = {part: data.patterns[index] for part, index in indices.items()}
    return {**batch, "labels": data.labels[indices["labelled"]]}
