"""The picture of `measured.picture` for a page, as hand-written SVG.

Pages are made by the hundred; matplotlib takes seconds to start and a third of a second a picture.
"""

import html
from collections.abc import Sequence

import numpy as np

from sgan_jax.measured.model_pattern import ModelPattern

WIDTH, HEIGHT = 960, 250  # of a panel, in SVG user units
LEFT, RIGHT, TOP, BOTTOM = 64, 12, 30, 42  # margins around its axes
BLUE, AMBER, LINE = "#23609f", "#d08a16", "#d5dbe1"
_COLUMNS = 1200  # lines of over twice as many points are thinned to the extremes of each column


def svg(pattern: ModelPattern) -> str:
    """Return a picture of the measured intensities and background, above the model's pattern."""
    measured, grid = pattern.measured, pattern.instrument.two_theta_deg
    x, y = measured.two_theta_deg, measured.intensity
    # A direct beam in the file must not flatten the peaks.
    top = float(np.max(y[np.isfinite(pattern.background)], initial=0.0))
    low = min(0.0, float(np.min(y)))
    upper = _Panel((float(x[0]), float(x[-1])), (low, low + 1.06 * (top - low)), 0)
    lower = _Panel((float(grid[0]), float(grid[-1])), (0.0, 1.05), HEIGHT)
    seen = np.where(pattern.inside, pattern.intensity, np.nan)
    shaded = [lower.shade(*ends) for ends in pattern.missing_ranges_deg()]
    not_measured = [("not measured", LINE)] if shaded else []
    parts = [
        upper.line(x, y, BLUE, 1.0),
        upper.line(x, pattern.background, AMBER, 1.6),
        *upper.axes(f"2θ (°), as measured, λ = {measured.known_wavelength():g} Å"),
        upper.legend([("measured", BLUE), ("background", AMBER)]),
        *shaded,
        lower.line(grid, seen, BLUE, 1.0),
        *lower.axes(
            f"2θ (°), as seen by the model, λ = {pattern.instrument.wavelength_angstrom:g} Å"
        ),
        lower.legend([("model input", BLUE), *not_measured]),
    ]
    return (
        f'<svg viewBox="0 0 {WIDTH} {2 * HEIGHT}" role="img" xmlns="http://www.w3.org/2000/svg" '
        'font-family="inherit" font-size="13"><title>The pattern as measured and as seen by '
        f"the model</title>{''.join(parts)}</svg>"
    )


class _Panel:
    """A panel's axes, which map data to picture coordinates.

    Args:
        across: first and last x.
        up: lowest and highest y.
        offset: distance of the panel from the top of the picture.
    """

    def __init__(self, across: tuple[float, float], up: tuple[float, float], offset: float) -> None:
        self.across, self.up = across, up
        self.top, self.base = offset + TOP, offset + HEIGHT - BOTTOM

    def x(self, values):
        low, high = self.across
        return LEFT + (values - low) / (high - low) * (WIDTH - LEFT - RIGHT)

    def y(self, values):
        low, high = self.up
        return self.base - (values - low) / ((high - low) or 1.0) * (self.base - self.top)

    def line(self, x: np.ndarray, y: np.ndarray, color: str, width: float) -> str:
        """Return the line of y over x, broken where y is NaN and clipped at the panel's top."""
        x, y = _thinned(x, y)
        across, up = self.x(x), np.maximum(self.y(y), self.top)
        drawn = np.concatenate(([False], np.isfinite(up), [False]))
        edges = np.flatnonzero(drawn[1:] != drawn[:-1])
        path = "".join(
            _path(across[begin:end], up[begin:end])
            for begin, end in zip(edges[::2], edges[1::2], strict=True)
        )
        return (
            f'<path d="{path}" fill="none" stroke="{color}" stroke-width="{width}" '
            'stroke-linejoin="round"/>'
        )

    def shade(self, first: float, last: float) -> str:
        left, right = self.x(first), self.x(last)
        return (
            f'<rect x="{left:.1f}" y="{self.top}" width="{max(right - left, 1.0):.1f}" '
            f'height="{self.base - self.top}" fill="{LINE}" opacity="0.7"/>'
        )

    def axes(self, title: str) -> list[str]:
        """Return the axes with their title and tick labels at round numbers."""
        parts = [
            f'<path d="M{LEFT} {self.top}V{self.base}H{WIDTH - RIGHT}" fill="none" '
            'stroke="currentColor" stroke-opacity="0.4"/>',
            f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{self.base + 36}" text-anchor="middle" '
            f'fill="currentColor">{html.escape(title)}</text>',
        ]
        for value in _round_numbers(*self.across, 9):
            at = self.x(value)
            parts.append(
                f'<path d="M{at:.1f} {self.base}v4" stroke="currentColor" stroke-opacity="0.4"/>'
                f'<text x="{at:.1f}" y="{self.base + 18}" text-anchor="middle" '
                f'fill="currentColor">{value:g}</text>'
            )
        for value in _round_numbers(*self.up, 4):
            at = self.y(value)
            parts.append(
                f'<path d="M{LEFT} {at:.1f}h-4" stroke="currentColor" stroke-opacity="0.4"/>'
                f'<text x="{LEFT - 8}" y="{at + 4.5:.1f}" text-anchor="end" fill="currentColor">'
                f"{value:g}</text>"
            )
        return parts

    def legend(self, entries: Sequence[tuple[str, str]]) -> str:
        words = "".join(
            f'<tspan fill="{color}">\N{BLACK SQUARE}</tspan> {name}{"&#160;" * 4}'
            for name, color in entries
        )
        return (
            f'<text x="{WIDTH - RIGHT}" y="{self.top - 12}" text-anchor="end" '
            f'fill="currentColor">{words}</text>'
        )


def _path(x: np.ndarray, y: np.ndarray) -> str:
    """Return the path of an unbroken line, 'M1.0 2.0L3.0 4.0'; a single format call is fast."""
    points = np.column_stack([x, y]).ravel().tolist()
    return ("M%.1f %.1f" + "L%.1f %.1f" * (len(x) - 1)) % tuple(points)


def _thinned(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the lowest and highest point of each of at most `_COLUMNS` ranges, in order of x."""
    if len(x) <= 2 * _COLUMNS:
        return x, y
    each = -(-len(x) // _COLUMNS)
    padded = np.pad(np.nan_to_num(y), (0, -len(x) % each), mode="edge").reshape(-1, each)
    first = each * np.arange(len(padded))
    ends = [first + padded.argmin(axis=1), first + padded.argmax(axis=1)]
    kept = np.unique(np.minimum(np.concatenate(ends), len(x) - 1))
    return x[kept], y[kept]


def _round_numbers(low: float, high: float, most: int) -> list[float]:
    """Return the multiples of a step of 1, 2 or 5 × 10^n in [low, high], about `most` of them."""
    power = 10.0 ** np.floor(np.log10((high - low) / most or 1.0))
    step = next(power * m for m in (1, 2, 5, 10) if (high - low) / (power * m) <= most)
    first = int(np.ceil(low / step - 1e-9))
    return [n * step for n in range(first, int(np.floor(high / step + 1e-9)) + 1)]
