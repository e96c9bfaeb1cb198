"""Figures of curves: training, patterns, and a histogram."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator

from sgan_jax.evaluation.figure_style import BLUE, INK, LINE, MUTED, ROSE, SERIES, panel, panels


def learning_curves(
    series: Sequence[tuple[str, np.ndarray, np.ndarray]],
    *,
    percent: bool = False,
    best_step: int | None = None,
) -> Figure:
    """Draw (label, steps [n], values [n]); series of over 60 values with their running mean."""
    figure, axes = panel(4.6, 2.7)
    for color, (label, steps, values) in zip(SERIES, series, strict=False):
        values = np.asarray(values, float) * (100 if percent else 1)
        if len(values) > 60:
            axes.plot(steps, values, color=color, lw=0.6, alpha=0.25)
            steps, values = _running_mean(steps, values, len(values) // 30)
        marker = "o" if len(values) < 40 else None
        axes.plot(steps, values, color=color, lw=1.6, marker=marker, ms=2.8, label=label)
    if best_step is not None:
        axes.axvline(best_step, color=MUTED, lw=0.9, ls=(0, (2, 2)), label="best step, evaluated")
    axes.set_xlabel("training step")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=7))
    if percent:
        axes.set_ylabel("%")
        axes.set_ylim(bottom=0)
    axes.grid(axis="y", color=LINE, lw=0.6)
    axes.margins(x=0.02)
    axes.legend(frameon=False, fontsize=8.5, labelcolor=INK)
    return figure


def pattern(two_theta_deg: np.ndarray, intensity: np.ndarray, color: str = INK) -> Figure:
    """Draw one pattern [P], as in the paper's Fig. 2."""
    figure, axes = panel(4.6, 1.7)
    _draw_pattern(axes, two_theta_deg, intensity, color)
    axes.set_ylim(-0.03, 1.05)
    return figure


def generated_beside_real(
    two_theta_deg: np.ndarray, generated: Sequence[np.ndarray], real: Sequence[np.ndarray]
) -> Figure:
    """Draw generated patterns [G, P] side by side, each above a real one [G, P]."""
    figure, every = panels(4.6 * len(generated), 2.4, len(generated))
    for axes, above, below in zip(every, generated, real, strict=True):
        _draw_pattern(axes, two_theta_deg, above + 1.15, ROSE)
        _draw_pattern(axes, two_theta_deg, below, INK)
        for height, label, color in ((2.15, "generated", ROSE), (1.0, "real", INK)):
            # On the left, where few crystals have reflections.
            axes.text(two_theta_deg[0], height, label, va="top", color=color, fontsize=9)
        axes.set_ylim(-0.05, 2.25)
    return figure


def histogram(values: np.ndarray, what: str) -> Figure:
    """Draw a histogram of values [N] > 0 with logarithmic bins."""
    figure, axes = panel(4.6, 2.3)
    if len(values):
        edges = np.geomspace(values.min() * 0.99, values.max() * 1.01, 31)
        axes.hist(values, edges.tolist(), color=BLUE, rwidth=0.92)
    axes.set_xscale("log")
    axes.set_xlabel(what)
    axes.set_ylabel("crystals")
    axes.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=5))
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_formatter("")
    axes.grid(axis="y", color=LINE, lw=0.6)
    axes.set_axisbelow(True)
    return figure


def _draw_pattern(axes: Axes, two_theta_deg: np.ndarray, intensity: np.ndarray, color: str) -> None:
    axes.plot(two_theta_deg, intensity, color=color, lw=0.8)
    axes.set_xlim(two_theta_deg[0], two_theta_deg[-1])
    axes.set_xlabel("2θ (degrees)")
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)


def _running_mean(
    steps: np.ndarray, values: np.ndarray, width: int
) -> tuple[np.ndarray, np.ndarray]:
    kernel = np.ones(width) / width
    return np.convolve(steps, kernel, "valid"), np.convolve(values, kernel, "valid")
