"""How far a pattern scatters where it is quietest: the noise between its peaks.

A network whose every layer normalises (LayerNorm) answers for the noise between peaks as it does
for peaks. One that has learnt from patterns without noise has 73 % of them right, and 6 % with
noise of a thousandth of the maximum; and it is as sure of itself as before.
"""

import numpy as np

WINDOW = 20  # points, 1° of the paper's grid: shorter than a peak at high angles
QUIETEST = 0.1  # of the windows; in dense patterns most have peaks
_FLAT = 1e-9  # nothing measured, or cut off at 0


def quiet_levels(patterns: np.ndarray, inside: np.ndarray | None = None) -> np.ndarray:
    """Return the scatter [n] of patterns [n, P] in their quietest windows.

    In each window, the standard deviation from a straight line; of these the `QUIETEST` quantile.
    Windows without any scatter do not count, nor those where `inside` [P] is not all true.

    Returns 0 for a pattern of which no window counts.
    """
    windows = patterns.shape[1] // WINDOW
    cut = patterns[:, : windows * WINDOW].reshape(len(patterns), windows, WINDOW)
    cut = cut.astype(np.float64) - cut.mean(axis=2, keepdims=True)
    line = np.linspace(-1.0, 1.0, WINDOW)
    line /= np.linalg.norm(line)
    residual = cut - (cut @ line)[..., None] * line
    scatter = np.sqrt(np.mean(residual**2, axis=2))
    counts = scatter > _FLAT
    if inside is not None:
        counts &= inside[: windows * WINDOW].reshape(windows, WINDOW).all(axis=1)
    return np.array(
        [
            np.quantile(row[there], QUIETEST) if there.any() else 0.0
            for row, there in zip(scatter, counts, strict=True)
        ]
    )
