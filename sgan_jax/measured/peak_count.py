"""How far the peaks of a measured pattern stand out, and how many do."""

import numpy as np
from scipy import signal

PEAK_HEIGHT = 5.0  # of a peak over the noise at its place
PEAK_SHARE = 0.02  # and of the highest one


def noise_level(net_intensity: np.ndarray) -> float:
    """Return the scatter between neighbours of a pattern [n], as a standard deviation."""
    # Second differences of white noise have a deviation of √6; 1.4826 turns a median into one.
    return float(1.4826 * np.median(np.abs(np.diff(net_intensity, 2))) / np.sqrt(6.0))


def height_over_noise(net_intensity: np.ndarray) -> float:
    """Return the height of the highest peak of a pattern [n] without background."""
    return float(np.max(net_intensity)) / _some_noise(net_intensity)


def count_peaks(intensity: np.ndarray, net_intensity: np.ndarray) -> int:
    """Return how many peaks of a pattern stand out.

    Args:
        intensity: [n], as counted.
        net_intensity: [n], without background.
    """
    # The noise of counts grows with the square root of what is counted.
    level = max(float(np.median(intensity)), 1e-9 * float(np.max(intensity)))
    there = _some_noise(net_intensity) * np.sqrt(np.maximum(intensity / level, 1.0))
    prominence = np.maximum(PEAK_HEIGHT * there, PEAK_SHARE * np.max(net_intensity))
    peaks, _ = signal.find_peaks(net_intensity, prominence=prominence)
    return len(peaks)


def _some_noise(net_intensity: np.ndarray) -> float:
    """Return the noise, or where there is none so little that nothing is divided by 0."""
    return max(noise_level(net_intensity), 1e-9 * float(np.max(np.abs(net_intensity))))
