"""Reflections -> patterns on the device, in float32: many crystals, each on an instrument.

Effects that differ between crystals (strain, zero shift, displacement, preferred orientation) act
on their reflections, which are distributed over nodes; the instrument's are a product with
precomputed matrices (`instrument_bank`). Neighbours in the batch share an instrument, which makes
this a product of matrices. Agrees with `profile.simulate` to 1e-3 of the maximum.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from sgan_jax.diffraction.instrument_bank import Bank, Layout, lagrange
from sgan_jax.diffraction.peak_nodes import COARSE

Array = jax.Array


class Conditions(NamedTuple):
    """How each crystal of a batch is measured, float32 [B].

    Attributes:
        strain: ε; d becomes d (1 + ε).
        zero_shift_deg: δ; peaks move by δ.
        displacement_deg: η; peaks move by η cosθ.
    """

    strain: Array
    zero_shift_deg: Array
    displacement_deg: Array


Render = Callable[[Array, Array, Conditions, Bank, Array], tuple[Array, Array]]


def make_render(layout: Layout) -> Render:
    """Make render(d, strength, conditions, bank, which) -> patterns [B, P], inside [B, P].

    `d` [B, R] is in Å; `strength` [B, R] is multiplicity·|F|² on any scale, 0 for no reflection;
    `which`, int32 [groups], is the instrument of each group of B / groups neighbours. Patterns are
    0 where their instrument does not measure; their maximum is 1.
    """
    nodes = layout.nodes
    cells = nodes.count // COARSE
    to_coarse = lagrange(np.arange(COARSE) / COARSE).T.astype(np.float32)  # [8, 4]

    def render(d, strength, conditions, bank, which):
        size, groups = len(d), len(which)
        each = size // groups
        chosen = jax.tree.map(lambda array: array[which], bank)
        wavelength = jnp.repeat(chosen.wavelength_angstrom, each)[:, None]
        low, high = jnp.repeat(chosen.sine_limits, each, axis=0).T[:, :, None]
        sine, intensity = _bragg(d, strength, conditions, wavelength, (low, high))
        on_grid = nodes.stretch * sine * (layout.wavelength_angstrom / wavelength)
        # Without the barrier all of it is computed again for each of the four nodes.
        position, intensity = lax.optimization_barrier(
            (nodes.scale * _asinh(on_grid) - nodes.offset, intensity)
        )
        dealt = _deal(position, intensity, nodes.count).reshape(groups, each, nodes.count)
        quarters = dealt.reshape(groups, each, cells, COARSE) @ to_coarse
        coarse = sum(jnp.pad(quarters[..., k], ((0, 0), (0, 0), (k, 3 - k))) for k in range(4))
        far = coarse @ chosen.far
        parts = [
            jnp.concatenate([dealt[..., slice(*block.nodes)], far[..., slice(*block.coarse)]], -1)
            @ near
            for block, near in zip(layout.blocks, chosen.near, strict=True)
        ]
        patterns = jnp.concatenate(parts, axis=-1)
        patterns = jnp.where(chosen.inside[:, None, :], patterns, 0.0).reshape(size, -1)
        maximum = jnp.maximum(jnp.max(patterns, axis=1, keepdims=True), 1e-30)
        return patterns / maximum, jnp.repeat(chosen.inside, each, axis=0)

    return render


def _bragg(
    d: Array,
    strength: Array,
    conditions: Conditions,
    wavelength: Array,
    limits: tuple[Array, Array],
) -> tuple[Array, Array]:
    """Return sinθ at which each reflection appears, and its integrated intensity."""
    strain, zero, displacement = (x[:, None] for x in conditions)
    sine = wavelength / (2.0 * d * (1.0 + strain))
    within = (sine >= limits[0]) & (sine <= limits[1])
    sine = jnp.where(within, sine, 0.5)
    cosine_squared = 1.0 - sine * sine
    cosine = jnp.sqrt(cosine_squared)
    intensity = jnp.where(within, strength / (sine * sine * cosine), 0.0)
    half_shift = jnp.deg2rad(zero + displacement * cosine) / 2.0  # of θ; below 0.1
    squared = half_shift * half_shift
    moved = sine * (1 - squared / 2) + cosine * half_shift * (1 - squared / 6)
    return moved, intensity


def _asinh(x: Array) -> Array:
    """Return asinh of positive numbers; XLA's own also handles signs and small numbers."""
    return jnp.log(x + jnp.sqrt(x * x + 1.0))


def _deal(position: Array, intensity: Array, count: int) -> Array:
    """Distribute intensities [B, R] at positions [B, R] over nodes [B, count]: cubic B-splines."""
    cell = jnp.clip(jnp.floor(position), 1, count - 3)
    x = position - cell
    intensity = jnp.where((x >= 0.0) & (x <= 1.0), intensity, 0.0)
    y = 1.0 - x
    weights = (
        y * y * y / 6.0,
        2.0 / 3.0 - x * x * (1.0 - x / 2.0),
        2.0 / 3.0 - y * y * (1.0 - y / 2.0),
        x * x * x / 6.0,
    )
    row = count * jnp.arange(len(position), dtype=jnp.int32)[:, None]
    first = row + cell.astype(jnp.int32) - 1
    values = jnp.stack([intensity * weight for weight in weights], axis=-1)
    index = first[..., None] + jnp.arange(4, dtype=jnp.int32)[None, None, :]
    flat = jnp.zeros(position.shape[0] * count, position.dtype)
    flat = flat.at[index.ravel()].add(values.ravel(), mode="promise_in_bounds")
    return flat.reshape(-1, count)
