"""Crystals for the tests of the renderer, and what it makes of them."""

import jax
import jax.numpy as jnp
import numpy as np

from sgan_jax.crystals import prototypes, synthetic
from sgan_jax.datasets import examples, stored_crystals
from sgan_jax.diffraction import instrument_bank, render
from sgan_jax.diffraction.instrument import Instrument

REFLECTIONS = 4096  # presets of short wavelengths reach thousands


def crystals():
    """Return crystals with few and with many reflections, from cubic to triclinic."""
    known = [prototypes.prototype_crystal(i, 3, "uniform", prototypes.PROTOTYPES) for i in range(5)]
    return known + [synthetic.random_crystal(group, 1) for group in (2, 14, 62, 148, 221)]


def stored(some, instrument: Instrument, reflections: int = REFLECTIONS):
    """Return crystals as training gets them, from a data set for an instrument."""
    arrays = stored_crystals.empty(len(some), reflections)
    for i, crystal in enumerate(some):
        example = examples.example(crystal, instrument)
        stored_crystals.fill(
            arrays,
            i,
            d_angstrom=example["d_angstrom"],
            strength=example["multiplicity_f_squared"],
            hkl=example["hkl"],
            cell=example["cell"],
            proper_rotations=example["proper_rotations"],
        )
    return arrays


def conditions(size: int, strain=0.0, zero_shift_deg=0.0, displacement_deg=0.0):
    """Return the same conditions for all crystals."""
    values = (strain, zero_shift_deg, displacement_deg)
    return render.Conditions(*(jnp.full(size, value, jnp.float32) for value in values))


def rendered(arrays, instruments, grid: Instrument, which, **changes) -> tuple:
    """Return patterns and the mask of measured points, numpy arrays on an instrument's grid."""
    layout, bank = instrument_bank.make_bank(instruments, grid)
    function = jax.jit(render.make_render(layout))
    answer = function(
        arrays.d_angstrom,
        arrays.strength,
        conditions(len(arrays.strength), **changes),
        jax.device_put(bank),
        np.asarray(which, np.int32),
    )
    return tuple(np.asarray(x) for x in answer)
