"""The instrument and the classifier that a configuration describes: all of a run but its data.

Apart from `experiment`, so that a trained model is loaded without the libraries of data sets.
"""

import dataclasses

import ml_collections

from sgan_jax import config as configuration
from sgan_jax.diffraction import instrument as instruments
from sgan_jax.models import resnet


def make_instrument(fields: ml_collections.ConfigDict) -> instruments.Instrument:
    """Return the preset with the numbers that are given in its place."""
    preset = instruments.instrument(fields.preset)
    given = {
        name: value
        for name, value in configuration.flatten(fields).items()
        if name != "preset" and value is not None
    }
    return dataclasses.replace(preset, name=f"{preset.name}_modified", **given) if given else preset


def make_classifier(config: ml_collections.ConfigDict, classes: int) -> resnet.ResNet1D:
    """Return the network that tells classes apart: the discriminator where there is a generator."""
    return resnet.ResNet1D(
        classes,
        input_power=config.model.input_power,
        stem_pool=config.model.stem_pool,
        projection_shortcuts=config.model.projection_shortcuts,
        real_fake_head=config.gan.real_fake_head,
        dropout=config.model.dropout,
        dtype=config.model.dtype,
    )
