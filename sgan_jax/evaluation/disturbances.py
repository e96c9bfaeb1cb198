"""Perturbations of patterns by samples and instruments, of a given strength: functions of arrays.

Unlike in the augmentation (`training.distortions`) the strength is not drawn from a range. Patterns
are float64 [n, P], as the model sees them: without background, maximum 1.
"""

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from sgan_jax.crystals import sites
from sgan_jax.diffraction import peak_shape, profile
from sgan_jax.diffraction.instrument import LEAST, MISSING, Instrument
from sgan_jax.measured import regrid

_SHAPES = ("u", "v", "w", "x", "y", "s_over_l", "h_over_l")  # an instrument's peak-shape fields
BACKGROUND = 0.1  # of the maximum, under the peaks when counting noise is drawn


class CrystalReflections(NamedTuple):
    """A crystal's m reflections, as a data set stores them.

    Attributes:
        d_angstrom: d-spacings [m].
        strength: multiplicity·|F|² [m].
        hkl: [m, 3], one of each set of equivalents.
        cell: a, b, c in Å, angles in degrees.
        proper_rotations: [G, 3, 3], of the Laue group; the equivalents of h are h R.
    """

    d_angstrom: np.ndarray
    strength: np.ndarray
    hkl: np.ndarray
    cell: np.ndarray
    proper_rotations: np.ndarray


def mixed(patterns: np.ndarray, others: np.ndarray, fraction: float) -> np.ndarray:
    """Return patterns [n, P] of samples with an impurity phase.

    The fraction is that of the total intensity, which is close to the volume fraction.
    """
    own, foreign = (each / each.sum(axis=1, keepdims=True) for each in (patterns, others))
    return normalised((1.0 - fraction) * own + fraction * foreign)


def zero_shifted(patterns: np.ndarray, steps: int) -> np.ndarray:
    """Return patterns shifted by a number of grid steps to higher 2θ, filled with zeros."""
    shifted = np.zeros_like(patterns)
    if steps >= 0:
        shifted[:, steps:] = patterns[:, : patterns.shape[1] - steps]
    else:
        shifted[:, :steps] = patterns[:, -steps:]
    return normalised(shifted)


def counted(patterns: np.ndarray, counts: float, seed: int) -> np.ndarray:
    """Return patterns with Poisson noise, for a number of counts at the maximum.

    The noise is drawn on top of a flat background of `BACKGROUND`, which is then subtracted; values
    below `LEAST` are set to it, as in `measured.regrid`.
    """
    rng = np.random.default_rng(seed)
    expected = counts * (patterns + BACKGROUND)
    net = np.maximum(rng.poisson(expected) / counts - BACKGROUND, 0.0)
    return np.maximum(normalised(net), LEAST)


def not_measured(
    patterns: np.ndarray, two_theta_deg: np.ndarray, ranges: Sequence[tuple[float, float]]
) -> np.ndarray:
    """Return patterns with missing ranges of 2θ, filled with `MISSING`, as the models see them."""
    missing = np.zeros(len(two_theta_deg), bool)
    for first, last in ranges:
        missing |= (two_theta_deg >= first) & (two_theta_deg <= last)
    return np.where(missing, MISSING, normalised(np.where(missing, 0.0, patterns)))


def of_resolution(
    crystals: Sequence[CrystalReflections], instrument: Instrument, resolution: Instrument
) -> np.ndarray:
    """Return patterns with the resolution of another instrument, on the model's grid.

    They have the other instrument's peak shapes at the model's wavelength, and are then treated
    like measured patterns (`measured.regrid`): peaks narrower than the model's are widened to its
    width.

    Args:
        crystals: n crystals.
        instrument: the model's.
        resolution: the instrument whose peak shapes are used.
    """
    shapes = {name: getattr(resolution, name) for name in _SHAPES}
    mixture = dataclasses.replace(instrument, name=resolution.name, **shapes)
    inside = np.ones(instrument.points, bool)
    fwhm, _ = peak_shape.pseudo_voigt_parameters(*mixture.widths_deg(instrument.two_theta_deg))
    seen = [
        regrid.widened(
            profile.intensity_pattern(x.d_angstrom, x.strength, mixture), inside, fwhm, instrument
        )
        for x in crystals
    ]
    return normalised(np.stack(seen))


def oriented(
    crystals: Sequence[CrystalReflections], instrument: Instrument, r: float
) -> np.ndarray:
    """Return patterns of samples with preferred orientation along c*.

    As `march_dollase.weights`, in float64: intensities are multiplied by the mean over a
    reflection's equivalents of (r² cos²α + sin²α / r)^(-3/2), with α the angle between the
    equivalent and c* (Dollase 1986).

    Args:
        crystals: n crystals.
        instrument: the model's.
        r: March-Dollase parameter: below 1 for platelets, above 1 for needles, 1 for an ideal
            powder.
    """
    return np.stack(
        [
            profile.intensity_pattern(x.d_angstrom, x.strength * _march_dollase(x, r), instrument)
            for x in crystals
        ]
    )


def _march_dollase(crystal: CrystalReflections, r: float) -> np.ndarray:
    a, b, c, alpha, beta, gamma = (float(x) for x in crystal.cell)
    to_cartesian = sites.orthogonalisation((a, b, c, alpha, beta, gamma))
    reciprocal = np.linalg.inv(to_cartesian)  # rows a*, b*, c*
    axis = reciprocal[2] / np.linalg.norm(reciprocal[2])
    equivalents = crystal.hkl.astype(float) @ crystal.proper_rotations.astype(float)  # [G, m, 3]
    along = equivalents @ (reciprocal @ axis) * crystal.d_angstrom
    return np.mean((r**2 * along**2 + (1.0 - along**2) / r) ** -1.5, axis=0)


def normalised(patterns: np.ndarray) -> np.ndarray:
    """Return patterns divided by their maxima; patterns without intensity are unchanged."""
    maximum = patterns.max(axis=1, keepdims=True)
    return patterns / np.where(maximum > 0.0, maximum, 1.0)
