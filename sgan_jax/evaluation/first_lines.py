"""The first strong line of a powder pattern, which indicates the size of the cell."""

import numpy as np

from sgan_jax.diffraction.instrument import Instrument

STRONG = 0.25  # of the highest peak; weaker lines may be lost in noise or belong to an impurity


def first_lines_angstrom(patterns: np.ndarray, instrument: Instrument) -> np.ndarray:
    """Return the d-spacings [n] of the first strong lines of patterns [n, P].

    The local maximum at the lowest angle whose height is at least `STRONG` times the highest point;
    without any, the highest point.
    """
    heights = patterns[:, 1:-1]
    peaks = (heights >= patterns[:, :-2]) & (heights > patterns[:, 2:])
    peaks &= heights >= STRONG * patterns.max(axis=1, keepdims=True)
    first = np.where(peaks.any(axis=1), np.argmax(peaks, axis=1) + 1, np.argmax(patterns, axis=1))
    theta = np.radians(instrument.two_theta_deg[first]) / 2.0
    return instrument.wavelength_angstrom / (2.0 * np.sin(theta))
