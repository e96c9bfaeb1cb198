"""The perturbations of the robustness test: the levels of each curve, and its limit."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from sgan_jax.diffraction.instrument import PRESETS, Instrument
from sgan_jax.evaluation import disturbances
from sgan_jax.evaluation.disturbances import CrystalReflections


class Sample(NamedTuple):
    """Test patterns to perturb.

    Attributes:
        patterns: float64 [N, P], maximum 1.
        labels: int [N], their classes.
        crystals: the N crystals of the patterns.
        instrument: of the patterns.
    """

    patterns: np.ndarray
    labels: np.ndarray
    crystals: Sequence[CrystalReflections]
    instrument: Instrument


class Curve(NamedTuple):
    """One perturbation, at several levels.

    Attributes:
        name: as in robustness.json.
        axis: what the levels are, with the unit.
        levels: numbers, or names if they have no order.
        judged: the levels to which the limit applies.
        limit_points: the limit: percentage points of accuracy that may be lost.
        disturb: (level, positions [n] in the sample) -> patterns [n, P].
    """

    name: str
    axis: str
    levels: Sequence[Any]
    judged: Sequence[Any]
    limit_points: float
    disturb: Callable[[Any, np.ndarray], np.ndarray]


MISSING_RANGES = {  # degrees of 2θ; the grid of the paper's patterns is 3 to 155
    "whole": [],
    "from 10°": [(0.0, 10.0)],
    "to 140°": [(140.0, 180.0)],
    "10 to 140°": [(0.0, 10.0), (140.0, 180.0)],
    "gap 60 to 65°": [(60.0, 65.0)],
    "to 120°": [(120.0, 180.0)],
    "to 90°": [(90.0, 180.0)],
}


def curves(sample: Sample, seed: int = 0) -> list[Curve]:
    """Return the curves of a sample, with random perturbations drawn from a seed."""
    patterns, instrument = sample.patterns, sample.instrument
    other = _partners(len(patterns), seed)
    per_degree = 1.0 / instrument.two_theta_step_deg
    return [
        Curve(
            "impurity",
            "fraction of the intensity from the impurity phase",
            (0.0, 0.05, 0.1, 0.2, 0.3),
            (0.2,),
            8.0,
            lambda f, rows: disturbances.mixed(patterns[rows], patterns[other[rows]], f),
        ),
        Curve(
            "zero_shift",
            "zero shift (degrees of 2θ)",
            (-0.3, -0.2, -0.1, 0.0, 0.1, 0.2, 0.3),
            (-0.3, -0.2, -0.1, 0.1, 0.2, 0.3),
            5.0,
            lambda shift, rows: disturbances.zero_shifted(
                patterns[rows], round(shift * per_degree)
            ),
        ),
        Curve(
            "noise",
            "counts at the maximum, above a background of 10 % of it",
            (100, 300, 1000, 3000, 10_000, 100_000),
            (1000, 3000, 10_000, 100_000),
            5.0,
            # Each pattern has its own noise, which does not depend on the batch it is in.
            lambda counts, rows: np.concatenate(
                [disturbances.counted(patterns[[i]], counts, seed + int(i)) for i in rows]
            ),
        ),
        Curve(
            "resolution",
            "instrument whose peak shapes are used",
            tuple(PRESETS),
            tuple(PRESETS),
            5.0,
            lambda name, rows: disturbances.of_resolution(
                [sample.crystals[i] for i in rows], instrument, PRESETS[name]
            ),
        ),
        Curve(
            "preferred_orientation",
            "March-Dollase r, orientation along c*",
            (0.7, 0.85, 1.0, 1.15, 1.3),
            (0.7, 0.85, 1.15, 1.3),
            5.0,
            lambda r, rows: disturbances.oriented(
                [sample.crystals[i] for i in rows], instrument, r
            ),
        ),
        Curve(
            "missing_range",
            "measured range of 2θ",
            tuple(MISSING_RANGES),
            ("from 10°", "to 140°", "10 to 140°", "gap 60 to 65°"),
            5.0,
            lambda name, rows: disturbances.not_measured(
                patterns[rows], instrument.two_theta_deg, MISSING_RANGES[name]
            ),
        ),
    ]


def _partners(count: int, seed: int) -> np.ndarray:
    """Return another crystal for each of n, as its impurity; each is used once."""
    order = np.random.default_rng(seed).permutation(count)
    partner = np.empty(count, int)
    partner[order] = np.roll(order, 1)
    return partner
