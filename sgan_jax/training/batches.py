"""Which patterns are in which batch: positions that depend only on the seed and the step.

No iterator, hence no state to save: a run resumed at step s asks for the batches of step s.

A part of the data is dealt out to as many lanes as the global batch has places: lane l gets the
part's members l, l + lanes, l + 2 lanes, ... and contributes one of them to every batch, each once
per epoch, in an order drawn anew for each epoch. A device owns the lanes of its places in the
batch, so it and its host need only the patterns of those lanes, and a batch holds the same patterns
however many devices share it.
"""

import functools
from collections.abc import Iterator

import numpy as np

# Each part has its own random stream, seeded with the part's index here.
PARTS = ("labelled", "unlabelled")


def share(part_indices: np.ndarray, *, devices: int, batch_size: int) -> np.ndarray:
    """Return int64 [devices, n]: the indices of the patterns of a part that each device holds.

    A row has the first member of each of the device's lanes, then the second of each, ...; short
    rows are padded with the part's first member. A part smaller than the global batch is repeated,
    so that every lane has a member.
    """
    lanes = devices * batch_size
    members = _at_least_one_a_lane(part_indices, lanes)
    rounds = -(-len(members) // lanes)
    filled = np.full(rounds * lanes, members[0], np.int64)
    filled[: len(members)] = members
    return filled.reshape(rounds, devices, batch_size).swapaxes(0, 1).reshape(devices, -1)


def call_positions(
    part_size: int,
    *,
    seed: int,
    part: str,
    first_step: int,
    steps: int,
    devices: int,
    batch_size: int,
) -> np.ndarray:
    """Return int32 [devices, steps, batch_size]: positions within each device's `share`.

    Args:
      part_size: patterns in the part.
      seed: the run's seed.
      part: 'labelled' or 'unlabelled'.
      first_step: steps done before this call.
      steps: in this call.
      devices: of the whole run.
      batch_size: per device.
    """
    lanes = devices * batch_size
    turn = np.stack(
        [
            _turns(seed, part, part_size, lanes, step)
            for step in range(first_step, first_step + steps)
        ]
    )
    place = np.arange(batch_size)
    positions = turn.reshape(steps, devices, batch_size) * batch_size + place[None, None, :]
    return np.ascontiguousarray(positions.swapaxes(0, 1), dtype=np.int32)


def _turns(seed: int, part: str, part_size: int, lanes: int, step: int) -> np.ndarray:
    """Return int64 [lanes]: which of its members each lane contributes to the batch of a step."""
    sizes = _lane_sizes(part_size, lanes)
    epochs, offsets = np.divmod(step, sizes)
    turns = np.empty(lanes, np.int64)
    for epoch in np.unique(epochs).tolist():  # one or two: lane sizes differ by at most one
        now = epochs == epoch
        order = epoch_orders(seed, part, part_size, lanes, epoch)
        turns[now] = order[now, offsets[now]]
    return turns


@functools.lru_cache(maxsize=8)
def epoch_orders(seed: int, part: str, part_size: int, lanes: int, epoch: int) -> np.ndarray:
    """Return the order [lanes, n] in which each lane goes through its members in an epoch.

    In a lane of only n - 1 members, the last entry, n - 1, is unused.
    """
    sizes = _lane_sizes(part_size, lanes)
    sequence = np.random.SeedSequence([seed, PARTS.index(part), epoch])
    keys = np.random.Generator(np.random.Philox(sequence)).random((lanes, sizes.max()))
    keys[np.arange(sizes.max())[None, :] >= sizes[:, None]] = 2.0
    order = np.argsort(keys, axis=1)
    order.flags.writeable = False  # the cache hands the same array to every caller
    return order


def _lane_sizes(part_size: int, lanes: int) -> np.ndarray:
    return np.maximum(1, (part_size - np.arange(lanes) + lanes - 1) // lanes)


def _at_least_one_a_lane(part_indices: np.ndarray, lanes: int) -> np.ndarray:
    if not len(part_indices):
        raise ValueError(
            "a part of the data is empty; use more crystals or another data.labelled_percent"
        )
    return part_indices if len(part_indices) >= lanes else np.resize(part_indices, lanes)


def total_steps(*, steps: int, epochs: int, part_size: int, global_batch: int) -> int:
    """Return a run's number of steps: `steps` if not 0, else `epochs` of the part, rounded up."""
    return steps or -(-epochs * part_size // global_batch)


def evaluation_share(part_indices: np.ndarray, *, devices: int) -> np.ndarray:
    """Return int64 [devices, n]: the part dealt out to the devices in turn (`share`)."""
    return share(part_indices, devices=devices, batch_size=1)


def padded_batches(
    part_size: int, *, devices: int, batch_size: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield (positions in `evaluation_share`, mask), int32 [devices, batch_size], once through.

    The mask is 0 for padding: in the last batch, and on devices with one pattern fewer.
    """
    width = -(-part_size // devices)
    batch_size = min(batch_size, width)
    for start in range(0, width, batch_size):
        position = np.arange(start, start + batch_size)
        mask = position[None, :] * devices + np.arange(devices)[:, None] < part_size
        positions = np.broadcast_to(np.minimum(position, width - 1), mask.shape)
        yield positions.astype(np.int32), mask.astype(np.int32)


def in_order(dealt: np.ndarray, part_size: int) -> np.ndarray:
    """Return results for an `evaluation_share` [devices, n, ...] in the part's order [N, ...]."""
    return dealt.swapaxes(0, 1).reshape(-1, *dealt.shape[2:])[:part_size]
