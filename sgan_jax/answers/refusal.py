"""When to refuse a prediction: a pattern unlike those the model was trained on, and in what way.

The checks are in the order of precedence: what the measurement lacks comes before what the model
finds unusual, which may well be its consequence.
"""

from collections.abc import Mapping

import numpy as np

from sgan_jax.diffraction.instrument import Instrument
from sgan_jax.evaluation.calibration import Calibration
from sgan_jax.evaluation.first_lines import first_lines_angstrom
from sgan_jax.evaluation.noise_levels import noise_levels
from sgan_jax.measured.model_pattern import ModelPattern

# The maximum of 3000 points of noise is about 3.5 standard deviations above the mean.
MIN_HEIGHT = 8.0  # of the highest peak, in standard deviations of the noise
# Copper on nist2022 has four lines, iron three; diamond, with three, has about the fewest.
MIN_PEAKS = 3
# Training omits three ranges of up to about 10° each, of 152°; D20 at 2.41 Å measures 70 %.
MIN_RANGE = 0.4  # fraction of the model's grid
UNFAMILIAR = 0.005  # energy quantile: one in 200 held-out patterns would be refused, too
SUSPICIOUS = 0.05  # below this quantile other wavelengths are tried ...
FAMILIAR = 0.5  # ... and have to raise the energy above that of half of the held-out patterns
OTHERS_ANGSTROM = (1.22, 1.54, 1.91, 2.08, 2.41)  # common wavelengths that are tried
_SAME = 0.08  # relative difference below which another wavelength is not worth trying
_CELL_MARGIN = 1.05  # cells may be slightly larger or smaller than those of held-out crystals


def of_measurement(seen: ModelPattern) -> str | None:
    """Return what the measurement lacks, in words; None if it is sufficient."""
    if seen.height_over_noise < MIN_HEIGHT:
        return (
            f"mostly background: the highest peak is {seen.height_over_noise:.1f} standard "
            f"deviations above the noise, but at least {MIN_HEIGHT:g} are needed"
        )
    if (peaks := seen.peaks) < MIN_PEAKS:
        return (
            f"too few peaks: {peaks or 'none'} {'stands' if peaks == 1 else 'stand'} out, "
            f"but at least {MIN_PEAKS} are needed to determine a symmetry"
        )
    if seen.inside.mean() < MIN_RANGE:
        return (
            f"too little was measured: {100 * seen.inside.mean():.0f} % of the model's 2θ range, "
            f"but at least {100 * MIN_RANGE:.0f} % is needed"
        )
    return None


def of_noise(seen: ModelPattern, calibration: Calibration) -> str | None:
    """Return a reason if a pattern is noisier than 99.9 % of the held-out ones, else None."""
    level = float(noise_levels(seen.intensity[None], seen.inside)[0])
    if level <= calibration.noise_limit:
        return None
    return (
        f"noisier than the training patterns: the noise is {100 * level:.2g} % of the highest "
        f"peak, in training it was at most {100 * calibration.noise_limit:.2g} %; measure longer, "
        "or use a model that was trained with noise"
    )


def of_wavelength(
    seen: ModelPattern,
    instrument: Instrument,
    calibration: Calibration,
    energy: float,
    others: Mapping[float, float],
) -> str | None:
    """Return why the given wavelength is probably wrong; None if it is plausible.

    A wrong wavelength scales all d-spacings by one factor, which gives the pattern of the same
    symmetry with a larger or smaller cell. So it is noticed only if that cell has an unlikely size,
    or if the pattern is unfamiliar to the model with the given wavelength but not with another.

    Args:
        seen: the pattern.
        instrument: of the model.
        calibration: of the model.
        energy: of the pattern with the given wavelength.
        others: wavelength in Å -> energy of the pattern with it.
    """
    given = seen.measured.known_wavelength()
    first = float(first_lines_angstrom(seen.intensity[None], instrument)[0])
    low, high = calibration.first_line_range_angstrom
    if first > high * _CELL_MARGIN or (
        first < low / _CELL_MARGIN and _is_measured_above(seen, instrument, first)
    ):
        return (
            f"with λ = {given:g} Å the first strong line is at d = {first:.3g} Å; for the "
            f"crystals of the model's data set it is at {low:.3g} to {high:.3g} Å. Is the "
            "wavelength right?"
        )
    best = max(others, key=lambda wavelength: others[wavelength], default=None)
    if (
        best is not None
        and energy < calibration.energy_quantile(SUSPICIOUS)
        and others[best] > calibration.energy_quantile(FAMILIAR)
    ):
        return (
            f"with λ = {given:g} Å the pattern is unlike the training patterns, but "
            f"with {best:g} Å it would resemble them. Is the wavelength right?"
        )
    return None


def other_wavelengths(given_angstrom: float) -> list[float]:
    """Return the wavelengths (Å) to try in place of the given one."""
    return [other for other in OTHERS_ANGSTROM if abs(other / given_angstrom - 1.0) > _SAME]


def of_energy(calibration: Calibration, energy: float) -> str | None:
    """Return a reason if the energy shows a pattern to be unfamiliar to the model, else None."""
    if energy < calibration.energy_quantile(UNFAMILIAR):
        return (
            f"unlike the training patterns: fewer than one in {1 / UNFAMILIAR:.0f} simulated "
            "patterns is as unfamiliar to the model"
        )
    return None


def _is_measured_above(seen: ModelPattern, instrument: Instrument, d_angstrom: float) -> bool:
    """Say whether over 80 % of the model's range above d was measured, so lines there were seen."""
    sine = np.sin(np.radians(instrument.two_theta_deg) / 2.0)
    above = instrument.wavelength_angstrom / (2.0 * sine) > d_angstrom
    return bool(above.any()) and float(seen.inside[above].mean()) > 0.8
