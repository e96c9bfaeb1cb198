"""A small data set that needs no crystals (each class has its own peaks), and small networks."""

import jax
import numpy as np
from flax import linen as nn

from sgan_jax.datasets import powder_patterns, splits
from sgan_jax.datasets.catalogue import Catalogue
from sgan_jax.diffraction import instrument
from sgan_jax.models import resnet
from sgan_jax.training import experiment, state

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
        Catalogue(strings, strings, strings, strings, np.full(60, 225, np.int32), labels),
        patterns.astype(np.float32),
        nist,
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


class SmallDiscriminator(nn.Module):
    """Compiles quickly; has dropout, so that it needs keys."""

    classes: int

    @nn.compact
    def __call__(self, x, *, train):
        x = nn.Dropout(0.5, deterministic=not train)(x[:, ::50])
        features = jax.nn.gelu(nn.Dense(8)(x))
        return resnet.DiscriminatorOutput(
            nn.Dense(self.classes, name="class_head")(features), features, None
        )


class SmallGenerator(nn.Module):
    """Has running statistics, like the real one."""

    points: int = 3041

    @nn.compact
    def __call__(self, z, *, train):
        x = nn.BatchNorm(use_running_average=not train, axis_name=state.AXIS)(
            nn.Dense(8, use_bias=False)(z)  # BatchNorm removes a bias, whose gradient is noise
        )
        return jax.nn.sigmoid(nn.Dense(self.points)(x))


def make_networks(config, classes: int) -> state.Networks:
    """Stand in for `experiment.make_networks`."""
    return state.Networks(
        SmallDiscriminator(classes), SmallGenerator() if config.method == "sgan" else None
    )
