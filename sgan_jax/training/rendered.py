"""Views of a crystal: patterns rendered from its reflections, as some instrument may measure it.

Where `augment` distorts the pattern of one instrument, here another instrument measures another
sample of the same crystal, and the result is on the model's grid as if by `measured.regrid`.
"""

import dataclasses
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from sgan_jax.diffraction import magnetic_order, march_dollase, render
from sgan_jax.diffraction.instrument import LEAST, MISSING
from sgan_jax.diffraction.instrument_bank import Bank, Layout
from sgan_jax.training.distortions import counting, intensity

Array = jax.Array
OWN_SHARE = 0.1  # of the groups use the data set's own instrument, the first of the bank


class Seen(NamedTuple):
    """What views are rendered from.

    Attributes:
      crystals: B of them, `datasets.stored_crystals.Crystals`.
      bank: all instruments.
    """

    crystals: Any
    bank: Bank


@dataclasses.dataclass(frozen=True)
class Ranges:
    """The ranges that sample and mounting are drawn from, for each crystal anew; 0 is off.

    Attributes:
      share: about how many neighbouring crystals of the batch share an instrument (`group_count`).
      strain: ±, isotropic strain of the cell.
      zero_shift_deg: ±, of the instrument's 2θ.
      displacement_deg: ±, of the sample, as the shift of peaks at low angles.
      orientation: ln of March-Dollase's r is uniform between the logarithms of 1 ± this; along c*
        for half of the crystals, along a random one of march_dollase.AXES (c* among them) for the
        others.
      magnetic: highest magnetic reflection relative to the highest nuclear one, up to this.
      magnetic_share: fraction of the crystals that are magnetic.
      impurity: fraction of the intensity that comes from two other crystals of the group.
      background: its highest point relative to the pattern's maximum, before it is subtracted.
      background_left: ±, the fraction of it that the subtraction leaves.
      noise: counting noise, its standard deviation at the maximum relative to the maximum.
      missing_deg: width of each of up to three ranges without data.
    """

    share: int = 16
    strain: float = 0.0
    zero_shift_deg: float = 0.0
    displacement_deg: float = 0.0
    orientation: float = 0.0
    magnetic: float = 0.0
    magnetic_share: float = 0.0
    impurity: float = 0.0
    background: float = 0.0
    background_left: float = 0.0
    noise: float = 0.0
    missing_deg: float = 0.0


def make_view(
    two_theta_deg: np.ndarray, layout: Layout, ranges: Ranges, *, offset: float = 0.0
) -> Callable[[Array, Seen], Array]:
    """Make view(key, seen) -> patterns [B, P], scaled to a maximum of 1 before `offset` is added.

    Points that were not measured are `MISSING`; measured ones are at least `LEAST`.
    """
    draw = render.make_render(layout)
    count = counting.make_counted(
        two_theta_deg,
        background=ranges.background,
        left=ranges.background_left,
        noise=ranges.noise,
    )
    mix = jax.vmap(intensity.make_impurity(impurity=ranges.impurity))
    measured = intensity.make_measured(two_theta_deg, missing_deg=ranges.missing_deg)

    def view(key: Array, seen: Seen) -> Array:
        crystals, bank = seen
        size = len(crystals.strength)
        groups = group_count(size, ranges.share)
        keys = jax.random.split(key, 7)
        d, strength = crystals.d_angstrom, crystals.strength
        if ranges.orientation:
            strength = strength * _orientation(keys[0], crystals, ranges.orientation)
        if ranges.magnetic and ranges.magnetic_share:
            of_moments = magnetic_order.magnetic_reflections(
                keys[6],
                d,
                strength,
                crystals.reciprocal_metric,
                share=ranges.magnetic_share,
                most=ranges.magnetic,
            )
            d, strength = (
                jnp.concatenate(pair, axis=1)
                for pair in zip((d, strength), of_moments, strict=True)
            )
        which = _instruments(keys[1], groups, len(bank.wavelength_angstrom))
        patterns, inside = draw(d, strength, _conditions(keys[2], size, ranges), bank, which)
        if ranges.impurity:
            grouped = patterns.reshape(groups, size // groups, -1)
            patterns = mix(jax.random.split(keys[3], groups), grouped).reshape(size, -1)
        patterns = count(keys[4], patterns)
        if ranges.missing_deg:
            inside = inside & measured(keys[5], size)
        patterns = jnp.where(inside, patterns, 0.0)
        maximum = jnp.maximum(jnp.max(patterns, axis=1, keepdims=True), 1e-6)
        return jnp.where(inside, jnp.maximum(patterns / maximum, LEAST), MISSING) + offset

    return view


def group_count(size: int, share: int) -> int:
    """Return the number of equal groups in a batch: its largest divisor <= ceil(size / share)."""
    wanted = -(-size // share)
    return next(groups for groups in range(wanted, 0, -1) if size % groups == 0)


def _conditions(key: Array, size: int, ranges: Ranges) -> render.Conditions:
    draws = jax.random.uniform(key, (3, size), minval=-1.0)
    return render.Conditions(
        ranges.strain * draws[0],
        ranges.zero_shift_deg * draws[1],
        ranges.displacement_deg * draws[2],
    )


def _orientation(key: Array, crystals: Any, most: float) -> Array:
    """Return the factors [B, R] of preferred orientation along a random axis of low indices.

    Half of the axes are c*, because layers are stacked, and platelets thin, along it in most
    settings. r is uniform in its logarithm because it is a ratio: 0.5 to 0.7 is as likely as 1 to
    1.4.
    """
    axis_key, r_key = jax.random.split(key)
    size = len(crystals.strength)
    axes = jnp.asarray(march_dollase.AXES)
    which = jax.random.randint(axis_key, (size,), 0, 2 * len(axes))
    axis = jnp.where((which < len(axes))[:, None], axes[which % len(axes)], march_dollase.C_STAR)
    lowest, highest = math.log(1.0 - most), math.log(1.0 + most)
    r = jnp.exp(jax.random.uniform(r_key, (size,), minval=lowest, maxval=highest))
    return march_dollase.weights(
        crystals.hkl,
        crystals.d_angstrom,
        crystals.reciprocal_metric,
        crystals.rotations,
        axis,
        r,
    )


def _instruments(key: Array, groups: int, count: int) -> Array:
    """Return int32 [groups], the index of each group's instrument in the bank."""
    own_key, which_key = jax.random.split(key)
    others = jax.random.randint(which_key, (groups,), min(1, count - 1), count)
    return jnp.where(jax.random.uniform(own_key, (groups,)) < OWN_SHARE, 0, others)
