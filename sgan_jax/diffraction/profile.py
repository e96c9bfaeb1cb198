"""Reflections and an instrument -> the pattern: Lorentz factor, peaks, sum, normalisation.

A peak's shape depends on its position alone, so each instrument gets, once per process, a table of
exact shapes at a few thousand positions, about ten per peak width. A reflection is distributed over
the eight positions around it (Lagrange interpolation of the shape in the position), and the pattern
is one product of the distributed intensities with the table. No peak is truncated: the table holds
the near part of a peak, which fades out smoothly from 3 to 10 widths; the rest, the Lorentzian
tails, is smooth and goes through a second, coarse table. Compared to the direct sum of
`peak_shape.peak_shapes` the error is below 1e-5 of the maximum.
"""

import dataclasses
import functools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from sgan_jax.crystals.crystal import Crystal
from sgan_jax.diffraction import instrument as instruments
from sgan_jax.diffraction import peak_shape
from sgan_jax.diffraction import reflections as bragg
from sgan_jax.diffraction.instrument import Instrument

SIMULATOR_VERSION = 1
"""Raised whenever the numbers of a pattern change; part of a data set's name."""

_STENCIL = 8  # positions over which a reflection is distributed
_NODES_PER_WIDTH = 10.0  # for a Gaussian
_NODES_PER_LORENTZIAN_WIDTH = 8.0  # times the Lorentzian fraction, in addition
_FAR_NODES_PER_WIDTH = 1.5
_FADE_WIDTHS = (3.0, 10.0)  # the near part fades out between these distances from its peak
_BLOCK = 64  # positions whose shapes share one window of the grid


class Pattern(NamedTuple):
    """A powder pattern: 2θ (degrees) and intensity (maximum 1), float64 [points]."""

    two_theta_deg: np.ndarray
    intensity: np.ndarray


def simulate(crystal: Crystal, instrument: str | Instrument = "nist2022") -> Pattern:
    """Return the powder pattern of a crystal on an instrument, given itself or by preset name.

    Raises:
        ValueError: the crystal has no reflection in the instrument's range, or the preset or a
            scattering length is unknown.
    """
    chosen = instruments.instrument(instrument)
    found = bragg.reflections(
        crystal, chosen.wavelength_angstrom, d_min_angstrom=chosen.d_min_angstrom
    )
    intensity = intensity_pattern(found.d_angstrom, found.multiplicity * found.f_squared, chosen)
    return Pattern(chosen.two_theta_deg, intensity)


def integrated_intensity(
    d_angstrom: np.ndarray, multiplied_f_squared: np.ndarray, wavelength_angstrom: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return 2θ (degrees) and multiplicity·|F|² / (sin²θ cosθ) of each reflection."""
    sine = wavelength_angstrom / (2.0 * d_angstrom)
    lorentz = 1.0 / (sine**2 * np.sqrt(1.0 - sine**2))
    return 2.0 * np.degrees(np.arcsin(sine)), multiplied_f_squared * lorentz


def intensity_pattern(
    d_angstrom: np.ndarray, multiplied_f_squared: np.ndarray, instrument: Instrument
) -> np.ndarray:
    """Return the pattern of reflections on the instrument's grid, float64 [points], maximum 1.

    Args:
        d_angstrom: d-spacings [n]; those outside `instrument.centre_range_deg` are left out.
        multiplied_f_squared: multiplicity·|F|² [n], on any scale.
        instrument: with the grid of the pattern.

    Raises:
        ValueError: no reflection on the grid has any intensity.
    """
    table = _shape_table(instrument)
    within = (d_angstrom >= table.d_min_angstrom) & (d_angstrom <= table.d_max_angstrom)
    two_theta_deg, intensity = integrated_intensity(
        d_angstrom[within], multiplied_f_squared[within], instrument.wavelength_angstrom
    )
    pattern = table.sum_of_peaks(two_theta_deg, intensity)
    maximum = pattern.max()
    if not maximum > 0.0:
        raise ValueError(
            f"no reflection from {instrument.two_theta_start_deg}° to "
            f"{instrument.two_theta_end_deg:.2f}° 2θ at {instrument.wavelength_angstrom} Å has any "
            "intensity; give a longer 2θ range or a shorter wavelength"
        )
    return pattern / maximum


@dataclasses.dataclass(frozen=True)
class _Nodes:
    """Positions on the 2θ axis, and Lagrange interpolation between them."""

    position: np.ndarray  # [n], ascending
    denominator: np.ndarray  # [n - 7, 8]: per stencil, Π over m ≠ j of (position j - position m)

    def weights(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the indices [k, 8] of the nodes around each x [k], and their Lagrange weights."""
        begin = np.searchsorted(self.position, x) - _STENCIL // 2
        begin = np.clip(begin, 0, len(self.position) - _STENCIL)
        index = begin[:, None] + np.arange(_STENCIL)
        offset = x[:, None] - self.position[index]
        # Products of all other offsets, from both sides: exact even if x is on a node.
        left, right = np.ones_like(offset), np.ones_like(offset)
        np.multiply.accumulate(offset[:, :-1], axis=1, out=left[:, 1:])
        right[:, :-1] = np.multiply.accumulate(offset[:, :0:-1], axis=1)[:, ::-1]
        return index, left * right / self.denominator[begin]


def _make_nodes(
    instrument: Instrument, density: Callable[[np.ndarray, Instrument], np.ndarray]
) -> _Nodes:
    """Place nodes over all positions that reflections may have, `density` per degree."""
    fine = np.linspace(*instrument.centre_range_deg, 20_001)
    per_degree = density(fine, instrument)
    count = np.concatenate(
        ([0.0], np.cumsum(0.5 * (per_degree[1:] + per_degree[:-1]) * np.diff(fine)))
    )
    total = max(int(np.ceil(count[-1])) + 1, 2 * _STENCIL)
    position = np.interp(np.linspace(0.0, count[-1], total), count, fine)
    stencils = np.lib.stride_tricks.sliding_window_view(position, _STENCIL)
    difference = stencils[:, :, None] - stencils[:, None, :] + np.eye(_STENCIL)
    return _Nodes(position, difference.prod(axis=2))


def _near_density(two_theta_deg: np.ndarray, instrument: Instrument) -> np.ndarray:
    fwhm, eta = peak_shape.pseudo_voigt_parameters(*instrument.widths_deg(two_theta_deg))
    # Where cones close before they reach the end of the detector, shapes change faster.
    closing = np.degrees(np.arctan(instrument.s_over_l + instrument.h_over_l))
    to_the_beam = np.minimum(two_theta_deg, 180.0 - two_theta_deg)
    faster = 1.0 + 1.5 / (1.0 + (to_the_beam / (1.2 * closing + 1e-9)) ** 16)
    # A Lorentzian has a sharper top than a Gaussian of the same width.
    return faster * (_NODES_PER_WIDTH + _NODES_PER_LORENTZIAN_WIDTH * eta) / fwhm


def _far_density(two_theta_deg: np.ndarray, instrument: Instrument) -> np.ndarray:
    fwhm, _ = peak_shape.pseudo_voigt_parameters(*instrument.widths_deg(two_theta_deg))
    return _FAR_NODES_PER_WIDTH / fwhm


@dataclasses.dataclass(frozen=True)
class _ShapeTable:
    """The exact shapes of one instrument's peaks; see the module's docstring."""

    points: int
    d_min_angstrom: float
    d_max_angstrom: float
    near: _Nodes
    blocks: list[tuple[slice, np.ndarray]]  # grid points, shapes [64 near nodes, points]
    far: _Nodes
    far_shapes: np.ndarray  # [far nodes as centres, far nodes as 2θ]
    grid_index: np.ndarray  # [points, 8]: from the far nodes to the grid
    grid_weight: np.ndarray

    def sum_of_peaks(self, two_theta_deg: np.ndarray, intensity: np.ndarray) -> np.ndarray:
        """Return the sum [points] of peaks of area `intensity` [n] at `two_theta_deg` [n]."""
        pattern = np.zeros(self.points)
        dealt = np.zeros((len(self.blocks), _BLOCK))
        dealt.ravel()[: len(self.near.position)] = _deal(self.near, two_theta_deg, intensity)
        for block in np.flatnonzero(dealt.any(axis=1)):
            window, shapes = self.blocks[block]
            pattern[window] += dealt[block, : len(shapes)] @ shapes
        tails = _deal(self.far, two_theta_deg, intensity) @ self.far_shapes
        pattern += np.einsum("pj,pj->p", tails[self.grid_index], self.grid_weight)
        return pattern


def _deal(nodes: _Nodes, two_theta_deg: np.ndarray, intensity: np.ndarray) -> np.ndarray:
    index, weight = nodes.weights(two_theta_deg)
    return np.bincount(
        index.ravel(), (weight * intensity[:, None]).ravel(), minlength=len(nodes.position)
    )


@functools.lru_cache(maxsize=8)
def _shape_table(instrument: Instrument) -> _ShapeTable:
    grid = instrument.two_theta_deg
    near = _make_nodes(instrument, _near_density)
    blocks = []
    for begin in range(0, len(near.position), _BLOCK):
        centre = near.position[begin : begin + _BLOCK]
        left, right = _reach_deg(centre, instrument)
        window = slice(*np.searchsorted(grid, ((centre - left).min(), (centre + right).max())))
        two_theta_deg = grid[None, window]
        shapes = peak_shape.peak_shapes(two_theta_deg, centre, instrument)
        shapes *= _near_fraction(two_theta_deg, centre, instrument)
        blocks.append((window, shapes))
    far = _make_nodes(instrument, _far_density)
    at = far.position[None, :]
    far_shapes = np.concatenate(
        [
            peak_shape.peak_shapes(at, centre, instrument, points_per_width=1.0)
            * (1.0 - _near_fraction(at, centre, instrument))
            for centre in np.array_split(far.position, max(len(far.position) // 16, 1))
        ]
    )
    d_max, d_min = instrument.wavelength_angstrom / (
        2.0 * np.sin(np.radians(instrument.centre_range_deg) / 2.0)
    )
    return _ShapeTable(len(grid), d_min, d_max, near, blocks, far, far_shapes, *far.weights(grid))


def _reach_deg(centre_deg: np.ndarray, instrument: Instrument) -> tuple[np.ndarray, np.ndarray]:
    """Return how far the near part of a peak reaches to its left and right, tail included."""
    fwhm, _ = peak_shape.pseudo_voigt_parameters(*instrument.widths_deg(centre_deg))
    axial = (instrument.s_over_l, instrument.h_over_l)
    return peak_shape.reach_deg(centre_deg, _FADE_WIDTHS[1] * fwhm, axial)


def _near_fraction(
    two_theta_deg: np.ndarray, centre_deg: np.ndarray, instrument: Instrument
) -> np.ndarray:
    """Return 1 near a peak and its axial tail, 0 far away, with a smooth step between, [n, m]."""
    fwhm, _ = peak_shape.pseudo_voigt_parameters(*instrument.widths_deg(centre_deg))
    axial = (instrument.s_over_l, instrument.h_over_l)
    begin, end = _FADE_WIDTHS
    return peak_shape.near_fraction(two_theta_deg, centre_deg, axial, begin * fwhm, end * fwhm)
