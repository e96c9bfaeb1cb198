"""A small data set that needs no crystals: each class has its own peaks."""

import numpy as np

from sgan_jax.datasets import powder_patterns, splits
from sgan_jax.diffraction import instrument
from sgan_jax.training import experiment

CLASSES = ("cubic (F)", "cubic (I)", "cubic (P)")


def load_data(config) -> experiment.Data:
    """Stand in for `experiment.load_data`."""
    nist = instrument.PRESETS["nist2022"]
    random = np.random.default_rng(0)
    labels = np.arange(60, dtype=np.int32) % len(CLASSES)
    centres = 30.0 + 30.0 * labels + random.uniform(-1, 1, 60)
    patterns = np.exp(-((nist.two_theta_deg[None, :] - centres[:, None]) ** 2))
    strings = np.array([f"crystal {i}" for i in range(60)], np.dtypes.StringDType())
    dataset = powder_patterns.PatternDataset(
        ids=strings,
        formula=strings,
        structure_type=strings,
        source=strings,
        patterns=patterns.astype(np.float32),
        space_group=np.full(60, 225, np.int32),
        bravais=labels,
        instrument=nist,
    )
    split = splits.split(
        labels,
        strings,
        strings,
        split="random",
        split_seed=0,
        test_fraction=0.1,
        labelled_percent=config.data.labelled_percent,
        validation_fraction=0.1,
    )
    return experiment.Data(dataset, nist, CLASSES, list(CLASSES), labels, split)
