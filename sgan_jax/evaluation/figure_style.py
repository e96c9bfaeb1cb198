"""The common style of all figures: colours, empty axes, and SVG for a page.

Figures are matplotlib's own objects, made without pyplot or global state.
"""

import base64
import io

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

INK, MUTED, LINE, EMPTY = "#1f2a37", "#66717f", "#d5dbe1", "#f1f3f5"
BLUE, TEAL, AMBER, ROSE = "#23609f", "#2a9187", "#d08a16", "#b5475d"
SERIES = (BLUE, AMBER, TEAL, ROSE)


def panel(width: float, height: float) -> tuple[Figure, Axes]:
    """Return an empty figure (size in inches) and its axes, in the common style."""
    figure, (axes,) = panels(width, height, 1)
    return figure, axes


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


def svg_data_uri(figure: Figure) -> str:
    """Return the figure as an SVG data URI; equal figures give equal bytes."""
    file = io.BytesIO()
    with matplotlib.rc_context({"svg.hashsalt": "sgan_jax"}):
        figure.savefig(file, format="svg", metadata={"Date": None})
    return "data:image/svg+xml;base64," + base64.b64encode(file.getvalue()).decode()
