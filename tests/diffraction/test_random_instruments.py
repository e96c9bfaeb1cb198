"""How often each instrument is drawn, against the requested shares."""

import collections

import numpy as np
import pytest

from sgan_jax.diffraction import random_instruments
from sgan_jax.diffraction.instrument import PRESETS

LIKE_THE_GRID = {"nist2022", "bt1_ge311", "hb2a"}


@pytest.fixture(scope="module")
def drawn():
    return random_instruments.random_instruments(
        4000, 0, resolution=0.0, wavelength_range_angstrom=(1.2, 2.5), axial_divergence=0.05
    )


def test_other_peaks_are_drawn_twice_as_often_as_the_grids(drawn):
    whole = sum(0.5 if name in LIKE_THE_GRID else 1.0 for name in PRESETS)
    expected: dict[tuple, float] = collections.defaultdict(float)  # two presets have one shape
    for name, preset in PRESETS.items():
        expected[preset.u, preset.v, preset.w] += (0.5 if name in LIKE_THE_GRID else 1.0) / whole
    counts = collections.Counter((one.u, one.v, one.w) for one in drawn)
    assert counts.keys() == expected.keys()
    for shape, share in expected.items():
        error = np.sqrt(share * (1 - share) / len(drawn))
        assert abs(counts[shape] / len(drawn) - share) < 4 * error


def test_presets_like_the_grid_have_its_peaks():
    """Their widths agree within a fifth over the upper half of the angles; the others' do not."""
    tan = np.tan(np.radians(np.linspace(60, 140, 200) / 2))
    widths = {name: np.mean(np.sqrt(p.u * tan**2 + p.v * tan + p.w)) for name, p in PRESETS.items()}
    alike = {name for name, width in widths.items() if 0.8 < width / widths["nist2022"] < 1.2}
    assert alike == LIKE_THE_GRID


def test_wavelengths_are_spread_evenly(drawn):
    wavelengths = np.array([one.wavelength_angstrom for one in drawn])
    assert wavelengths.min() >= 1.2 and wavelengths.max() <= 2.5
    counts = np.histogram(wavelengths, bins=10, range=(1.2, 2.5))[0]
    assert (abs(counts - 400) < 4 * np.sqrt(400)).all()


def test_the_first_of_more_are_the_same(drawn):
    few = random_instruments.random_instruments(
        5, 0, resolution=0.0, wavelength_range_angstrom=(1.2, 2.5), axial_divergence=0.05
    )
    assert few == drawn[:5]
