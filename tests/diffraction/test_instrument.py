import dataclasses

import numpy as np
import pytest

from sgan_jax.diffraction import instrument as instruments
from sgan_jax.diffraction.instrument import PRESETS, Instrument

# GSAS: FWHM = 2.355 √(U tan²θ + V tanθ + W) / 100 degrees, at 2θ = 90° (tanθ = 1).
FWHM_AT_90_DEG = {
    "bt1_cu311": 2.355 * np.sqrt(239.7 - 298.2 + 180.8) / 100,
    "d1a": 2.355 * np.sqrt(257 - 641 + 569) / 100,
    "d1b": 2.355 * np.sqrt(76.7 - 161 + 139) / 100,
    "hb2a": 2.355 * np.sqrt(799 - 444 + 242) / 100,
    "3t2": 2.355 * np.sqrt(206 - 183 + 106) / 100,
}


@pytest.mark.parametrize("name", FWHM_AT_90_DEG)
def test_presets_are_converted_from_gsas_units(name):
    gaussian, _ = PRESETS[name].widths_deg(np.array([90.0]))
    assert gaussian[0] == pytest.approx(FWHM_AT_90_DEG[name], rel=1e-4)


def test_default_grid_is_the_papers():
    grid = PRESETS["nist2022"].two_theta_deg
    assert len(grid) == 3041
    assert grid[0] == 3.0
    assert grid[-1] == pytest.approx(155.0)
    assert PRESETS["nist2022"].wavelength_angstrom == 2.079


def test_reflections_of_a_pattern_reach_beyond_its_grid_but_not_to_180_degrees():
    for preset in PRESETS.values():
        first, last = preset.centre_range_deg
        assert 0 < first < 3.0 < 155.0 < last < 180.0
    full = Instrument("full", 2.0, two_theta_start_deg=0.5, two_theta_step_deg=0.5, points=359)
    assert full.centre_range_deg == (0.5, pytest.approx(179.5))


def test_an_instrument_is_its_own_preset_and_a_wrong_name_lists_the_right_ones():
    own = Instrument("mine", 1.8)
    assert instruments.instrument(own) is own
    assert instruments.instrument("d1a") is PRESETS["d1a"]
    with pytest.raises(
        ValueError, match="instrument 'd1c' is unknown; use one of nist2022, bt1_ge311"
    ):
        instruments.instrument("d1c")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"wavelength_angstrom": 0.0}, "wavelength_angstrom is 0.0"),
        ({"points": 4000}, "from 3.0° to 202.9"),
        ({"two_theta_step_deg": 0.0}, "a step above 0"),
        ({"u": 0.3, "v": -1.0, "w": 0.03}, r"no width at 2θ = \d"),
        ({"x": -0.1}, "no width"),
        ({"s_over_l": -0.1}, "ratios from 0"),
    ],
)
def test_impossible_instruments_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(PRESETS["nist2022"], **wrong)
