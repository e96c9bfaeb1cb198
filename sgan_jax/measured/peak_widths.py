"""How wide the peaks of a measured pattern are, as a function of the angle."""

from typing import NamedTuple

import numpy as np
from scipy import optimize, signal

_MIN_PEAKS = 4
_SIGNIFICANT = 8.0  # standard errors that a peak must stand above its surroundings
_OF_MAXIMUM = 0.02  # of the highest peak, likewise
_TAN_LIMIT = 5.0  # of tan θ; the formula diverges at 180°


class PeakWidths(NamedTuple):
    """FWHM² = u tan²θ + v tan θ + w in degrees² of 2θ (Caglioti, Paoletti & Ricci 1958)."""

    u: float
    v: float
    w: float

    def fwhm_deg(self, two_theta_deg: np.ndarray) -> np.ndarray:
        """Return the full width at half maximum at `two_theta_deg`."""
        tan = np.minimum(np.tan(np.radians(two_theta_deg) / 2.0), _TAN_LIMIT)
        return np.sqrt(np.maximum((self.u * tan + self.v) * tan + self.w, 1e-4))


def measure_widths(
    two_theta_deg: np.ndarray, net_intensity: np.ndarray, sigma: np.ndarray
) -> PeakWidths | None:
    """Return the peak widths of a pattern [n] without background; None if too few peaks stand out.

    Peaks that overlap look wider than one alone, so the curve is fitted to the narrower ones: the
    absolute deviations of the widths are least, those above the curve counting a third of those
    below. u and w are not negative and the minimum of the parabola is above zero.
    """
    threshold = np.maximum(_SIGNIFICANT * sigma, _OF_MAXIMUM * np.max(net_intensity))
    peaks, _ = signal.find_peaks(net_intensity, prominence=threshold)
    if len(peaks) < _MIN_PEAKS:
        return None
    prominence, left, right = signal.peak_prominences(net_intensity, peaks)
    *_, begin, end = signal.peak_widths(
        net_intensity, peaks, rel_height=0.5, prominence_data=(prominence, left, right)
    )
    # Only peaks whose valleys reach down to a third of their height have their own half height.
    alone = prominence > 0.67 * net_intensity[peaks]
    index = np.arange(len(two_theta_deg))
    widths = np.interp(end, index, two_theta_deg) - np.interp(begin, index, two_theta_deg)
    tan = np.tan(np.radians(two_theta_deg[peaks]) / 2.0)
    usable = alone & (widths > 0.0) & (widths < 5.0) & (tan > 0.0) & (tan < _TAN_LIMIT)
    if usable.sum() < _MIN_PEAKS:
        return None
    tan, widths = tan[usable], widths[usable]

    def misfit(parameters: np.ndarray) -> float:
        deviation = widths - _of_parameters(parameters).fwhm_deg(2.0 * np.degrees(np.arctan(tan)))
        return float(np.abs(np.where(deviation > 0.0, deviation / 3.0, deviation)).sum())

    width = float(np.median(widths))
    fits = [
        optimize.minimize(misfit, start, method="Nelder-Mead", options={"maxiter": 400})
        for start in ((0.3, 0.3, 0.7 * width), (0.7, 0.6, 0.7 * width), (0.2, 0.0, width))
    ]
    return _of_parameters(min(fits, key=lambda fit: fit.fun).x)


def _of_parameters(parameters: np.ndarray) -> PeakWidths:
    """FWHM² = a² (tan θ - t)² + b²: never negative, with its minimum b at t."""
    a, t, b = parameters
    # A minimum above tan 60° would let the widths fall over the whole pattern; none does.
    t = float(np.clip(t, -0.2, np.tan(np.radians(60.0))))
    return PeakWidths(float(a * a), float(-2.0 * a * a * t), float(a * a * t * t + b * b))
