"""Augmentation of patterns: the same crystal in a slightly different sample and instrument."""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from sgan_jax.training.distortions import axis, counting, intensity, resolution

Array = jax.Array
# (key, patterns [B, P] or what they are rendered from, `rendered.Seen`) -> patterns [B, P]
Augment = Callable[[Array, Any], Array]


@dataclasses.dataclass(frozen=True)
class Strengths:
    """The largest strength of each distortion; each pattern draws its own up to that; 0 is off.

    Attributes:
      strain: ±, isotropic strain of the cell.
      zero_shift_deg: ±, of 2θ.
      displacement_deg: ±, of the sample, as the shift of peaks at low angles.
      broadening_deg: FWHM added in quadrature, at low angles.
      texture: standard deviation of the logarithm of the intensities.
      impurity: fraction of the intensity that comes from other crystals.
      background: its highest point relative to the pattern's maximum.
      noise: counting noise, its standard deviation at the maximum relative to the maximum.
      missing_deg: width of each of up to three ranges without data.
    """

    strain: float = 0.0
    zero_shift_deg: float = 0.0
    displacement_deg: float = 0.0
    broadening_deg: float = 0.0
    texture: float = 0.0
    impurity: float = 0.0
    background: float = 0.0
    noise: float = 0.0
    missing_deg: float = 0.0


def make_augment(two_theta_deg: np.ndarray, strengths: Strengths) -> Augment:
    """Make augment(key, patterns [B, P]) -> patterns [B, P], drawn anew for each pattern.

    The distortions follow their physical order: the sample (impurities, texture), the instrument
    (axis, resolution), the detector (background, noise, missing ranges). Each pattern keeps its
    maximum (1 in a data set). If all distortions are off, patterns are returned unchanged.

    Args:
      two_theta_deg: [P], evenly spaced.
      strengths: of the distortions.
    """
    distortions = _distortions(two_theta_deg, strengths)
    if not distortions:
        return lambda key, patterns: patterns

    def augment(key: Array, patterns: Array) -> Array:
        distorted = patterns
        keys = jax.random.split(key, len(distortions))
        for distort, key in zip(distortions, keys, strict=True):
            distorted = distort(key, distorted)
        return distorted * (_maximum(patterns) / _maximum(distorted))

    return augment


def _distortions(two_theta_deg: np.ndarray, strengths: Strengths) -> list[Augment]:
    """Return the distortions that are on, in the order in which they are applied."""
    s = strengths
    chosen = []
    if s.impurity:
        chosen.append(intensity.make_impurity(impurity=s.impurity))
    if s.texture:
        chosen.append(intensity.make_texture(two_theta_deg, texture=s.texture))
    if s.strain or s.zero_shift_deg or s.displacement_deg:
        moved = axis.make_moved_axis(
            two_theta_deg,
            strain=s.strain,
            zero_shift_deg=s.zero_shift_deg,
            displacement_deg=s.displacement_deg,
        )
        chosen.append(moved)
    if s.broadening_deg:
        chosen.append(resolution.make_broadening(two_theta_deg, broadening_deg=s.broadening_deg))
    if s.background:
        chosen.append(counting.make_background(two_theta_deg, background=s.background))
    if s.noise:
        chosen.append(counting.make_counting_noise(noise=s.noise))
    if s.missing_deg:
        chosen.append(intensity.make_missing(two_theta_deg, missing_deg=s.missing_deg))
    return chosen


def _maximum(patterns: Array) -> Array:
    """Return the maxima [B, 1], at least 1e-6 so that they can be divided by."""
    return jnp.maximum(jnp.max(patterns, axis=1, keepdims=True), 1e-6)
