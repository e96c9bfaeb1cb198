"""The instrument and the classifier that a configuration describes.

Separate from `experiment`, so that loading a trained model does not import the data-set libraries.
"""

import dataclasses

import ml_collections

from sgan_jax import config as configuration
from sgan_jax.diffraction import instrument as instruments
from sgan_jax.models import resnet


def make_instrument(fields: ml_collections.ConfigDict) -> instruments.Instrument:
    """Return the preset instrument, with the given numbers in place of its own."""
    preset = instruments.instrument(fields.preset)
    given = {
        name: value
        for name, value in configuration.flatten(fields).items()
        if name != "preset" and value is not None
    }
    return dataclasses.replace(preset, name=f"{preset.name}_modified", **given) if given else preset


def make_classifier(config: ml_collections.ConfigDict, classes: int) -> resnet.ResNet1D:
    """Return the classifier, which is also the discriminator if there is a generator."""
    return resnet.ResNet1D(
        classes,
        input_power=config.model.input_power,
        stem_pool=config.model.stem_pool,
        projection_shortcuts=config.model.projection_shortcuts,
        real_fake_head=config.gan.real_fake_head,
        width=config.model.width,
        dropout=config.model.dropout,
        dtype=config.model.dtype,
    )
