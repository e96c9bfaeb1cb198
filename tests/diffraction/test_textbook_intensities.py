"""Integrated intensities of textbook structures against pymatgen's NDCalculator.

It is correct for what it is asked here: one B for each element, unscaled intensities, peaks told
apart by 2θ. Two things are allowed for: it has no default B, and its scattering lengths are from a
table of its own (another edition, up to 1 % off for some elements), so that it is given gemmi's.
"""

import numpy as np
import pytest
import textbook
from pymatgen.analysis.diffraction import neutron
from pymatgen.core import Lattice, Structure

from sgan_jax.crystals.scattering_lengths import scattering_length_fm
from sgan_jax.diffraction import profile
from sgan_jax.diffraction import reflections as bragg


@pytest.mark.parametrize("name", textbook.TEXTBOOK)
def test_integrated_intensities_are_pymatgens(name, monkeypatch):
    crystal = textbook.textbook(name)
    wavelength, two_theta_max = 1.5402, 150.0
    for element in crystal.elements:
        theirs = neutron.ATOMIC_SCATTERING_LEN[element]
        ours = scattering_length_fm(element)
        assert theirs == pytest.approx(ours, rel=0.01)
        monkeypatch.setitem(neutron.ATOMIC_SCATTERING_LEN, element, ours)
    calculator = neutron.NDCalculator(
        wavelength, debye_waller_factors=dict.fromkeys(crystal.elements, 0.5)
    )
    sites = crystal.unit_cell_sites()
    structure = Structure(Lattice.from_parameters(*crystal.cell), sites.elements, sites.fractional)
    theirs = calculator.get_pattern(structure, scaled=False, two_theta_range=(0, two_theta_max))

    found = bragg.reflections(crystal, wavelength, two_theta_max)
    two_theta_deg, intensity = profile.integrated_intensity(
        found.d_angstrom, found.multiplicity * found.f_squared, wavelength
    )
    # Reflections that coincide, such as 333 and 511, are one peak there.
    summed = [intensity[np.abs(two_theta_deg - x) < 1e-4].sum() for x in theirs.x]
    assert len(theirs.x) > 5
    np.testing.assert_allclose(summed, theirs.y, rtol=1e-6, atol=1e-6 * max(theirs.y))
    assert sum(summed) == pytest.approx(intensity.sum(), rel=1e-6)
