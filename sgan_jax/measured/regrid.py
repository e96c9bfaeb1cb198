"""Map a measured pattern to what the model sees: its wavelength, its grid, its peak widths.

A reflection of spacing d is measured at 2θm, sin θm = λm / 2d, and the model expects it at 2θ,
sin θ = λ / 2d. Its integrated intensity is proportional to the Lorentz factor L = 1 / (sin²θ cosθ);
as a density in 2θ it scales with the stretching of the axis:

    y(2θ) = y_m(2θm) · L(θ) / L(θm) · d2θm / d2θ
          = y_m(2θm) · (λm² cosθm) / (λ² cosθ) · (λm cosθ) / (λ cosθm) = y_m(2θm) (λm / λ)³

so that at equal d the intensities differ only by a constant, which the normalisation removes. A
peak of FWHM w_m gets the width w_m d2θ/d2θm = w_m (λ cosθm) / (λm cosθ). Where that is narrower
than the model's peaks, the pattern is convolved with a Gaussian of the missing width, which keeps
areas and so lowers the heights; where it is wider, it is left as it is: peaks are not sharpened.
"""

import numpy as np
from scipy.interpolate import Akima1DInterpolator

from sgan_jax.diffraction import peak_shape
from sgan_jax.diffraction.instrument import LEAST, MISSING, Instrument
from sgan_jax.measured import background as backgrounds
from sgan_jax.measured import peak_count, peak_widths
from sgan_jax.measured.model_pattern import ModelPattern, PeakWidths
from sgan_jax.measured.pattern import MeasuredPattern, PatternError

_GAP_STEPS = 3.5  # gaps of more steps than this are not interpolated over
_MIN_SHARE = 0.2  # least fraction of the model's grid that must have been measured
_REACH = 4.0  # standard deviations at which the widest Gaussian of the convolution is cut off
_NOTHING = 8.0  # standard deviations at which a Gaussian is 1e-14 of its height


def to_model_grid(measured: MeasuredPattern, instrument: Instrument) -> ModelPattern:
    """Return a measured pattern as the model's instrument would have measured it.

    Raises:
        PatternError: the wavelength is unknown, or too little of the model's range was measured.
    """
    wavelength = measured.known_wavelength()
    begin = backgrounds.beam_stop_end(measured.two_theta_deg, measured.intensity)
    x, y = measured.two_theta_deg[begin:], measured.intensity[begin:]
    under = backgrounds.background(x, y)
    net = y - under
    widths = peak_widths.measure_widths(x, net, _errors(measured, net))

    true_2theta = x - measured.zero_deg
    sine = np.sin(np.radians(true_2theta) / 2.0) * instrument.wavelength_angstrom / wavelength
    reachable = (sine > 0.0) & (sine < 1.0)
    mapped = 2.0 * np.degrees(np.arcsin(sine[reachable]))
    density, inside = _average(mapped, net[reachable], instrument)
    if inside.mean() < _MIN_SHARE:
        raise PatternError(
            measured.file,
            None,
            f"with λ = {wavelength:g} Å, {100 * inside.mean():.0f} % of the model's range "
            f"({_d_range(instrument)}) was measured; {100 * _MIN_SHARE:.0f} % are needed. Is the "
            "wavelength right?",
        )
    if widths is not None:
        density = widened(density, inside, _mapped_width(widths, measured, instrument), instrument)
    density = np.where(inside, np.maximum(density, 0.0), 0.0)
    maximum = density.max()
    if not maximum > 0.0:
        raise PatternError(measured.file, None, "there is no intensity above the background")
    under = np.concatenate([np.full(begin, np.nan), under])
    seen = np.where(inside, np.maximum(density / maximum, LEAST), MISSING).astype(np.float32)
    return ModelPattern(
        measured,
        under,
        peak_count.height_over_noise(net),
        peak_count.count_peaks(y, net),
        widths,
        instrument,
        seen,
        inside,
    )


def _errors(measured: MeasuredPattern, net: np.ndarray) -> np.ndarray:
    """Return the standard errors [n]; where unknown, the scatter between neighbours."""
    scatter = peak_count.noise_level(net)
    if measured.sigma is None:
        return np.full(len(net), scatter)
    sigma = measured.sigma[-len(net) :]
    return np.where(np.isnan(sigma), scatter, sigma)


def _average(
    two_theta_deg: np.ndarray, intensity: np.ndarray, instrument: Instrument
) -> tuple[np.ndarray, np.ndarray]:
    """Return means over the cells of the grid [points], and a mask of where it was measured.

    The same integral of a smooth curve averages finer steps and interpolates coarser ones.
    """
    grid, half = instrument.two_theta_deg, instrument.two_theta_step_deg / 2.0
    values, inside = np.zeros(len(grid)), np.zeros(len(grid), bool)
    if len(two_theta_deg) < 2:
        return values, inside
    step = np.diff(two_theta_deg)
    gaps = np.flatnonzero(step > _GAP_STEPS * np.median(step)) + 1
    for part in np.split(np.arange(len(two_theta_deg)), gaps):
        if len(part) < 4:
            continue
        x = two_theta_deg[part]
        # A grid point counts as measured if its whole cell was, up to half a step of either grid.
        margin = min(half, (x[1] - x[0]) / 2.0) + 1e-9
        covered = (grid - half >= x[0] - margin) & (grid + half <= x[-1] + margin)
        integral = Akima1DInterpolator(x, intensity[part], method="makima").antiderivative()
        lower = np.clip(grid[covered] - half, x[0], x[-1])
        upper = np.clip(grid[covered] + half, x[0], x[-1])
        values[covered] = (integral(upper) - integral(lower)) / (upper - lower)
        inside |= covered
    return values, inside


def widened(
    density: np.ndarray, inside: np.ndarray, fwhm_deg: np.ndarray, instrument: Instrument
) -> np.ndarray:
    """Return a pattern on a model's grid with peaks nowhere narrower than the model's.

    Args:
        density: [points], on the grid.
        inside: bool [points], True where it was measured.
        fwhm_deg: of its peaks [points], degrees of the grid's 2θ.
        instrument: the model's.
    """
    wanted, _ = peak_shape.pseudo_voigt_parameters(*instrument.widths_deg(instrument.two_theta_deg))
    missing = np.sqrt(np.maximum(wanted**2 - fwhm_deg**2, 0.0))
    return _convolve(density, inside, missing, instrument)


def _mapped_width(
    widths: PeakWidths, measured: MeasuredPattern, instrument: Instrument
) -> np.ndarray:
    """Return the FWHM [points] of the measured peaks on the grid."""
    grid = instrument.two_theta_deg
    wavelength = measured.known_wavelength()
    sine = np.sin(np.radians(grid) / 2.0) * wavelength / instrument.wavelength_angstrom
    sine = np.minimum(sine, 0.999)
    at = 2.0 * np.degrees(np.arcsin(sine))
    stretch = instrument.wavelength_angstrom * np.sqrt(1.0 - sine**2)
    stretch = stretch / (wavelength * np.cos(np.radians(grid) / 2.0))
    return widths.fwhm_deg(at + measured.zero_deg) * stretch


def _convolve(
    density: np.ndarray, inside: np.ndarray, fwhm_deg: np.ndarray, instrument: Instrument
) -> np.ndarray:
    """Convolve with a Gaussian of each point's width, leaving out what was not measured."""
    step = instrument.two_theta_step_deg
    deviation = fwhm_deg / np.sqrt(8.0 * np.log(2.0)) / step  # in points
    reach = int(np.ceil(_REACH * deviation.max()))
    points = len(density)
    narrow = np.maximum(deviation, 0.1)  # exp(-50) beside the point itself: no convolution
    area, heights = np.zeros(points), []
    for offset in range(reach + 1):
        wide = np.flatnonzero(_NOTHING * narrow >= offset)  # few points, at large offsets
        part = slice(wide[0], wide[-1] + 1)
        heights.append((part, np.exp(-0.5 * (offset / narrow[part]) ** 2)))
        area[part] += heights[-1][1] * (2.0 if offset else 1.0)
    total, weight = np.zeros(points), np.zeros(points)
    for offset in range(-reach, reach + 1):
        part, height = heights[abs(offset)]
        share = np.zeros(points)
        share[part] = height / area[part] * inside[part]
        to = slice(max(offset, 0), points + min(offset, 0))
        source = slice(max(-offset, 0), points + min(-offset, 0))
        total[to] += share[source] * density[source]
        weight[to] += share[source]
    return np.where(inside, total / np.maximum(weight, 1e-6), 0.0)


def _d_range(instrument: Instrument) -> str:
    low, high = (
        instrument.wavelength_angstrom / (2.0 * np.sin(np.radians(angle) / 2.0))
        for angle in (instrument.two_theta_end_deg, instrument.two_theta_start_deg)
    )
    return f"d = {low:.2f} to {high:.0f} Å"
