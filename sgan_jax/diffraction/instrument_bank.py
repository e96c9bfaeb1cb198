"""Peak shapes of many instruments as matrices, for `render`: made once, in float64.

A pattern is (intensities distributed over nodes) @ (shape of a peak at each node, on the grid).
Between nodes shapes are cubic splines of the position, so the matrix holds spline coefficients. It
is banded, stored as dense blocks of 64 grid points and the nodes that reach them; what it omits,
the Lorentzian tails far from the peaks, is smooth and goes through a second matrix on coarse nodes.

The grid is the model's. A pattern of another wavelength λm is mapped to it as in `measured.regrid`:
sinθ on the grid is sinθ λm / λ on the instrument, intensities at equal d stay in proportion, peaks
narrower than those of the grid's instrument are widened to these, and what the instrument does not
reach is not inside.
"""

import concurrent.futures
import dataclasses
import os
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import ndimage

from sgan_jax.diffraction import peak_nodes, peak_shape
from sgan_jax.diffraction.instrument import Instrument
from sgan_jax.diffraction.peak_nodes import COARSE, Nodes

_BLOCK = 64  # points of the grid
_NEAR_WIDTHS, _FADE_WIDTHS = 2.0, 5.0  # in widths of the peak; then of the grid's, to fade out
_POINTS_PER_WIDTH = 4.0  # of the axial-divergence integral: an error of 1e-5
_MARGIN = 4  # nodes beyond the reach of peaks, over which spline coefficients decay
_BEYOND_DEG = 0.5  # beyond the last reflection, from where on shapes stay the same


class Block(NamedTuple):
    """Ranges of grid points and of the nodes and coarse nodes that reach them, all half-open."""

    points: tuple[int, int]
    nodes: tuple[int, int]
    coarse: tuple[int, int]


@dataclasses.dataclass(frozen=True)
class Layout:
    """What all instruments of a bank share; the static part of a renderer.

    Attributes:
        wavelength_angstrom: of the grid.
        nodes: positions at which shapes are known.
        blocks: of the grid, in its order.
    """

    wavelength_angstrom: float
    nodes: Nodes
    blocks: tuple[Block, ...]


class Bank(NamedTuple):
    """The arrays of N instruments.

    Attributes:
        wavelength_angstrom: float32 [N].
        sine_limits: float32 [N, 2], of sinθ at the instrument's wavelength: first and last
            reflection of a pattern.
        inside: bool [N, points], True where the instrument measures.
        near: for each block, float32 [N, its nodes followed by its coarse nodes, its points].
        far: float32 [N, coarse, coarse], from peaks to their tails.
    """

    wavelength_angstrom: np.ndarray
    sine_limits: np.ndarray
    inside: np.ndarray
    near: tuple[np.ndarray, ...]
    far: np.ndarray


def make_bank(instruments: Sequence[Instrument], grid: Instrument) -> tuple[Layout, Bank]:
    """Return the peak shapes of the instruments on the grid of another, or of one of them."""
    angles = np.linspace(grid.two_theta_start_deg, grid.two_theta_end_deg, 500)
    mapped = [_Mapped(instrument, grid) for instrument in instruments]
    nodes = peak_nodes.make_nodes(angles, [one.fwhm_on_grid(angles) for one in mapped])
    blocks = _make_blocks(mapped, nodes, grid)
    interpolation = _from_coarse(nodes, blocks, grid)
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as threads:
        made = list(threads.map(lambda one: _matrices(one, nodes, blocks, interpolation), mapped))
    limits = [np.sin(np.radians(one.centre_range_deg) / 2.0) for one in instruments]
    return Layout(grid.wavelength_angstrom, nodes, blocks), Bank(
        np.array([one.wavelength_angstrom for one in instruments], np.float32),
        np.array(limits, np.float32),
        np.stack([one.inside for one in mapped]),
        tuple(np.stack(of_block) for of_block in zip(*(near for near, _ in made), strict=True)),
        np.stack([far for _, far in made]),
    )


class _Mapped:
    """An instrument mapped to the grid of another; angles are its own unless named `grid`."""

    def __init__(self, instrument: Instrument, grid: Instrument) -> None:
        self._instrument, self._grid = instrument, grid
        self.axial = (instrument.s_over_l, instrument.h_over_l)
        self._ratio = instrument.wavelength_angstrom / grid.wavelength_angstrom
        last_deg = instrument.centre_range_deg[1] + _BEYOND_DEG
        self._steepest = float(np.sin(np.radians(last_deg) / 2.0))
        self._grid_steepest = np.sin(np.radians(grid.centre_range_deg[1] + _BEYOND_DEG) / 2.0)
        sine = np.sin(np.radians(grid.two_theta_deg) / 2.0)
        self.points_deg = self.angle_deg(sine)
        first, last = instrument.two_theta_start_deg, instrument.two_theta_end_deg
        reached = sine * self._ratio < self._steepest
        tolerance = 1e-6
        self.inside = (
            reached & (self.points_deg >= first - tolerance) & (self.points_deg <= last + tolerance)
        )

    def angle_deg(self, grid_sine: np.ndarray) -> np.ndarray:
        """Return the instrument's 2θ for sinθ on the grid; its last 2θ beyond its reach."""
        return 2.0 * np.degrees(np.arcsin(np.minimum(grid_sine * self._ratio, self._steepest)))

    def shape_of(self, two_theta_deg: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return FWHM and Lorentzian fraction of peaks, widened to the grid's if narrower."""
        gaussian, lorentzian = self._instrument.widths_deg(two_theta_deg)
        fwhm, _ = peak_shape.pseudo_voigt_parameters(gaussian, lorentzian)
        missing = np.maximum(self._wanted(two_theta_deg) ** 2 - fwhm**2, 0.0)
        return peak_shape.pseudo_voigt_parameters(np.sqrt(gaussian**2 + missing), lorentzian)

    def fade_deg(self, two_theta_deg: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the distances from peaks at which their near parts begin and end to fade out."""
        begin = _NEAR_WIDTHS * self.shape_of(two_theta_deg)[0]
        return begin, begin + _FADE_WIDTHS * self._wanted(two_theta_deg)

    def fwhm_on_grid(self, grid_two_theta_deg: np.ndarray) -> np.ndarray:
        """Return the FWHM on the grid; beyond the instrument's reach, the grid's own."""
        sine = np.sin(np.radians(grid_two_theta_deg) / 2.0)
        fwhm, _ = self.shape_of(self.angle_deg(sine))
        own, _ = peak_shape.pseudo_voigt_parameters(*self._grid.widths_deg(grid_two_theta_deg))
        reached = sine * self._ratio < self._steepest
        stretch = np.sqrt(np.maximum(1.0 - (sine * self._ratio) ** 2, 0.0)) / np.sqrt(1.0 - sine**2)
        return np.where(reached, fwhm * stretch / self._ratio, own)

    def _wanted(self, two_theta_deg: np.ndarray) -> np.ndarray:
        """Return the FWHM of the grid's own instrument, mapped to the angles of this one."""
        sine = np.sin(np.radians(two_theta_deg) / 2.0)
        on_grid = np.minimum(sine / self._ratio, self._grid_steepest)
        own, _ = peak_shape.pseudo_voigt_parameters(
            *self._grid.widths_deg(2.0 * np.degrees(np.arcsin(on_grid)))
        )
        return own * self._ratio * np.sqrt(1.0 - on_grid**2) / np.sqrt(1.0 - sine**2)


def _make_blocks(mapped: list[_Mapped], nodes: Nodes, grid: Instrument) -> tuple[Block, ...]:
    """Cut the grid into blocks, each with the nodes that reach it on any instrument."""
    sine = np.minimum(nodes.sine(np.arange(nodes.count)), 1.0)
    reaches = []
    for one in mapped:
        centre = one.angle_deg(sine)
        left, right = peak_shape.reach_deg(centre, one.fade_deg(centre)[1], one.axial)
        # Beyond the last angle the centres stay the same; the margin covers the few that are used.
        beyond = np.diff(centre, prepend=0.0) <= 0.0
        reaches.append((centre - left, np.where(beyond, -np.inf, centre + right)))
    at = nodes.position(np.sin(np.radians(grid.two_theta_deg) / 2.0)) / COARSE
    blocks = []
    for begin in range(0, grid.points, _BLOCK):
        end = min(begin + _BLOCK, grid.points)
        first, last = nodes.count, 0
        for one, (low, high) in zip(mapped, reaches, strict=True):
            seen = (low < one.points_deg[end - 1]) & (high > one.points_deg[begin])
            where = np.flatnonzero(seen)
            if one.inside[begin:end].any() and len(where):
                first, last = min(first, where[0]), max(last, where[-1] + 1)
        window = (max(int(first) - _MARGIN, 0), min(int(last) + _MARGIN, nodes.count))
        coarse = (int(at[begin]), int(at[end - 1]) + 4)  # four around each point, from node -1
        blocks.append(Block((begin, end), window if last else (0, 0), coarse))
    return tuple(blocks)


def _from_coarse(
    nodes: Nodes, blocks: tuple[Block, ...], grid: Instrument
) -> tuple[np.ndarray, ...]:
    """Return the matrices [coarse, points] that interpolate from the coarse nodes to the grid."""
    at = nodes.position(np.sin(np.radians(grid.two_theta_deg) / 2.0)) / COARSE
    matrices = []
    for (begin, end), _, (first, last) in blocks:
        matrix = np.zeros((last - first, end - begin))
        cell = np.floor(at[begin:end]).astype(int)
        for k, weight in enumerate(lagrange(at[begin:end] - cell)):
            matrix[cell + k - first, np.arange(end - begin)] = weight
        matrices.append(matrix)
    return tuple(matrices)


def lagrange(x: np.ndarray) -> np.ndarray:
    """Return the weights [4, ...] of values at -1, 0, 1, 2 for cubic interpolation at x, 0 to 1."""
    return np.stack(
        [
            -x * (x - 1.0) * (x - 2.0) / 6.0,
            (x + 1.0) * (x - 1.0) * (x - 2.0) / 2.0,
            -(x + 1.0) * x * (x - 2.0) / 2.0,
            (x + 1.0) * x * (x - 1.0) / 6.0,
        ]
    )


def _matrices(
    one: _Mapped, nodes: Nodes, blocks: tuple[Block, ...], interpolation: tuple[np.ndarray, ...]
) -> tuple[list[np.ndarray], np.ndarray]:
    """Return the near matrices and the far matrix of an instrument (`Bank`)."""
    near = []
    for ((begin, end), (first, last), _), from_coarse in zip(blocks, interpolation, strict=True):
        splines = np.zeros((0, end - begin))
        if last > first:
            centre = one.angle_deg(nodes.sine(np.arange(first, last)))
            at = one.points_deg[None, begin:end]
            shapes = _shapes(one, at, centre, _POINTS_PER_WIDTH)
            shapes *= peak_shape.near_fraction(at, centre, one.axial, *one.fade_deg(centre))
            splines = ndimage.spline_filter1d(shapes, 3, axis=0)
        near.append(np.concatenate([splines, from_coarse]).astype(np.float32))
    position = COARSE * np.arange(-1, nodes.count // COARSE + 2)
    centre = one.angle_deg(np.maximum(nodes.sine(position), 1e-3))
    at = centre[None, :]
    far = _shapes(one, at, centre, 1.0)
    far *= 1.0 - peak_shape.near_fraction(at, centre, one.axial, *one.fade_deg(centre))
    return near, far.astype(np.float32)


def _shapes(
    one: _Mapped, at: np.ndarray, centre_deg: np.ndarray, points_per_width: float
) -> np.ndarray:
    """Return peaks of unit area, a few centres at a time, which share a number of points."""
    step = 32
    return np.concatenate(
        [
            peak_shape.shapes_of_widths(at, some, *one.shape_of(some), one.axial, points_per_width)
            for some in (centre_deg[i : i + step] for i in range(0, len(centre_deg), step))
        ]
    )
