"""The figure of a measured pattern: as measured, its background, and what the model sees of it."""

import pathlib

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from sgan_jax.evaluation.figure_style import AMBER, BLUE, INK, LINE, MUTED
from sgan_jax.measured.model_pattern import ModelPattern


def draw(pattern: ModelPattern) -> Figure:
    """Draw the measured intensities with their background and, below, what the model sees.

    Each against its own 2θ; ranges that were not measured are shaded.
    """
    figure = Figure(figsize=(8.0, 5.2), layout="constrained")
    FigureCanvasAgg(figure)
    upper, lower = figure.subplots(2, 1)
    measured, instrument = pattern.measured, pattern.instrument
    upper.plot(measured.two_theta_deg, measured.intensity, color=BLUE, lw=0.7, label="measured")
    upper.plot(measured.two_theta_deg, pattern.background, color=AMBER, lw=1.2, label="background")
    upper.set_title(
        measured.title or pathlib.Path(measured.file).name, fontsize=9, color=INK, loc="left"
    )
    upper.set_xlabel(f"2θ (°), λ = {measured.known_wavelength():g} Å", fontsize=9, color=INK)
    # The direct beam, if it is in the file, must not dwarf the peaks.
    above = np.isfinite(pattern.background)
    top = float(np.max(measured.intensity[above], initial=0.0))
    upper.set_ylim(min(0.0, float(np.min(measured.intensity))), 1.08 * top if top > 0.0 else None)

    grid = instrument.two_theta_deg
    shown = np.where(pattern.inside, pattern.intensity, np.nan)
    lower.plot(grid, shown, color=BLUE, lw=0.7, label="as seen by the model")
    for begin, end in pattern.missing_ranges_deg():
        lower.axvspan(begin, end, color=LINE, lw=0, label="not measured")
    lower.set_xlim(grid[0], grid[-1])
    lower.set_ylim(0.0, 1.05)
    lower.set_xlabel(f"2θ (°), λ = {instrument.wavelength_angstrom:g} Å", fontsize=9, color=INK)
    for axes in (upper, lower):
        axes.tick_params(labelsize=8, colors=MUTED)
        axes.spines[["top", "right"]].set_visible(False)
        handles, labels = axes.get_legend_handles_labels()
        unique = dict(zip(labels, handles, strict=True))
        axes.legend(unique.values(), unique.keys(), frameon=False, fontsize=8, labelcolor=INK)
    return figure
