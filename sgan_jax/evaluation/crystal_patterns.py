"""Patterns of every crystal of a source, in memory, for the evaluation of a trained model.

Unlike a data set (`datasets.preparation`) this keeps duplicates, and bad files never stop it.
"""

import functools
import sys
from typing import NamedTuple

import numpy as np
import tqdm

from sgan_jax.crystals.skipped import SkippedFile
from sgan_jax.datasets import outcomes, processes, sources
from sgan_jax.diffraction.instrument import Instrument


class CrystalPatterns(NamedTuple):
    """N crystals in the source's order, and what could not be used."""

    ids: list[str]  # not necessarily unique: an archive may hold a name twice
    patterns: np.ndarray  # float32 [N, points], maximum 1
    space_group: np.ndarray  # int32 [N], 1..230
    skipped: list[SkippedFile]


def simulate_all[Item](
    source: sources.Source[Item], instrument: Instrument, *, process_count: int
) -> CrystalPatterns:
    """Simulate every crystal of a source.

    Args:
      source: of crystals (datasets/sources.py).
      instrument: to simulate.
      process_count: number of processes; 0 for one per core.
    """
    ids, patterns, numbers, skipped = [], [], [], []
    work = functools.partial(outcomes.outcome, source, instrument)
    for result in tqdm.tqdm(
        processes.ordered_map(work, source.items(), processes=process_count),
        total=len(source),
        desc="crystals to patterns",
        unit="file",
        mininterval=0.1 if sys.stderr.isatty() else 30,
    ):
        skipped += result.skipped
        for found in result.found:
            ids.append(found.example["id"])
            patterns.append(found.example["pattern"])
            numbers.append(found.example["space_group"])
    shape = (len(ids), instrument.points)
    stacked = np.asarray(patterns, np.float32).reshape(shape)
    return CrystalPatterns(ids, stacked, np.asarray(numbers, np.int32), skipped)
