"""A measured pattern as the network's input, with the given wavelength or another one."""

import numpy as np

from sgan_jax.diffraction.instrument import MISSING, Instrument
from sgan_jax.measured.model_pattern import ModelPattern
from sgan_jax.measured.pattern import MeasuredPattern, PatternError


def look(measured: MeasuredPattern, instrument: Instrument) -> ModelPattern | PatternError:
    """Return what a model sees of a pattern, or the error that says why it sees nothing.

    Raises:
        PatternError: the wavelength is unknown.
    """
    from sgan_jax.measured import regrid  # imports scipy, which takes seconds

    measured.known_wavelength()
    try:
        return regrid.to_model_grid(measured, instrument)
    except PatternError as error:
        return error


def network_input(intensity: np.ndarray, inside: np.ndarray, offset: float) -> np.ndarray:
    """Return a pattern [P] for the network, float32, with missing ranges filled as in training.

    `training.distortions` set missing ranges, at both ends and in between, to `MISSING` times the
    maximum; no network was trained on ranges of exact zeros.

    Args:
        intensity: [P], maximum 1.
        inside: bool [P], where it was measured.
        offset: constant that was added to every pattern in training.
    """
    return (np.where(inside, intensity, MISSING) + offset).astype(np.float32)


def with_wavelength(
    intensity: np.ndarray, inside: np.ndarray, instrument: Instrument, ratio: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return a pattern [P] as if λ were multiplied by `ratio`, and where it is measured, bool [P].

    All d-spacings grow by that factor: intensity at 2θ comes from 2θ_0 with sin θ_0 = ratio sin θ.
    """
    grid = instrument.two_theta_deg
    sine = ratio * np.sin(np.radians(grid) / 2.0)
    before = 2.0 * np.degrees(np.arcsin(np.minimum(sine, 1.0)))
    there = (before >= grid[0]) & (before <= grid[-1]) & (sine < 1.0)
    measured = there & (np.interp(before, grid, inside.astype(float)) > 0.999)
    scaled = np.where(measured, np.interp(before, grid, intensity), 0.0)
    return scaled / max(float(scaled.max()), 1e-6), measured
