"""The widths of the peaks of a measured pattern as a function of the angle."""

import numpy as np
from scipy import optimize, signal

from sgan_jax.measured.model_pattern import TAN_LIMIT, PeakWidths

_MIN_PEAKS = 4
_SIGNIFICANT = 8.0  # least prominence of a peak, in standard errors
_OF_MAXIMUM = 0.02  # and as a fraction of the highest peak
_TAN_60 = 3.0**0.5


def measure_widths(
    two_theta_deg: np.ndarray, net_intensity: np.ndarray, sigma: np.ndarray
) -> PeakWidths | None:
    """Return the peak widths of a pattern [n] without background; None if too few peaks stand out.

    Overlapping peaks look wider than single ones, so the fit follows the narrower ones: it
    minimises the sum of the absolute deviations of the widths, with weight 1/3 for those above the
    curve. u and w are not negative, nor is FWHM² anywhere.
    """
    threshold = np.maximum(_SIGNIFICANT * sigma, _OF_MAXIMUM * np.max(net_intensity))
    peaks, _ = signal.find_peaks(net_intensity, prominence=threshold)
    if len(peaks) < _MIN_PEAKS:
        return None
    prominence, left, right = signal.peak_prominences(net_intensity, peaks)
    *_, begin, end = signal.peak_widths(
        net_intensity, peaks, rel_height=0.5, prominence_data=(prominence, left, right)
    )
    # Use only peaks whose valleys go below a third of their height, so that half of it is seen.
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
    """FWHM² = a² (tan θ - t)² + b²: never negative, with its minimum b² at tan θ = t."""
    a, t, b = parameters.tolist()
    # With a minimum above tan 60° widths would decrease over the whole pattern; real ones do not.
    t = min(max(t, -0.2), _TAN_60)
    return PeakWidths(a * a, -2.0 * a * a * t, a * a * t * t + b * b)
