"""What the network is given of a measured pattern, with the wavelength as given or another."""

import numpy as np

from sgan_jax.diffraction.instrument import MISSING, Instrument
from sgan_jax.measured.model_pattern import ModelPattern
from sgan_jax.measured.pattern import MeasuredPattern, PatternError


def look(measured: MeasuredPattern, instrument: Instrument) -> ModelPattern | PatternError:
    """Return what a model sees of a pattern, or the error that says why it can see nothing.

    Raises:
        PatternError: the wavelength is unknown.
    """
    from sgan_jax.measured import regrid  # with scipy, which takes seconds

    measured.known_wavelength()
    try:
        return regrid.to_model_grid(measured, instrument)
    except PatternError as error:
        return error


def network_input(intensity: np.ndarray, inside: np.ndarray, offset: float) -> np.ndarray:
    """Return a pattern [P] for the network, float32; where nothing was measured as in training.

    There, `training.distortions` fill what is missing with `MISSING` of the maximum, at both ends
    and between; ranges of exact zeros no network has learnt from.

    Args:
        intensity: [P], maximum 1.
        inside: bool [P], where it was measured.
        offset: that the training added to every pattern.
    """
    return (np.where(inside, intensity, MISSING) + offset).astype(np.float32)


def with_wavelength(
    intensity: np.ndarray, inside: np.ndarray, instrument: Instrument, ratio: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return a pattern [P] as with λ times `ratio`, and where that was measured, bool [P].

    All d-spacings grow by that factor: what now is at 2θ was at 2θ_0, sin θ_0 = ratio sin θ.
    """
    grid = instrument.two_theta_deg
    sine = ratio * np.sin(np.radians(grid) / 2.0)
    before = 2.0 * np.degrees(np.arcsin(np.minimum(sine, 1.0)))
    there = (before >= grid[0]) & (before <= grid[-1]) & (sine < 1.0)
    measured = there & (np.interp(before, grid, inside.astype(float)) > 0.999)
    scaled = np.where(measured, np.interp(before, grid, intensity), 0.0)
    return scaled / max(float(scaled.max()), 1e-6), measured
