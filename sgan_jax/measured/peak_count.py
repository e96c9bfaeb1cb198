"""How far the peaks of a measured pattern stand out from the noise, and how many do."""

import numpy as np
from scipy import signal

PEAK_HEIGHT = 5.0  # least prominence of a peak, in standard deviations of the noise around it
PEAK_SHARE = 0.02  # and as a fraction of the highest peak


def noise_level(net_intensity: np.ndarray) -> float:
    """Return the scatter between neighbours of a pattern [n], as a standard deviation."""
    # Second differences of white noise have √6 times its deviation; 1.4826 converts a median of
    # absolute values into a standard deviation.
    return float(1.4826 * np.median(np.abs(np.diff(net_intensity, 2))) / np.sqrt(6.0))


def height_over_noise(net_intensity: np.ndarray) -> float:
    """Return the height over the noise of the highest peak of a pattern [n] without background."""
    return float(np.max(net_intensity)) / _some_noise(net_intensity)


def count_peaks(intensity: np.ndarray, net_intensity: np.ndarray) -> int:
    """Return how many peaks of a pattern stand out.

    Args:
        intensity: [n], as counted.
        net_intensity: [n], without background.
    """
    # Counting noise grows with the square root of the counts.
    level = max(float(np.median(intensity)), 1e-9 * float(np.max(intensity)))
    there = _some_noise(net_intensity) * np.sqrt(np.maximum(intensity / level, 1.0))
    prominence = np.maximum(PEAK_HEIGHT * there, PEAK_SHARE * np.max(net_intensity))
    peaks, _ = signal.find_peaks(net_intensity, prominence=prominence)
    return len(peaks)


def _some_noise(net_intensity: np.ndarray) -> float:
    """Return the noise, at least 1e-9 of the maximum, to avoid a division by 0."""
    return max(noise_level(net_intensity), 1e-9 * float(np.max(np.abs(net_intensity))))
