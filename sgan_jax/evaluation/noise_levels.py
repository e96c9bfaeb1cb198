"""The noise level of a pattern.

A network with LayerNorm in every layer responds to the noise between peaks as it does to peaks. One
that was trained on patterns without noise was correct for 73 % of such patterns, but for 6 % with
noise of a thousandth of the maximum, and was as confident as before.
"""

import numpy as np

# Fourth differences, 1 -4 6 -4 1, cancel what is smooth over five points and multiply the standard
# deviation of white noise by the root of 1 + 16 + 36 + 16 + 1.
_GAIN = np.sqrt(70.0)


def noise_levels(patterns: np.ndarray, inside: np.ndarray | None = None) -> np.ndarray:
    """Return the standard deviation [n] of the noise in patterns [n, P].

    From the median of the absolute fourth differences, most of which are not at peaks. Noise that
    is itself smooth, as where narrow peaks were widened for the model, is only partly detected.
    The level of a pattern without points that count is 0.

    Args:
      patterns: maximum 1.
      inside: bool [P], points that count; constant ranges never do.
    """
    difference = np.abs(np.diff(patterns.astype(np.float64), 4, axis=1))
    counts = difference > 0.0  # exactly 0 where nothing was measured or values were clipped
    if inside is not None:
        counts &= np.lib.stride_tricks.sliding_window_view(inside, 5).all(axis=1)
    return np.array(
        [
            1.4826 * np.median(row[there]) / _GAIN if there.any() else 0.0
            for row, there in zip(difference, counts, strict=True)
        ]
    )
