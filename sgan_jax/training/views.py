"""The views of a configuration: how patterns are distorted, or crystals rendered, in training.

The ConfigDict is unpacked here, for the steps and for other code that needs patterns as the steps
see them.
"""

import ml_collections
import numpy as np

from sgan_jax.diffraction.instrument_bank import Layout
from sgan_jax.training import augment, rendered


def make_first_views(
    config: ml_collections.ConfigDict, two_theta_deg: np.ndarray, layout: Layout | None
) -> augment.Augment:
    """Return the augmentation of config.augment, or the rendering of config.render if it is on."""
    if layout is None:
        return make_views(config.augment, two_theta_deg)
    fields = config.render
    return rendered.make_view(
        two_theta_deg,
        layout,
        rendered.Ranges(
            share=fields.share,
            strain=fields.strain,
            zero_shift_deg=fields.zero_shift_deg,
            displacement_deg=fields.displacement_deg,
            orientation=fields.orientation,
            magnetic=fields.magnetic,
            magnetic_share=fields.magnetic_share,
            impurity=fields.impurity,
            background=fields.background,
            background_left=fields.background_left,
            noise=fields.noise,
            missing_deg=fields.missing_deg,
        ),
        offset=config.data.intensity_offset,
    )


def make_views(strengths: ml_collections.ConfigDict, two_theta_deg: np.ndarray) -> augment.Augment:
    """Return the augmentation of config.augment or config.strong."""
    return augment.make_augment(
        two_theta_deg,
        augment.Strengths(
            strain=strengths.strain,
            zero_shift_deg=strengths.zero_shift_deg,
            displacement_deg=strengths.displacement_deg,
            broadening_deg=strengths.broadening_deg,
            texture=strengths.texture,
            impurity=strengths.impurity,
            background=strengths.background,
            noise=strengths.noise,
            missing_deg=strengths.missing_deg,
        ),
    )
