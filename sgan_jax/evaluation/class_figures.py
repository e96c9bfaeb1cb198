"""Figures with an axis of classes: the confusion matrix, and how many patterns each class has."""

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, PowerNorm
from matplotlib.figure import Figure

from sgan_jax import symmetry
from sgan_jax.evaluation.figure_style import AMBER, BLUE, EMPTY, INK, LINE, MUTED, TEAL, panel

PART_COLORS = {"labelled": BLUE, "validation": TEAL, "unlabelled": "#c3cdd8", "test": AMBER}
FEW_CLASSES = 20  # up to this number each class is named
_PERCENT_COLORS = LinearSegmentedColormap.from_list(
    "percent", ["#ffffff", "#d3e3f1", "#8db8da", "#3f81ba", "#123f70"]
)


def confusion_matrix(confusion: np.ndarray, names: Sequence[str]) -> Figure:
    """Draw confusion [C, C] (rows true) in per cent of each row, as in the paper's Fig. 8.

    More than `FEW_CLASSES` classes are drawn without numbers, with lines between crystal systems.
    """
    confusion = np.asarray(confusion, float)
    totals = confusion.sum(axis=1, keepdims=True)
    percent = 100 * confusion / np.maximum(totals, 1)
    few = len(names) <= FEW_CLASSES
    figure, axes = panel(8.4, 7.4)
    shown = np.ma.masked_where(np.broadcast_to(totals == 0, percent.shape), percent)
    colors = _PERCENT_COLORS.with_extremes(bad=EMPTY)
    # The square-root scale makes rare confusions visible beside the diagonal.
    image = axes.imshow(shown, cmap=colors, norm=PowerNorm(0.5, 0, 100), interpolation="nearest")
    if few:
        _write_percentages(axes, percent, totals[:, 0])
        axes.set_xticks(range(len(names)), names, rotation=45, ha="left", rotation_mode="anchor")
        labels = [f"{name}  n = {int(n)}" for name, n in zip(names, totals[:, 0], strict=True)]
        axes.set_yticks(range(len(names)), labels)
        axes.xaxis.tick_top()
        axes.xaxis.set_label_position("top")
        for edge in range(1, len(names)):
            axes.axhline(edge - 0.5, color="white", lw=1)
            axes.axvline(edge - 0.5, color="white", lw=1)
    else:
        groups = runs([_crystal_system(name) for name in names])
        _mark_groups(axes, groups)
        _name_groups(axes, groups)
        axes.set_yticks([(a + b - 1) / 2 for _, a, b in groups], [g for g, _, _ in groups])
        bar = figure.colorbar(image, ax=axes, shrink=0.6, ticks=[0, 1, 5, 20, 50, 100], pad=0.02)
        bar.set_label("% of the true class", color=MUTED, fontsize=9)
        bar.outline.set_visible(False)
        bar.ax.tick_params(length=0, labelsize=8.5, labelcolor=INK)
    axes.set_ylabel("true")
    axes.set_xlabel("predicted")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    return figure


def class_distribution(counts: Mapping[str, np.ndarray], names: Sequence[str]) -> Figure:
    """Draw the number of patterns of each class [C] in each part, as in the paper's Fig. 1."""
    few = len(names) <= FEW_CLASSES
    figure, axes = panel(8.4, 0.8 + 0.27 * len(names) if few else 3.6)
    position, base = np.arange(len(names)), np.zeros(len(names))
    for part, values in counts.items():
        if not np.any(values):
            continue
        color = PART_COLORS.get(part, BLUE)
        if few:
            axes.barh(position, values, left=base, color=color, height=0.72, label=part)
        else:
            axes.bar(position, values, bottom=base, color=color, width=0.9, label=part)
        base = base + values
    if few:
        for y, total in enumerate(base):
            axes.text(total, y, f" {int(total):,}", va="center", color=MUTED, fontsize=8.5)
        axes.set_yticks(position, names)
        axes.invert_yaxis()
        axes.set_xlabel("patterns")
        axes.margins(x=0.1, y=0.01)
        axes.grid(axis="x", color=LINE, lw=0.6)
    else:
        groups = runs([_crystal_system(name) for name in names])
        _mark_groups(axes, groups, horizontal=False)
        _name_groups(axes, groups)
        axes.set_ylabel("patterns")
        axes.margins(x=0.01)
        axes.grid(axis="y", color=LINE, lw=0.6)
    axes.tick_params(length=0)
    axes.set_axisbelow(True)
    if len(counts) > 1 and base.any():
        axes.legend(frameon=False, fontsize=9, labelcolor=INK)
    return figure


def runs(values: Sequence[str]) -> list[tuple[str, int, int]]:
    """Return (value, start, stop) of each run of equal consecutive values."""
    starts = [i for i in range(len(values)) if i == 0 or values[i] != values[i - 1]]
    return [(values[a], a, b) for a, b in itertools.pairwise([*starts, len(values)])]


def _write_percentages(axes: Axes, percent: np.ndarray, totals: np.ndarray) -> None:
    for (row, column), value in np.ndenumerate(percent):
        if totals[row] == 0:
            text = "–" if row == column else ""
        else:
            text = f"{value:.0f}" if value >= 1 else "<1" if value > 0 else ""
        color = "white" if value > 30 else INK if value >= 1 else MUTED
        weight = "bold" if row == column else "normal"
        size = 6.5 if text == "<1" else 8.5
        axes.text(
            column, row, text, ha="center", va="center", color=color, fontsize=size, weight=weight
        )


def _mark_groups(axes: Axes, groups: list[tuple[str, int, int]], horizontal: bool = True) -> None:
    for _, start, _ in groups[1:]:
        axes.axvline(start - 0.5, color=LINE, lw=0.8)
        if horizontal:
            axes.axhline(start - 0.5, color=LINE, lw=0.8)


def _name_groups(axes: Axes, groups: list[tuple[str, int, int]]) -> None:
    centres = [(start + stop - 1) / 2 for _, start, stop in groups]
    names = [name for name, _, _ in groups]
    axes.set_xticks(centres, names, rotation=30, ha="right", rotation_mode="anchor")


def _crystal_system(name: str) -> str:
    """Return the crystal system of a class name, '225 Fm-3m' or 'cubic (F)'."""
    first = name.split()[0]
    return symmetry.crystal_system(int(first)) if first.isdigit() else first
