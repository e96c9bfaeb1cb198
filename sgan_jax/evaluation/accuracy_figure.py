"""Accuracy against the labelled percentage, as in the paper's Fig. 9."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator

from sgan_jax.evaluation import figure_style

MARKERS = "osD^vP<"  # 7, as 4 colours and 7 markers make 28 different pairs
APART = 1.015  # factor in x between neighbouring lines, so that error bars do not overlap


class Series(NamedTuple):
    """One line: (labelled %, mean accuracy, its standard deviation or None); accuracies in 0..1."""

    label: str
    points: Sequence[tuple[float, float, float | None]]


class Panel(NamedTuple):
    """One task."""

    title: str
    series: Sequence[Series]


def accuracy_over_labelled(panels: Sequence[Panel]) -> Figure:
    """Draw a panel per task and a line per method; the mean of a single run has no error bar."""
    percents = sorted({x for panel in panels for each in panel.series for x, _, _ in each.points})
    figure, axes = figure_style.panels(4.4 * len(panels), 3.6, len(panels))
    labels = list(dict.fromkeys(each.label for panel in panels for each in panel.series))
    for ax, panel in zip(axes, panels, strict=True):
        ax.set_title(panel.title, color=figure_style.INK, fontsize=10, loc="left")
        ax.set_xlabel("labelled patterns (%)")
        ax.set_ylabel("test accuracy (%)")
        ax.grid(axis="y", color=figure_style.LINE, lw=0.6)
        ax.set_axisbelow(True)
        for series in panel.series:
            _draw_line(ax, series, labels.index(series.label), len(labels))
        ax.set_xscale("log")
        ax.xaxis.set_major_locator(FixedLocator(percents))
        ax.xaxis.set_minor_locator(NullLocator())
        ax.set_xticks(percents, [f"{percent:g}" for percent in percents])
        if percents:
            ax.set_xlim(percents[0] / 1.25, percents[-1] * 1.25)
        if not any(series.points for series in panel.series):
            ax.text(0.5, 0.5, "no finished run", transform=ax.transAxes, ha="center")
    _name_lines(figure, axes)
    return figure


def _name_lines(figure: Figure, every: Sequence[Axes]) -> None:
    """Put one legend for all panels below them, where it hides no point."""
    found = {
        label: handle
        for axes in every
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    if found:
        columns = 2 if len(every) > 1 else 1
        figure.set_figheight(figure.get_figheight() + 0.2 * math.ceil(len(found) / columns))
        figure.legend(
            list(found.values()),
            list(found),
            loc="outside lower center",
            ncols=columns,
            frameon=False,
            fontsize=8.5,
            labelcolor=figure_style.INK,
        )


def _draw_line(axes: Axes, series: Series, place: int, places: int) -> None:
    if not series.points:
        return
    color = figure_style.SERIES[place % len(figure_style.SERIES)]
    shift = APART ** (place - (places - 1) / 2)
    x = [percent * shift for percent, _, _ in series.points]
    axes.errorbar(
        x,
        [100 * mean for _, mean, _ in series.points],
        yerr=[100 * (math.nan if d is None else d) for _, _, d in series.points],
        color=color,
        lw=1.4,
        ls=("-", "--", ":")[place // len(figure_style.SERIES) % 3],
        marker=MARKERS[place % len(MARKERS)],
        ms=4.5,
        capsize=3,
        label=series.label,
    )
