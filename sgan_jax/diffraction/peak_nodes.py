"""Positions at which the renderer has peak shapes: evenly spaced in units of the peak width.

For an instrument with Gaussian FWHM² = w + u tan²θ, the number of widths in a small step of sinθ
is 2 d(sinθ) / √(w + (u - w) sin²θ), which integrates in closed form:

    position(sinθ) = scale · asinh(stretch · sinθ),   stretch = √((u - w) / w)

So a reflection's position costs one logarithm, and sinθ = λ / 2d needs no arc sine.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

COARSE = 8  # nodes per coarse node, enough for the tails of peaks
_NODES_PER_WIDTH = 5.5  # error of cubic splines between them: 2e-4 of a Gaussian's maximum
_FIRST_DEG, _LAST_DEG = 1.0, 179.0  # of 2θ, at the grid's wavelength


@dataclasses.dataclass(frozen=True)
class Nodes:
    """Nodes 0, 1, ... count - 1 along sinθ.

    Attributes:
        scale, stretch: of the map above.
        offset: the map's value at node 0.
        count: a multiple of `COARSE`.
    """

    scale: float
    stretch: float
    offset: float
    count: int

    def position(self, sine: np.ndarray) -> np.ndarray:
        """Return the position of sinθ, in units of nodes."""
        return self.scale * np.arcsinh(self.stretch * sine) - self.offset

    def sine(self, position: np.ndarray) -> np.ndarray:
        """Return sinθ of positions; it may exceed 1 at the last nodes."""
        return np.sinh((position + self.offset) / self.scale) / self.stretch


def make_nodes(two_theta_deg: np.ndarray, fwhm_deg: Sequence[np.ndarray]) -> Nodes:
    """Return nodes for instruments whose peaks have these widths [n] at `two_theta_deg` [n].

    The w + u tan²θ that sets the spacing is nowhere above any FWHM² and, of all such pairs (u, w)
    that are tried, gives the fewest nodes.

    Raises:
        ValueError: no pair has u above w: the widths grow too little with the angle.
    """
    narrowest = np.min(fwhm_deg, axis=0) ** 2
    tan_squared = np.tan(np.radians(two_theta_deg) / 2.0) ** 2
    begin, end = np.sin(np.radians([_FIRST_DEG, _LAST_DEG]) / 2.0)
    fewest = None
    for w in narrowest.min() * np.linspace(0.02, 0.98, 49):
        u = float(np.min((narrowest - w) / tan_squared))
        if u < 1.01 * w:
            continue
        stretch = float(np.sqrt((u - w) / w))
        scale = _NODES_PER_WIDTH * np.degrees(2.0) / np.sqrt(u - w)
        offset = float(scale * np.arcsinh(stretch * begin))
        count = int(np.ceil(scale * np.arcsinh(stretch * end) - offset)) + 4
        if fewest is None or count < fewest.count:
            fewest = Nodes(float(scale), stretch, offset, -(-count // COARSE) * COARSE)
    if fewest is None:
        raise ValueError(
            "the peak width grows too slowly with the angle to place nodes; increase u"
        )
    return fewest
