"""When not to answer: a pattern that is not like those the model has learnt from, and in what.

The order is that of the reasons: what the measurement lacks comes before what the model finds odd,
which may well be its consequence.
"""

from collections.abc import Mapping

import numpy as np

from sgan_jax.diffraction.instrument import Instrument
from sgan_jax.evaluation.calibration import Calibration
from sgan_jax.evaluation.first_lines import first_lines_angstrom
from sgan_jax.evaluation.noise_levels import noise_levels
from sgan_jax.measured.model_pattern import ModelPattern

# The highest of 3000 points of noise stands 3.5 of its standard deviations above the mean.
MIN_HEIGHT = 8.0  # of the highest peak over the noise
# Copper on nist2022 has four lines, iron three; diamond, with three, is about the poorest.
MIN_PEAKS = 3
# Training leaves out three ranges of up to 10 or so of 152 degrees; D20 at 2.41 Å measures 70 %.
MIN_RANGE = 0.4  # of the model's grid
UNFAMILIAR = 0.005  # the least familiar of 200 held-out patterns are refused, too
SUSPICIOUS = 0.05  # below this quantile other wavelengths are tried ...
FAMILIAR = 0.5  # ... and must make the pattern as familiar as half of the held-out ones
OTHERS_ANGSTROM = (1.22, 1.54, 1.91, 2.08, 2.41)  # wavelengths in use that are tried
_SAME = 0.08  # nearer than this to the one given, they say nothing new
_CELL_MARGIN = 1.05  # cells may be a little larger or smaller than those held out


def of_measurement(seen: ModelPattern) -> str | None:
    """Return what the measurement lacks, in words; None where it will do."""
    if seen.height_over_noise < MIN_HEIGHT:
        return (
            f"mostly background: the highest peak stands {seen.height_over_noise:.1f} standard "
            f"deviations above the noise, {MIN_HEIGHT:g} are needed"
        )
    if (peaks := seen.peaks) < MIN_PEAKS:
        return (
            f"too few peaks: {peaks or 'none'} {'stands' if peaks == 1 else 'stand'} out, "
            f"{MIN_PEAKS} or more are needed to tell a symmetry"
        )
    if seen.inside.mean() < MIN_RANGE:
        return (
            f"too little was measured: {seen.inside.mean():.0%} of the range that the model knows, "
            f"{MIN_RANGE:.0%} are needed"
        )
    return None


def of_noise(seen: ModelPattern, calibration: Calibration) -> str | None:
    """Return that a pattern is noisier than the model knows them, in words; None if it is not."""
    level = float(noise_levels(seen.intensity[None], seen.inside)[0])
    if level <= calibration.noise_limit:
        return None
    return (
        f"noisier than anything that the model has learnt from: the noise is {100 * level:.2g} % "
        f"of the highest peak, the model knows up to {100 * calibration.noise_limit:.2g} %; count "
        "longer, or use a model that was trained with noise"
    )


def of_wavelength(
    seen: ModelPattern,
    instrument: Instrument,
    calibration: Calibration,
    energy: float,
    others: Mapping[float, float],
) -> str | None:
    """Return why the wavelength is probably not the one given; None where it may be.

    A wrong wavelength makes every d-spacing wrong by one factor: the pattern of the same symmetry
    with a larger or smaller cell. So it is noticed only where that cell is one that no crystal has,
    or where the pattern is familiar with another wavelength and is not with the given one.

    Args:
        seen: the pattern.
        instrument: of the model.
        calibration: of the model.
        energy: of the pattern as given.
        others: energies with other wavelengths, by these.
    """
    given = seen.measured.known_wavelength()
    first = float(first_lines_angstrom(seen.intensity[None], instrument)[0])
    low, high = calibration.first_line_range_angstrom
    if first > high * _CELL_MARGIN or (
        first < low / _CELL_MARGIN and _is_measured_above(seen, instrument, first)
    ):
        return (
            f"with λ = {given:g} Å the first strong line lies at d = {first:.3g} Å; those of the "
            f"crystals that the model knows lie at {low:.3g} to {high:.3g} Å. Is the wavelength "
            "right?"
        )
    best = max(others, key=lambda wavelength: others[wavelength], default=None)
    if (
        best is not None
        and energy < calibration.energy_quantile(SUSPICIOUS)
        and others[best] > calibration.energy_quantile(FAMILIAR)
    ):
        return (
            f"with λ = {given:g} Å the pattern is unlike those that the model has learnt from, "
            f"with {best:g} Å it would be like them. Is the wavelength right?"
        )
    return None


def other_wavelengths(given_angstrom: float) -> list[float]:
    """Return the wavelengths to try instead of one."""
    return [other for other in OTHERS_ANGSTROM if abs(other / given_angstrom - 1.0) > _SAME]


def of_energy(calibration: Calibration, energy: float) -> str | None:
    """Return that a pattern is unfamiliar to the model, in words; None where it is not."""
    if energy < calibration.energy_quantile(UNFAMILIAR):
        return (
            "unlike anything that the model has learnt from: not one in "
            f"{1 / UNFAMILIAR:.0f} simulated patterns is as unfamiliar to it"
        )
    return None


def _is_measured_above(seen: ModelPattern, instrument: Instrument, d_angstrom: float) -> bool:
    """Say whether lines of larger d would have been seen, for the most part."""
    sine = np.sin(np.radians(instrument.two_theta_deg) / 2.0)
    above = instrument.wavelength_angstrom / (2.0 * sine) > d_angstrom
    return bool(above.any()) and float(seen.inside[above].mean()) > 0.8
