"""The example of a crystal in a data set, a pure function of the crystal and the instrument.

Imported by the worker processes of a build: nothing here may import TFDS or jax (seconds each).
"""

import numpy as np

from sgan_jax import symmetry
from sgan_jax.crystals import operations
from sgan_jax.crystals.crystal import Crystal
from sgan_jax.diffraction import profile
from sgan_jax.diffraction import reflections as bragg
from sgan_jax.diffraction.instrument import Instrument
from sgan_jax.diffraction.reciprocal_group import reciprocal_group

STRETCH = 1.05
"""Reflections are stored down to the d-spacing that a cell so much larger brings into a pattern."""


def example(crystal: Crystal, instrument: Instrument) -> dict[str, object]:
    """Return the example of a crystal: its pattern on the instrument, its reflections and labels.

    Raises:
      ValueError: the crystal has no reflections within the instrument's range, or an element has no
        known scattering length.
    """
    found = bragg.reflections(
        crystal,
        instrument.wavelength_angstrom / STRETCH,
        d_min_angstrom=instrument.d_min_angstrom / STRETCH,
    )
    strength = found.multiplicity * found.f_squared  # fm² per cell
    group = reciprocal_group(operations.operation_group(crystal.rotations, crystal.translations))
    intensity = profile.intensity_pattern(found.d_angstrom, strength, instrument)
    return {
        "id": crystal.id,
        "formula": crystal.formula,
        "pattern": intensity.astype(np.float32),
        "d_angstrom": np.asarray(found.d_angstrom, np.float64),
        "multiplicity_f_squared": np.asarray(strength, np.float64),
        "hkl": found.hkl.astype(np.int16),
        "cell": np.asarray(crystal.cell, np.float32),
        "proper_rotations": group.proper_rotations,
        "space_group": crystal.space_group_number,
        "bravais": symmetry.bravais_index(crystal.space_group_number),
        "structure_type": crystal.structure_type,
        "source": crystal.source,
    }
