"""The exact shape of one peak: Thompson-Cox-Hastings pseudo-Voigt with axial divergence.

Everything here evaluates published formulas directly, which is slow; `profile.py` sums whole
patterns from a table of these shapes.
"""

import functools
import math

import numpy as np

from sgan_jax.diffraction.instrument import Instrument


def pseudo_voigt_parameters(
    gaussian_fwhm: np.ndarray, lorentzian_fwhm: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return FWHM and Lorentzian fraction η of the pseudo-Voigt nearest to a Voigt function.

    Thompson, Cox & Hastings, J. Appl. Cryst. 20 (1987) 79, equations 3 and 4.
    """
    g, l = gaussian_fwhm, lorentzian_fwhm  # noqa: E741
    fwhm = (
        g**5
        + 2.69269 * g**4 * l
        + 2.42843 * g**3 * l**2
        + 4.47163 * g**2 * l**3
        + 0.07842 * g * l**4
        + l**5
    ) ** 0.2
    q = l / fwhm
    return fwhm, 1.36603 * q - 0.47719 * q**2 + 0.11116 * q**3


def pseudo_voigt(offset: np.ndarray, fwhm: np.ndarray, eta: np.ndarray) -> np.ndarray:
    """Return the pseudo-Voigt of unit area, per degree, at `offset` degrees from its centre."""
    squared = (offset * (2.0 / fwhm)) ** 2
    gaussian = (2.0 * np.sqrt(np.log(2.0) / np.pi)) * (1.0 - eta) / fwhm
    lorentzian = (2.0 / np.pi) * eta / fwhm
    return gaussian * np.exp(-np.log(2.0) * squared) + lorentzian / (1.0 + squared)


def axial_divergence(
    two_theta_deg: np.ndarray, s_over_l: float, h_over_l: float, points: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the positions (degrees) and weights [n, m] over which axial divergence spreads peaks.

    Finger, Cox & Jephcoat, J. Appl. Cryst. 27 (1994) 892: a detector at 2φ sees at height h (over
    L) a diffraction cone of 2θ, cos 2φ = cos 2θ √(1 + h²), with a weight W(h), the trapezoid of
    its equation 8. In h the equation's D(2φ, 2θ) d2φ is W(h) / ((1 + h²) sin 2φ) dh, smooth except
    for the cones that close before h reaches (S + H)/L (2θ near 0 or 180°); h = |tan 2θ| sin u
    takes care of these: W(h) / (1 + h²) du. Positions lie to the left of 2θ below 90°, to the right
    above.
    """
    two_theta = np.radians(two_theta_deg)[:, None]
    tan = np.abs(np.tan(two_theta))
    low, high = sorted((s_over_l, h_over_l))
    nodes, weights = gauss_legendre(points)
    positions, total = [], []
    # In two pieces, W = 1 and W falling to 0, so that its kink at |H - S| costs no accuracy.
    for begin, end in ((0.0, high - low), (high - low, high + low)):
        if begin == end:
            continue
        u_begin = np.arcsin(np.minimum(begin / tan, 1.0))
        u_end = np.arcsin(np.minimum(end / tan, 1.0))
        half = 0.5 * (u_end - u_begin)
        h = tan * np.sin(u_begin + half * (1.0 + nodes))
        seen = 1.0 if begin == 0.0 < high - low else np.clip((end - h) / (2.0 * low), 0.0, 1.0)
        cosine = np.cos(two_theta) * np.sqrt(1.0 + h * h)
        positions.append(np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0))))
        total.append(weights * half * seen / (1.0 + h * h))
    position, weight = np.concatenate(positions, axis=1), np.concatenate(total, axis=1)
    return position, weight / weight.sum(axis=1, keepdims=True)


def tail_length_deg(two_theta_deg: np.ndarray, s_over_l: float, h_over_l: float) -> np.ndarray:
    """Return the length of the axial tails, degrees: to the left of 2θ below 90°, right above."""
    cosine = np.cos(np.radians(two_theta_deg)) * np.hypot(1.0, s_over_l + h_over_l)
    return np.abs(np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0))) - two_theta_deg)


def peak_shapes(
    two_theta_deg: np.ndarray,
    centre_deg: np.ndarray,
    instrument: Instrument,
    points_per_width: float = 8.0,
) -> np.ndarray:
    """Return peaks of unit area, per degree, of `centre_deg` [n] at `two_theta_deg` [n, m].

    The axial-divergence integral uses `points_per_width` Gauss-Legendre points per peak width of
    its length, in each of its two pieces. 8 leave an error of 1e-7 of the maximum (limited by the
    Lorentzian's poles, half a width off the axis); 1 is enough four widths from the peak.
    """
    fwhm, eta = pseudo_voigt_parameters(*instrument.widths_deg(centre_deg))
    axial = (instrument.s_over_l, instrument.h_over_l)
    return shapes_of_widths(two_theta_deg, centre_deg, fwhm, eta, axial, points_per_width)


def shapes_of_widths(
    two_theta_deg: np.ndarray,
    centre_deg: np.ndarray,
    fwhm: np.ndarray,
    eta: np.ndarray,
    axial: tuple[float, float],
    points_per_width: float = 8.0,
) -> np.ndarray:
    """Return the same as `peak_shapes` for given FWHM [n] (degrees) and Lorentzian fraction [n].

    `axial` is (S/L, H/L).
    """
    s, h = axial
    if s + h < 1e-6:
        return pseudo_voigt(two_theta_deg - centre_deg[:, None], fwhm[:, None], eta[:, None])
    longest_tail = float(np.max(tail_length_deg(centre_deg, s, h) / fwhm))
    points = 8 + math.ceil(points_per_width * longest_tail)
    rounding = max(4, 1 << (points.bit_length() - 3))  # few different numbers, each cached
    points = -(-points // rounding) * rounding
    position, weight = axial_divergence(centre_deg, s, h, points)
    shapes = np.zeros(np.broadcast_shapes(two_theta_deg.shape, (len(centre_deg), 1)))
    for j in range(position.shape[1]):
        offset = two_theta_deg - position[:, j : j + 1]
        shapes += weight[:, j : j + 1] * pseudo_voigt(offset, fwhm[:, None], eta[:, None])
    return shapes


def reach_deg(
    centre_deg: np.ndarray, distance_deg: np.ndarray, axial: tuple[float, float]
) -> tuple[np.ndarray, np.ndarray]:
    """Return how far peaks reach to the left and right: their axial tails plus a distance."""
    tail = tail_length_deg(centre_deg, *axial)
    left = np.where(centre_deg < 90.0, tail, 0.0)
    return distance_deg + left, distance_deg + tail - left


def near_fraction(
    two_theta_deg: np.ndarray,
    centre_deg: np.ndarray,
    axial: tuple[float, float],
    begin_deg: np.ndarray,
    end_deg: np.ndarray,
) -> np.ndarray:
    """Return 1 near a peak and its axial tail, 0 far away, with a smooth step between, [n, m].

    It falls between the distances `begin_deg` and `end_deg` [n] from the peak and its tail.
    """
    left, right = reach_deg(centre_deg, end_deg, axial)
    offset = two_theta_deg - centre_deg[:, None]
    beyond = np.maximum(offset - right[:, None], -offset - left[:, None])
    x = np.clip(-beyond / (end_deg - begin_deg)[:, None], 0.0, 1.0)
    # The polynomial with four vanishing derivatives at both ends.
    return x**5 * (126.0 + x * (-420.0 + x * (540.0 + x * (-315.0 + x * 70.0))))


@functools.cache
def gauss_legendre(points: int) -> tuple[np.ndarray, np.ndarray]:
    """Return nodes and weights of Gauss-Legendre quadrature on [-1, 1].

    By Newton's method on the recurrence: numpy's own uses eigenvalues, which on a busy machine with
    a threaded LAPACK take seconds for the few hundred points of a long tail.
    """
    x = -np.cos(np.pi * (np.arange(points) + 0.75) / (points + 0.5))
    for _ in range(4):
        before, value = np.ones(points), x
        for n in range(2, points + 1):
            before, value = value, ((2 * n - 1) * x * value - (n - 1) * before) / n
        slope = points * (x * value - before) / (x * x - 1.0)
        x = x - value / slope
    return x, 2.0 / ((1.0 - x * x) * slope**2)
