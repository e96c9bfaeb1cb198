"""What samples and instruments do to patterns, by given amounts: each a function of arrays.

Unlike the training's views (`training.distortions`) nothing is drawn within a range. Patterns are
float64 [n, P], as the model sees them: without background, maximum 1.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

from sgan_jax.diffraction import profile
from sgan_jax.diffraction.instrument import Instrument
from sgan_jax.training.distortions.intensity import MISSING

BACKGROUND = 0.1  # of the maximum, under the peaks while they are counted


def mixed(patterns: np.ndarray, others: np.ndarray, fraction: float) -> np.ndarray:
    """Return patterns of samples of which a fraction is another phase, [n, P].

    The fraction is that of the total scattered intensity, which is near the fraction of the volume.
    """
    own, foreign = (each / each.sum(axis=1, keepdims=True) for each in (patterns, others))
    return normalised((1.0 - fraction) * own + fraction * foreign)


def zero_shifted(patterns: np.ndarray, steps: int) -> np.ndarray:
    """Return patterns whose peaks lie so many steps of the grid further on; 0 is what comes in."""
    shifted = np.zeros_like(patterns)
    if steps >= 0:
        shifted[:, steps:] = patterns[:, : patterns.shape[1] - steps]
    else:
        shifted[:, :steps] = patterns[:, -steps:]
    return normalised(shifted)


def counted(patterns: np.ndarray, counts: float, seed: int) -> np.ndarray:
    """Return patterns with the noise of so many counts at the maximum.

    They are counted with a flat background of `BACKGROUND`, which is then taken away; as in
    `measured.regrid`, what falls below it is 0.
    """
    rng = np.random.default_rng(seed)
    expected = counts * (patterns + BACKGROUND)
    return normalised(np.maximum(rng.poisson(expected) / counts - BACKGROUND, 0.0))


def not_measured(
    patterns: np.ndarray, two_theta_deg: np.ndarray, ranges: Sequence[tuple[float, float]]
) -> np.ndarray:
    """Return patterns that were not measured in some ranges of 2θ, as the models are shown them."""
    missing = np.zeros(len(two_theta_deg), bool)
    for first, last in ranges:
        missing |= (two_theta_deg >= first) & (two_theta_deg <= last)
    return np.where(missing, MISSING, normalised(np.where(missing, 0.0, patterns)))


def of_resolution(
    reflections: Sequence[tuple[np.ndarray, np.ndarray]],
    instrument: Instrument,
    resolution: Instrument,
) -> np.ndarray:
    """Return patterns on an instrument's grid and wavelength with another one's peak shapes.

    Args:
        reflections: d-spacings (Å) and multiplicity·|F|² of each of n crystals.
        instrument: the model's.
        resolution: whose peaks they are.
    """
    shapes = {name: getattr(resolution, name) for name in _SHAPES}
    mixture = dataclasses.replace(instrument, name=resolution.name, **shapes)
    return np.stack([profile.intensity_pattern(d, f2, mixture) for d, f2 in reflections])


_SHAPES = ("u", "v", "w", "x", "y", "s_over_l", "h_over_l")


def normalised(patterns: np.ndarray) -> np.ndarray:
    """Return patterns divided by their maxima; one without intensity stays as it is."""
    maximum = patterns.max(axis=1, keepdims=True)
    return patterns / np.where(maximum > 0.0, maximum, 1.0)
