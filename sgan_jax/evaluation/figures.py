"""The report's figures: matplotlib Figures made from arrays, without pyplot or global state."""

import base64
import io
import itertools
from collections.abc import Mapping, Sequence

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap, PowerNorm
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator

from sgan_jax import symmetry

INK, MUTED, LINE, EMPTY = "#1f2a37", "#66717f", "#d5dbe1", "#f1f3f5"
BLUE, TEAL, AMBER, ROSE = "#23609f", "#2a9187", "#d08a16", "#b5475d"
SERIES = (BLUE, AMBER, TEAL, ROSE)
PART_COLORS = {"labelled": BLUE, "validation": TEAL, "unlabelled": "#c3cdd8", "test": AMBER}
FEW_CLASSES = 20  # up to this number each class is named in the figures
_PERCENT_COLORS = LinearSegmentedColormap.from_list(
    "percent", ["#ffffff", "#d3e3f1", "#8db8da", "#3f81ba", "#123f70"]
)


def learning_curves(
    series: Sequence[tuple[str, np.ndarray, np.ndarray]],
    *,
    percent: bool = False,
    best_step: int | None = None,
) -> Figure:
    """Draw (label, steps [n], values [n]); series of over 60 values with their running mean."""
    figure, axes = _figure(4.6, 2.7)
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


def confusion_matrix(confusion: np.ndarray, names: Sequence[str]) -> Figure:
    """Draw confusion [C, C] (rows true) in per cent of each row, as in the paper's Fig. 8.

    More than `FEW_CLASSES` classes are drawn without numbers, with lines between crystal systems.
    """
    confusion = np.asarray(confusion, float)
    totals = confusion.sum(axis=1, keepdims=True)
    percent = 100 * confusion / np.maximum(totals, 1)
    few = len(names) <= FEW_CLASSES
    figure, axes = _figure(8.4, 7.4)
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


def pattern(two_theta_deg: np.ndarray, intensity: np.ndarray, color: str = INK) -> Figure:
    """Draw one pattern [P], as in the paper's Fig. 2."""
    figure, axes = _figure(4.6, 1.7)
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


def class_distribution(counts: Mapping[str, np.ndarray], names: Sequence[str]) -> Figure:
    """Draw the number of patterns of each class [C] in each part, as in the paper's Fig. 1."""
    few = len(names) <= FEW_CLASSES
    figure, axes = _figure(8.4, 0.8 + 0.27 * len(names) if few else 3.6)
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


def panels(width: float, height: float, count: int) -> tuple[Figure, list[Axes]]:
    """Return an empty figure (size in inches) with axes side by side, in the common style."""
    figure = Figure(figsize=(width, height), layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    every = list(figure.subplots(1, count, squeeze=False)[0])
    for axes in every:
        axes.spines[["top", "right"]].set_visible(False)
        axes.spines[["left", "bottom"]].set_color(LINE)
        axes.tick_params(color=LINE, labelcolor=INK, labelsize=8.5)
        axes.xaxis.label.set(color=MUTED, fontsize=9)
        axes.yaxis.label.set(color=MUTED, fontsize=9)
    return figure, every


def histogram(values: np.ndarray, what: str) -> Figure:
    """Draw a histogram of values [N] > 0 with logarithmic bins."""
    figure, axes = _figure(4.6, 2.3)
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


def svg_data_uri(figure: Figure) -> str:
    """Return the figure as an SVG data URI; equal figures give equal bytes."""
    file = io.BytesIO()
    with matplotlib.rc_context({"svg.hashsalt": "sgan_jax"}):
        figure.savefig(file, format="svg", metadata={"Date": None})
    return "data:image/svg+xml;base64," + base64.b64encode(file.getvalue()).decode()


def runs(values: Sequence[str]) -> list[tuple[str, int, int]]:
    """Return (value, start, stop) of each run of equal consecutive values."""
    starts = [i for i in range(len(values)) if i == 0 or values[i] != values[i - 1]]
    return [(values[a], a, b) for a, b in itertools.pairwise([*starts, len(values)])]


def _figure(width: float, height: float) -> tuple[Figure, Axes]:
    figure, (axes,) = panels(width, height, 1)
    return figure, axes


def _draw_pattern(axes: Axes, two_theta_deg: np.ndarray, intensity: np.ndarray, color: str) -> None:
    axes.plot(two_theta_deg, intensity, color=color, lw=0.8)
    axes.set_xlim(two_theta_deg[0], two_theta_deg[-1])
    axes.set_xlabel("2θ (degrees)")
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)


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


def _running_mean(
    steps: np.ndarray, values: np.ndarray, width: int
) -> tuple[np.ndarray, np.ndarray]:
    kernel = np.ones(width) / width
    return np.convolve(steps, kernel, "valid"), np.convolve(values, kernel, "valid")
