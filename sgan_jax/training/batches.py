"""Which patterns are in which batch: indices that depend on the seed and the step, on nothing else.

No iterator, hence no state to save: a run restarted at step s asks for the batches of step s. The
patterns themselves stay on the devices (`parallel`) and are gathered there by these indices.
"""

import functools
from collections.abc import Iterator

import numpy as np

PARTS = ("labelled", "unlabelled")  # a stream of its own for each


@functools.lru_cache(maxsize=8)
def epoch_order(seed: int, part: str, size: int, epoch: int) -> np.ndarray:
    """Return the order [size] in which one epoch walks through a part."""
    sequence = np.random.SeedSequence([seed, PARTS.index(part), epoch])
    order = np.random.Generator(np.random.Philox(sequence)).permutation(size).astype(np.int32)
    order.flags.writeable = False  # the cache hands the same array to every caller
    return order


def sample_positions(seed: int, part: str, size: int, start: int, count: int) -> np.ndarray:
    """Return positions [count] within the part of the samples start, start + 1, ... of the run.

    Epochs follow one another without a gap: a batch at the end of an epoch is filled from the next.
    """
    position = np.arange(start, start + count)
    epoch, offset = np.divmod(position, size)
    return np.concatenate(
        [epoch_order(seed, part, size, e)[offset[epoch == e]] for e in np.unique(epoch).tolist()]
    )


def call_indices(
    part_indices: np.ndarray,
    *,
    seed: int,
    part: str,
    first_step: int,
    steps: int,
    devices: int,
    batch_size: int,
) -> np.ndarray:
    """Return int32 [devices, steps, batch_size] of patterns for the steps of one compiled call.

    Args:
      part_indices: [n] indices of the part's patterns in the data set.
      seed: of the run.
      part: 'labelled' or 'unlabelled'.
      first_step: steps done before this call.
      steps: in this call.
      devices: all of the run's; the global batch is devices * batch_size and does not depend on
        how it is cut.
      batch_size: per device.
    """
    if not len(part_indices):
        raise ValueError(f"the {part} part is empty; use a larger data set or another percentage")
    global_batch = devices * batch_size
    positions = sample_positions(
        seed, part, len(part_indices), first_step * global_batch, steps * global_batch
    )
    indices = part_indices[positions].astype(np.int32)
    return np.ascontiguousarray(indices.reshape(steps, devices, batch_size).swapaxes(0, 1))


def total_steps(*, steps: int, epochs: int, part_size: int, global_batch: int) -> int:
    """Return the steps of a run: `steps` if not 0, else `epochs` of the part, rounded up."""
    return steps or -(-epochs * part_size // global_batch)


def padded_batches(
    part_indices: np.ndarray, *, devices: int, batch_size: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield (indices, mask), each int32 [devices, batch_size], once through a part in its order.

    The last batch is filled up with the part's first pattern, which the mask (0) leaves out.
    """
    global_batch = devices * batch_size
    shape = (devices, batch_size)
    for start in range(0, len(part_indices), global_batch):
        real = part_indices[start : start + global_batch]
        padding = global_batch - len(real)
        indices = np.pad(real, (0, padding), constant_values=part_indices[0]).astype(np.int32)
        mask = np.pad(np.ones(len(real), np.int32), (0, padding))
        yield indices.reshape(shape), mask.reshape(shape)
