"""The instrument: wavelength, 2θ grid and resolution, and the named presets.

Constant-wavelength neutron powder diffractometers, described by the usual profile parameters.
Widths are full widths at half maximum in degrees of 2θ.
"""

import dataclasses
import math

import numpy as np

# The value of a pattern, relative to its maximum, where it was not measured. Not 0: over a range
# of exact zeros each LayerNorm of an untrained network multiplies the gradient by 1 / sqrt(eps), so
# that it grows to 1e7 times what it should be. (The released program adds 1e-3 to all points.)
MISSING = 1e-3
LEAST = 1e-4  # lower limit of a pattern after background subtraction, for the same reason


@dataclasses.dataclass(frozen=True)
class Instrument:
    """A constant-wavelength powder diffractometer.

    Attributes:
        name: used in messages and data sets.
        wavelength_angstrom: λ.
        two_theta_start_deg, two_theta_step_deg, points: the grid of its patterns.
        u, v, w: Gaussian FWHM² = u tan²θ + v tanθ + w, degrees² (Caglioti, Paoletti & Ricci 1958).
        x, y: Lorentzian FWHM = x / cosθ + y tanθ, degrees.
        s_over_l, h_over_l: half heights of the sample and of the detector slit over the distance
            between them: axial divergence (Finger, Cox & Jephcoat 1994).
    """

    name: str
    wavelength_angstrom: float
    two_theta_start_deg: float = 3.0
    two_theta_step_deg: float = 0.05
    points: int = 3041
    u: float = 0.0
    v: float = 0.0
    w: float = 0.04
    x: float = 0.0
    y: float = 0.0
    s_over_l: float = 0.0
    h_over_l: float = 0.0

    def __post_init__(self):
        if not 0.0 < self.wavelength_angstrom < 100.0:
            raise ValueError(f"wavelength_angstrom is {self.wavelength_angstrom}; give Å above 0")
        if self.points < 2 or not self.two_theta_step_deg > 0.0:
            raise ValueError(
                f"a grid of {self.points} points in steps of {self.two_theta_step_deg}°; "
                "give at least two points and a step above 0"
            )
        if not (0.0 < self.two_theta_start_deg and self.two_theta_end_deg < 180.0):
            raise ValueError(
                f"the grid runs from {self.two_theta_start_deg}° to {self.two_theta_end_deg}° 2θ; "
                "keep it between 0 and 180"
            )
        if not (0.0 <= self.s_over_l < 0.5 and 0.0 <= self.h_over_l < 0.5):
            raise ValueError(
                f"s_over_l {self.s_over_l}, h_over_l {self.h_over_l}; give ratios from 0 to 0.5"
            )
        two_theta_deg = np.linspace(self.two_theta_start_deg, self.two_theta_end_deg, 1000)
        gaussian_squared, lorentzian = self._widths(two_theta_deg)
        unusable = (gaussian_squared <= 0.0) | (lorentzian < 0.0)
        if unusable.any():
            raise ValueError(
                f"instrument {self.name!r}: u {self.u}, v {self.v}, w {self.w}, x {self.x}, "
                f"y {self.y} give no width at 2θ = {two_theta_deg[unusable][0]:.1f}°; "
                "FWHM² = u tan²θ + v tanθ + w must stay above 0 degrees²"
            )

    @property
    def two_theta_end_deg(self) -> float:
        """The last point of the grid."""
        return self.two_theta_start_deg + self.two_theta_step_deg * (self.points - 1)

    @property
    def two_theta_deg(self) -> np.ndarray:
        """The grid, float64 [points]."""
        return self.two_theta_start_deg + self.two_theta_step_deg * np.arange(self.points)

    @property
    def centre_range_deg(self) -> tuple[float, float]:
        """First and last 2θ of the reflections in a pattern.

        Peaks centred up to three widths outside the grid reach into it and belong to the pattern;
        the width is that at the end of the grid. Outside the grid none within 2° of 0 or 180° are
        included: the Lorentz factor and the widths diverge there.
        """
        first, last = self.two_theta_start_deg, self.two_theta_end_deg
        gaussian, lorentzian = self.widths_deg(np.array([first, last]))
        below, above = 3.0 * np.maximum(gaussian, lorentzian)
        return (
            max(first - float(below), min(first, 2.0)),
            min(last + float(above), max(last, 178.0)),
        )

    @property
    def d_min_angstrom(self) -> float:
        """The smallest d-spacing in a pattern."""
        return self.wavelength_angstrom / (
            2.0 * math.sin(math.radians(self.centre_range_deg[1] / 2.0))
        )

    def widths_deg(self, two_theta_deg: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the Gaussian and the Lorentzian FWHM, degrees, of peaks at `two_theta_deg`."""
        gaussian_squared, lorentzian = self._widths(two_theta_deg)
        return np.sqrt(np.maximum(gaussian_squared, 1e-12)), np.maximum(lorentzian, 0.0)

    def _widths(self, two_theta_deg):
        theta = np.radians(two_theta_deg) / 2.0
        tan = np.tan(theta)
        gaussian_squared = (self.u * tan + self.v) * tan + self.w
        return gaussian_squared, self.x / np.cos(theta) + self.y * tan


# GSAS's U, V, W are a variance in centidegrees²; this makes them FWHM² in degrees².
_GSAS = 8.0 * math.log(2.0) / 100.0**2


# Fitted to the widths, Lorentzian fractions and asymmetry measured on the paper's published
# patterns (TOPAS): every width within 0.5 %, η within 0.01. A fit of the widths without axial
# divergence gives U 0.3212, V -0.0499, W 0.0276, X 0.0382, and the same widths above 45° 2θ; below,
# adding axial divergence to these would count it twice (FWHM 0.236° instead of 0.201° at 24.7°).
_NIST2022 = Instrument(
    "nist2022", 2.079, u=0.3, v=0.0, w=0.0031, x=0.038, s_over_l=0.0404, h_over_l=0.0404
)

# The other presets are taken from the instruments' GSAS parameter files; if a file gives no
# Lorentzian width or axial divergence, the preset has none.
PRESETS: dict[str, Instrument] = {
    instrument.name: instrument
    for instrument in (
        _NIST2022,
        # The instrument of the paper's patterns: same resolution, with NIST's stated wavelength.
        dataclasses.replace(_NIST2022, name="bt1_ge311", wavelength_angstrom=2.0783),
        Instrument(
            "bt1_cu311",
            1.5402,
            u=239.7 * _GSAS,
            v=-298.2 * _GSAS,
            w=180.8 * _GSAS,
            s_over_l=0.04,
            h_over_l=0.03,
        ),
        Instrument("d1a", 1.909, u=257.0 * _GSAS, v=-641.0 * _GSAS, w=569.0 * _GSAS),
        Instrument("d1b", 2.394, u=76.7 * _GSAS, v=-161.0 * _GSAS, w=139.0 * _GSAS),
        Instrument(
            "hb2a",
            2.406,
            u=799.0 * _GSAS,
            v=-444.0 * _GSAS,
            w=242.0 * _GSAS,
            s_over_l=0.045,
            h_over_l=0.045,
        ),
        Instrument("3t2", 1.227, u=206.0 * _GSAS, v=-183.0 * _GSAS, w=106.0 * _GSAS),
    )
}


def instrument(name: str | Instrument) -> Instrument:
    """Return the preset of that name, or the instrument itself."""
    if isinstance(name, Instrument):
        return name
    if name not in PRESETS:
        raise ValueError(f"instrument {name!r} is unknown; use one of {', '.join(PRESETS)}")
    return PRESETS[name]
