"""What the model sees of a measured pattern: the result of `regrid`, in a module without scipy.

The process that predicts gets these from those that read files (`answers.reading`) and need not
load scipy, which takes seconds.
"""

import dataclasses
from typing import NamedTuple

import numpy as np

from sgan_jax.diffraction.instrument import Instrument
from sgan_jax.measured.pattern import MeasuredPattern

TAN_LIMIT = 5.0  # of tan θ; the formula of the widths diverges at 180°


class PeakWidths(NamedTuple):
    """FWHM² = u tan²θ + v tan θ + w in degrees² of 2θ (Caglioti, Paoletti & Ricci 1958)."""

    u: float
    v: float
    w: float

    def fwhm_deg(self, two_theta_deg: np.ndarray) -> np.ndarray:
        """Return the full width at half maximum at `two_theta_deg`."""
        return self.at_tan(np.minimum(np.tan(np.radians(two_theta_deg) / 2.0), TAN_LIMIT))

    def at_tan(self, tan: np.ndarray) -> np.ndarray:
        """Return the full width at half maximum, degrees of 2θ, at tan θ up to `TAN_LIMIT`."""
        return np.sqrt(np.maximum((self.u * tan + self.v) * tan + self.w, 1e-4))


@dataclasses.dataclass(frozen=True, eq=False)
class ModelPattern:
    """What the model sees of a measured pattern, and how it was obtained.

    Attributes:
        measured: the pattern as read from the instrument's file.
        background: under the measured pattern, at its angles [n]; NaN in the direct beam and the
            shadow of the beam stop, where it is not a powder pattern.
        height_over_noise: of the highest measured peak, in standard deviations of the noise.
        peaks: number of measured peaks that stand out from noise and background.
        widths: of the measured peaks, as a function of measured 2θ; None if too few stood out.
        instrument: the model's, with its grid.
        intensity: float32 [points] on that grid, maximum 1, nothing below `LEAST`;
            `MISSING` where not measured. Both as in training (`rendered`).
        inside: bool [points], True where the grid was measured.
    """

    measured: MeasuredPattern
    background: np.ndarray
    height_over_noise: float
    peaks: int
    widths: PeakWidths | None
    instrument: Instrument
    intensity: np.ndarray
    inside: np.ndarray

    def missing_ranges_deg(self) -> list[tuple[float, float]]:
        """Return first and last 2θ of each range of the model's grid that was not measured."""
        grid = self.instrument.two_theta_deg
        missing = np.concatenate(([False], ~self.inside, [False]))
        edges = np.flatnonzero(missing[1:] != missing[:-1])
        return [
            (float(grid[begin]), float(grid[end - 1]))
            for begin, end in zip(edges[::2], edges[1::2], strict=True)
        ]
