"""How noisy a pattern is.

A network whose every layer normalises (LayerNorm) answers for the noise between peaks as it does
for peaks. One that has learnt from patterns without noise had 73 % of them right, and 6 % with
noise of a thousandth of the maximum; and it was as sure of itself as before.
"""

import numpy as np

# Fourth differences, 1 -4 6 -4 1: nothing is left of what is smooth over five points, and of white
# noise its deviation times the root of 1 + 16 + 36 + 16 + 1.
_GAIN = np.sqrt(70.0)


def noise_levels(patterns: np.ndarray, inside: np.ndarray | None = None) -> np.ndarray:
    """Return the standard deviation [n] of the noise in patterns [n, P].

    From the median of absolute fourth differences, of which peaks are the smaller part. Noise that
    is smooth itself, as where narrow peaks were widened for the model, is seen in part only.

    Args:
      patterns: maximum 1.
      inside: bool [P], points that count; constant ranges never do.

    Returns 0 for a pattern without a point that counts.
    """
    difference = np.abs(np.diff(patterns.astype(np.float64), 4, axis=1))
    counts = difference > 0.0  # exactly: nothing measured, or cut off at 0
    if inside is not None:
        counts &= np.lib.stride_tricks.sliding_window_view(inside, 5).all(axis=1)
    return np.array(
        [
            1.4826 * np.median(row[there]) / _GAIN if there.any() else 0.0
            for row, there in zip(difference, counts, strict=True)
        ]
    )
