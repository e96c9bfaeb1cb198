import dataclasses

import numpy as np
import pytest
import textbook
from hypothesis import given, settings
from hypothesis import strategies as st

from sgan_jax.diffraction import peak_shape, profile
from sgan_jax.diffraction.instrument import PRESETS, Instrument

NIST2022 = PRESETS["nist2022"]


def d_of(two_theta_deg, instrument=NIST2022):
    sine = np.sin(np.radians(np.asarray(two_theta_deg)) / 2.0)
    return instrument.wavelength_angstrom / (2.0 * sine)


def direct_sum(d_angstrom, strength, instrument):
    """Return the pattern as a plain sum of exact peaks over the whole grid."""
    theta = np.arcsin(instrument.wavelength_angstrom / (2.0 * d_angstrom))
    area = strength / (np.sin(theta) ** 2 * np.cos(theta))
    pattern = np.zeros(instrument.points)
    for centre_deg, weight in zip(np.degrees(2.0 * theta), area, strict=True):
        pattern += (
            weight
            * peak_shape.peak_shapes(
                instrument.two_theta_deg[None], np.array([centre_deg]), instrument
            )[0]
        )
    return pattern / pattern.max()


@pytest.mark.parametrize("name", PRESETS)
def test_patterns_are_the_direct_sum_of_exact_peaks(name):
    instrument = PRESETS[name]
    rng = np.random.default_rng(0)
    first, last = instrument.centre_range_deg
    two_theta_deg = np.concatenate(
        (rng.uniform(max(first, 2.0), 12, 20), rng.uniform(12, last, 60))
    )
    d = d_of(two_theta_deg, instrument)
    # Areas of similar size over the whole range, so that errors show at any angle.
    theta = np.radians(two_theta_deg) / 2.0
    strength = rng.random(80) * np.sin(theta) ** 2 * np.cos(theta)
    exact = direct_sum(d, strength, instrument)
    fast = profile.intensity_pattern(d, strength, instrument)
    assert np.abs(fast - exact).max() < 1e-5


@settings(max_examples=12, deadline=None)
@given(
    w=st.floats(0.005, 0.5),
    u=st.floats(0.0, 0.5),
    x=st.floats(0.0, 0.3),
    axial=st.floats(0.0, 0.06),
    two_theta_deg=st.lists(st.floats(10.0, 155.0), min_size=1, max_size=6),
)
def test_any_instrument_sums_its_peaks_exactly(w, u, x, axial, two_theta_deg):
    grid = {"two_theta_step_deg": 0.2, "points": 761}
    instrument = Instrument("any", 2.0, **grid, u=u, w=w, x=x, s_over_l=axial, h_over_l=0.03)
    d = d_of(two_theta_deg, instrument)
    strength = np.ones(len(d))
    fast = profile.intensity_pattern(d, strength, instrument)
    np.testing.assert_allclose(fast, direct_sum(d, strength, instrument), atol=1e-5)
    assert fast.min() > -1e-9
    assert fast.max() == 1.0


def test_peaks_are_never_cut():
    pattern = profile.intensity_pattern(d_of([80.0]), np.ones(1), NIST2022)
    assert (pattern > 1e-7).all()  # the Lorentzian tail at 3° and 155°
    assert np.abs(np.diff(pattern[:1200])).max() < 1e-5  # without a step anywhere


def test_area_of_a_peak_is_multiplicity_f_squared_times_lorentz():
    d = d_of([40.0, 120.0])
    pattern = profile.intensity_pattern(d, np.array([3.0, 5.0]), NIST2022)
    areas = pattern[NIST2022.two_theta_deg < 75].sum(), pattern[NIST2022.two_theta_deg > 75].sum()
    theta = np.radians([20.0, 60.0])
    lorentz = 1.0 / (np.sin(theta) ** 2 * np.cos(theta))
    # A few thousandths of the Lorentzian tails cross the border.
    assert areas[1] / areas[0] == pytest.approx(5.0 * lorentz[1] / (3.0 * lorentz[0]), rel=0.02)


@settings(max_examples=30, deadline=None)
@given(
    two_theta_deg=st.lists(st.floats(3.0, 155.0), min_size=1, max_size=30),
    scale=st.floats(0.01, 100),
)
def test_patterns_are_independent_of_scale_and_order(two_theta_deg, scale):
    d = d_of(two_theta_deg)
    strength = np.linspace(1.0, 2.0, len(d))
    pattern = profile.intensity_pattern(d, strength, NIST2022)
    other = profile.intensity_pattern(d[::-1], scale * strength[::-1], NIST2022)
    np.testing.assert_allclose(pattern, other, atol=1e-10)


def test_reflections_beyond_the_grid_reach_into_it_and_far_ones_are_left_out():
    inside = d_of([80.0])
    alone = profile.intensity_pattern(inside, np.ones(1), NIST2022)
    beyond = np.append(inside, d_of(157.0))
    both = profile.intensity_pattern(beyond, np.ones(2), NIST2022)
    assert both[-1] > 0.05
    far = np.append(inside, d_of(NIST2022.centre_range_deg[1] + 1.0))
    np.testing.assert_array_equal(
        profile.intensity_pattern(far, np.array([1.0, 1e3]), NIST2022), alone
    )


def test_a_pattern_without_reflections_is_an_error():
    for d, strength in ((d_of([80.0]), np.zeros(1)), (np.empty(0), np.empty(0))):
        with pytest.raises(
            ValueError, match=r"no reflection from 3\.0° to 155\.00° 2θ at 2\.079 Å"
        ):
            profile.intensity_pattern(d, strength, NIST2022)


def test_simulate_takes_a_name_or_an_instrument():
    crystal = textbook.textbook("rock salt")
    default = profile.simulate(crystal)
    named = profile.simulate(crystal, "nist2022")
    given_ = profile.simulate(crystal, instrument=dataclasses.replace(NIST2022, name="mine"))
    assert default.two_theta_deg.shape == default.intensity.shape == (3041,)
    assert default.intensity.dtype == default.two_theta_deg.dtype == np.float64
    assert default.intensity.max() == 1.0
    np.testing.assert_array_equal(default.intensity, named.intensity)
    np.testing.assert_array_equal(default.intensity, given_.intensity)


def test_strongest_peak_of_rock_salt_is_220_at_its_bragg_angle():
    pattern = profile.simulate(textbook.textbook("rock salt"), "bt1_cu311")
    top = pattern.two_theta_deg[pattern.intensity.argmax()]
    bragg_angle_deg = 2 * np.degrees(np.arcsin(1.5402 * np.sqrt(8) / (2 * 5.6402)))
    assert top == pytest.approx(bragg_angle_deg, abs=0.05)
