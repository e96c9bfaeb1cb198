"""How wide the peaks of a measured pattern are, as a function of the angle."""

import numpy as np
from scipy import optimize, signal

from sgan_jax.measured.model_pattern import TAN_LIMIT, PeakWidths

_MIN_PEAKS = 4
_SIGNIFICANT = 8.0  # standard errors that a peak must stand above its surroundings
_OF_MAXIMUM = 0.02  # of the highest peak, likewise
_TAN_60 = 3.0**0.5


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
    usable = alone & (widths > 0.0) & (widths < 5.0) & (tan > 0.0) & (tan < TAN_LIMIT)
    if usable.sum() < _MIN_PEAKS:
        return None
    tan, widths = tan[usable], widths[usable]

    def misfit(parameters: np.ndarray) -> float:
        deviation = widths - _of_parameters(parameters).at_tan(tan)
        return float(np.maximum(deviation / 3.0, -deviation).sum())

    width = float(np.median(widths))
    fits = [
        optimize.minimize(misfit, start, method="Nelder-Mead", options={"maxiter": 400})
        for start in ((0.3, 0.3, 0.7 * width), (0.7, 0.6, 0.7 * width), (0.2, 0.0, width))
    ]
    return _of_parameters(min(fits, key=lambda fit: fit.fun).x)


def _of_parameters(parameters: np.ndarray) -> PeakWidths:
    """FWHM² = a² (tan θ - t)² + b²: never negative, with its minimum b at t."""
    a, t, b = parameters.tolist()
    # A minimum above tan 60° would let the widths fall over the whole pattern; none does.
    t = min(max(t, -0.2), _TAN_60)
    return PeakWidths(a * a, -2.0 * a * a * t, a * a * t * t + b * b)
