import dataclasses
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, optimize, special

from sgan_jax.diffraction import peak_shape
from sgan_jax.diffraction.instrument import PRESETS, Instrument

# Full widths at half maximum and Lorentzian fractions, measured on the paper's example patterns.
MEASURED_FWHM_DEG = {
    24.7: 0.201,
    35.2: 0.233,
    50.6: 0.296,
    60.2: 0.350,
    74.4: 0.446,
    87.3: 0.554,
    98.2: 0.666,
    110.0: 0.819,
    115.4: 0.908,
    147.5: 1.955,
}
MEASURED_ETA = {
    35.2: 0.26,
    50.6: 0.18,
    60.2: 0.16,
    74.4: 0.14,
    87.3: 0.13,
    98.2: 0.12,
    110.0: 0.11,
    115.4: 0.11,
    147.5: 0.09,
}


def peak(centre_deg, instrument, half_range=None, step=0.002):
    half_range = half_range or max(2.0, 8.0 * MEASURED_FWHM_DEG.get(centre_deg, 0.2))
    two_theta_deg = np.arange(centre_deg - half_range, centre_deg + half_range, step)
    shape = peak_shape.peak_shapes(two_theta_deg[None], np.array([centre_deg]), instrument)[0]
    return two_theta_deg, shape


def half_widths(two_theta_deg, shape, fraction):
    """Return the distances left and right from the maximum to a fraction of its height."""
    top = int(shape.argmax())
    level = fraction * shape[top]
    left = np.interp(level, shape[: top + 1], two_theta_deg[: top + 1])
    right = np.interp(-level, -shape[top:], two_theta_deg[top:])
    return two_theta_deg[top] - left, right - two_theta_deg[top]


@pytest.mark.parametrize("points", [2, 8, 27, 400])
def test_quadrature_is_numpys(points):
    ours = peak_shape.gauss_legendre(points)
    np.testing.assert_allclose(ours, np.polynomial.legendre.leggauss(points), atol=1e-13)


@pytest.mark.parametrize("centre_deg", MEASURED_FWHM_DEG)
def test_nist2022_has_the_measured_widths(centre_deg):
    width = sum(half_widths(*peak(centre_deg, PRESETS["nist2022"]), 0.5))
    assert width == pytest.approx(MEASURED_FWHM_DEG[centre_deg], rel=0.01)  # 3 % is required


@pytest.mark.parametrize("centre_deg", MEASURED_ETA)
def test_nist2022_has_the_measured_lorentzian_fractions(centre_deg):
    two_theta_deg, shape = peak(centre_deg, PRESETS["nist2022"], step=0.01)

    def model(x, area, centre, fwhm, eta):
        return area * peak_shape.pseudo_voigt(x - centre, fwhm, eta)

    guess = (1.0, centre_deg, MEASURED_FWHM_DEG[centre_deg], 0.15)
    fitted, _ = optimize.curve_fit(model, two_theta_deg, shape, p0=guess)
    assert fitted[3] == pytest.approx(MEASURED_ETA[centre_deg], abs=0.02)  # 0.04 is required


def test_nist2022_has_the_measured_asymmetry():
    # The measured peak's maximum is at 19.9°; the axial tail pulls it 0.05° below its 2θ.
    left, right = half_widths(*peak(19.95, PRESETS["nist2022"]), 0.1)
    assert left == pytest.approx(0.35, abs=0.02)
    assert right == pytest.approx(0.16, abs=0.02)


@given(gaussian=st.floats(0.05, 3.0), lorentzian=st.floats(0.0, 3.0))
def test_pseudo_voigt_is_a_voigt_to_a_hundredth(gaussian, lorentzian):
    fwhm, eta = peak_shape.pseudo_voigt_parameters(np.array(gaussian), np.array(lorentzian))
    assert 0.0 <= eta <= 1.0 + 1e-5
    x = np.linspace(-6.0 * fwhm, 6.0 * fwhm, 1001)
    sigma = gaussian / (2.0 * np.sqrt(2.0 * np.log(2.0)))
    z = (x + 0.5j * lorentzian) / (sigma * np.sqrt(2.0))
    voigt = special.wofz(z).real / (sigma * np.sqrt(2.0 * np.pi))
    error = np.abs(peak_shape.pseudo_voigt(x, fwhm, eta) - voigt).max()
    # The known error of the approximation: 1.27 % of the height where the widths are nearly equal.
    assert error < 0.013 * voigt.max()
    top = voigt >= 0.5 * voigt.max()
    assert np.ptp(x[top]) == pytest.approx(float(fwhm), rel=0.005, abs=2.5 * (x[1] - x[0]))


def finger_cox_jephcoat(two_theta_deg, centre_deg, instrument):
    """Return equations 8-12 and 14 of Finger, Cox & Jephcoat (1994) as printed, over 2φ."""
    s, h = instrument.s_over_l, instrument.h_over_l
    cos_2theta = np.cos(np.radians(centre_deg))
    below = centre_deg < 90.0
    phi_min = np.degrees(np.arccos(cos_2theta * np.sqrt((h + s) ** 2 + 1.0)))
    phi_inflection = np.degrees(np.arccos(cos_2theta * np.sqrt((h - s) ** 2 + 1.0)))
    inflection = abs(centre_deg - phi_inflection)
    fwhm, eta = peak_shape.pseudo_voigt_parameters(*instrument.widths_deg(np.array(centre_deg)))

    sign = -1.0 if below else 1.0

    def density(away):  # of 2φ = 2θ -+ away
        phi = np.radians(centre_deg + sign * away)
        # cos² 2φ - cos² 2θ as a product of sines: no digits lost near 2θ.
        squares = abs(np.sin(np.radians(away)) * np.sin(np.radians(centre_deg) + phi))
        height = np.sqrt(squares) / abs(cos_2theta)
        weight = h + s - height if away > inflection else 2.0 * min(h, s)
        return weight / (2.0 * h * height * abs(np.cos(phi)))

    def integral(function):
        # Substituting away = x² removes the singularity at 2φ = 2θ.
        edges = (0.0, np.sqrt(inflection), np.sqrt(abs(centre_deg - phi_min)))
        return sum(
            integrate.quad(lambda x: 2.0 * x * function(x * x), *piece, limit=400, epsabs=1e-10)[0]
            for piece in itertools.pairwise(edges)
            if piece[1] > piece[0] + 1e-6
        )

    total = integral(density)
    return np.array(
        [
            integral(
                lambda away, x=x: (
                    density(away) * peak_shape.pseudo_voigt(x - centre_deg - sign * away, fwhm, eta)
                )
            )
            / total
            for x in two_theta_deg
        ]
    )


@pytest.mark.parametrize("centre_deg", [6.0, 19.9, 45.0, 89.0, 110.0, 150.0])
@pytest.mark.parametrize("s_over_l", [0.0404, 0.02])
def test_axial_divergence_is_the_printed_integral(centre_deg, s_over_l):
    instrument = dataclasses.replace(PRESETS["nist2022"], s_over_l=s_over_l)
    fwhm = max(instrument.widths_deg(np.array(centre_deg)))
    x = centre_deg + np.linspace(-12.0, 6.0, 19) * fwhm
    exact = finger_cox_jephcoat(x, centre_deg, instrument)
    ours = peak_shape.peak_shapes(x[None], np.array([centre_deg]), instrument)[0]
    np.testing.assert_allclose(ours, exact, atol=1e-6 * exact.max())


def test_the_tail_is_on_the_low_side_below_90_degrees_and_on_the_high_side_above():
    instrument = Instrument("sharp", 2.0, w=0.0004, s_over_l=0.05, h_over_l=0.05)
    for centre_deg, low_side in ((20.0, True), (70.0, True), (110.0, False), (160.0, False)):
        left, right = half_widths(*peak(centre_deg, instrument, 2.0), 0.05)
        assert (left > 1.2 * right) == low_side
        assert (right > 1.2 * left) != low_side


def test_without_axial_divergence_peaks_are_symmetric():
    straight = dataclasses.replace(PRESETS["nist2022"], s_over_l=0.0, h_over_l=0.0)
    _, shape = peak(20.0, straight, 2.0, step=0.125)
    np.testing.assert_allclose(shape[1:], shape[1:][::-1], rtol=1e-9)


def test_a_sample_without_height_is_the_limit_of_a_low_one():
    none, little = (dataclasses.replace(PRESETS["nist2022"], s_over_l=s) for s in (0.0, 1e-6))
    np.testing.assert_allclose(peak(20.0, none)[1], peak(20.0, little)[1], rtol=1e-3)
    swapped = dataclasses.replace(PRESETS["nist2022"], s_over_l=0.0404, h_over_l=0.0)
    np.testing.assert_array_equal(peak(20.0, none)[1], peak(20.0, swapped)[1])


@settings(max_examples=40, deadline=None)
@given(
    centre_deg=st.floats(2.0, 178.0),
    s_over_l=st.floats(0.001, 0.1),
    h_over_l=st.floats(0.001, 0.1),
    gaussian=st.floats(0.05, 0.5),
)
def test_every_peak_is_positive_and_has_unit_area(centre_deg, s_over_l, h_over_l, gaussian):
    instrument = Instrument("any", 2.0, w=gaussian**2, s_over_l=s_over_l, h_over_l=h_over_l)
    x = np.arange(centre_deg - 12.0, centre_deg + 12.0, gaussian / 12.0)
    shape = peak_shape.peak_shapes(x[None], np.array([centre_deg]), instrument)[0]
    assert shape.min() >= 0.0
    assert np.trapezoid(shape, x) == pytest.approx(1.0, abs=1e-3)
