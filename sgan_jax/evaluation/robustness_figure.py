"""The figure of a robustness curve: accuracy over the level of the perturbation."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from sgan_jax.evaluation.figure_style import AMBER, BLUE, INK, LINE, MUTED, panels


def accuracy_over_levels(curve: Mapping[str, Any]) -> Figure:
    """Draw a curve of `robustness.measure`: accuracy (%), and the limit at the judged levels."""
    figure, (axes,) = panels(4.6, 2.9, 1)
    levels, named = curve["levels"], isinstance(curve["levels"][0], str)
    spread = not named and min(levels) > 0 and max(levels) / min(levels) > 20
    x = np.arange(len(levels)) if named else np.asarray(levels, float)
    top1 = 100 * np.asarray(curve["top1"])
    bar = 100 * curve["plain_top1"] - curve["limit_points"]
    axes.axhline(100 * curve["plain_top1"], color=MUTED, lw=0.9, ls=(0, (2, 2)))
    axes.plot(x, top1, color=BLUE, lw=0 if named else 1.6, marker="o", ms=4)
    judged = np.isin(levels, curve["judged"])
    axes.hlines(
        np.full(judged.sum(), bar),
        *_width(x[judged], x, spread),
        color=AMBER,
        lw=1.6,
        label=f"limit: {curve['limit_points']:g} points lost",
    )
    if named:
        axes.set_xticks(x, levels, rotation=30, ha="right", rotation_mode="anchor")
    elif spread:
        axes.set_xscale("log")
    axes.set_xlabel(curve["axis"])
    axes.set_ylabel("accuracy (%)")
    axes.set_ylim(0, min(105.0, 1.25 * max(100 * curve["plain_top1"], top1.max(), 1.0)))
    axes.grid(axis="y", color=LINE, lw=0.6)
    axes.legend(frameon=False, fontsize=8.5, labelcolor=INK, loc="lower left")
    return figure


def _width(at: np.ndarray, x: np.ndarray, logarithmic: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return where the line of the limit begins and ends around each level."""
    if logarithmic:
        return at / 1.5, at * 1.5
    half = 0.35 * float(np.min(np.diff(np.sort(x))))
    return at - half, at + half
