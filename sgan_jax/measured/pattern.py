"""What a reader returns: a checked measured pattern, or an error with file and line."""

import dataclasses
import re
from collections.abc import Sequence

import numpy as np

MIN_POINTS = 20
MAX_POINTS = 1_000_000
MIN_RANGE_DEG = 5.0
MAX_STEP_DEG = 1.0  # of the median step; Bragg peaks are narrower

_X_RAY = re.compile(r"\bx[- ]?rays?\b|\bcu\s?k\s?-?(?:a\w*|α\d?)?\b|\bsynchrotron\b", re.IGNORECASE)
_TIME_OF_FLIGHT = re.compile(r"\btof\b|time[- ]of[- ]flight|\bmicroseconds?\b", re.IGNORECASE)
_WAVELENGTH = re.compile(
    r"(?<![a-z])(?:wavelength|lambda|lam)\b ?(?:\(\w{1,10}\))? ?[:=]? {0,9}(\d{1,2}\.\d{1,9})",
    re.IGNORECASE,
)


class PatternError(ValueError):
    """A file does not hold a usable powder pattern.

    Attributes:
        file: its name.
        line: where in the file, counted from 1; None for the whole file.
        detail: what is wrong, and what would be right.
    """

    def __init__(self, file: str, line: int | None, detail: str):
        super().__init__(f"{file}{f', line {line}' if line else ''}: {detail}")
        self.file = file
        self.line = line
        self.detail = detail

    def __reduce__(self):
        return PatternError, (self.file, self.line, self.detail)


@dataclasses.dataclass(frozen=True, eq=False)
class MeasuredPattern:
    """A powder pattern as it was measured, at one wavelength.

    Attributes:
        file: the file it comes from.
        format: the file format, one of `readers.FORMATS`.
        title: the file's title: the sample's name and whatever else it says.
        two_theta_deg: float64 [n], strictly ascending; steps need not be equal. Points that were
            not measured are absent.
        intensity: float64 [n], finite, on any scale; may be negative.
        sigma: standard errors of the intensities [n], NaN where unknown; None if all are.
        wavelength_angstrom: None if unknown.
        radiation: 'neutron', or None if unknown.
        zero_deg: detector zero; the true 2θ is `two_theta_deg - zero_deg`.
        bank: which bank, scan or data block of the file; '' if it has only one.
    """

    file: str
    format: str
    title: str
    two_theta_deg: np.ndarray
    intensity: np.ndarray
    sigma: np.ndarray | None = None
    wavelength_angstrom: float | None = None
    radiation: str | None = None
    zero_deg: float = 0.0
    bank: str = ""

    def known_wavelength(self) -> float:
        """Return the wavelength in Å; raise PatternError, saying how to give it, if unknown."""
        if self.wavelength_angstrom is None:
            title = f" (its title is {self.title!r})" if self.title else ""
            raise PatternError(
                self.file,
                None,
                f"the wavelength is not in the file{title}; give it as --wavelength=1.54 (in Å) or "
                "in an instrument parameter file (.prm, .inst, .instprm)",
            )
        return self.wavelength_angstrom


def make_pattern(
    file: str,
    file_format: str,
    two_theta_deg: Sequence[float] | np.ndarray,
    intensity: Sequence[float] | np.ndarray,
    sigma: Sequence[float] | np.ndarray | None = None,
    *,
    lines: Sequence[int] | np.ndarray | None = None,
    title: str = "",
    wavelength_angstrom: float | None = None,
    radiation: str | None = None,
    bank: str = "",
) -> MeasuredPattern:
    """Return a checked pattern of a file's content; raise PatternError if it cannot be one.

    Points whose intensity is NaN, or zero with an error of zero, were not measured (instruments
    write masked detector cells so) and are left out. An order from high to low angles is reversed.

    Args:
        file: name for messages.
        file_format: one of `readers.FORMATS`.
        two_theta_deg: [n].
        intensity: [n].
        sigma: [n] or None.
        lines: [n], the line of each point, for messages.
        title: the file's title.
        wavelength_angstrom: as the file states it.
        radiation: as the file states it.
        bank: see `MeasuredPattern`.
    """
    x, y = np.asarray(two_theta_deg, np.float64), np.asarray(intensity, np.float64)
    error = np.full(len(y), np.nan) if sigma is None else np.asarray(sigma, np.float64)
    at = np.zeros(len(x), int) if lines is None else np.asarray(lines, int)
    if not len(x) == len(y) == len(error) == len(at):
        raise PatternError(
            file, None, f"{len(x)} angles, {len(y)} intensities and {len(error)} errors"
        )
    if len(x) > MAX_POINTS:
        raise PatternError(file, None, f"{len(x)} points; at most {MAX_POINTS} are read")
    _refuse_where(~np.isfinite(x), x, file, at, "is not an angle")
    measured = ~np.isnan(y) & ~((y == 0.0) & (error == 0.0))
    x, y, error, at = x[measured], y[measured], error[measured], at[measured]
    _refuse_where(~np.isfinite(y), y, file, at, "is not an intensity")
    error = np.where(np.isfinite(error) & (error > 0.0), error, np.nan)
    if len(x) < MIN_POINTS:
        raise PatternError(
            file, None, f"{len(x)} measured points; a pattern needs at least {MIN_POINTS}"
        )
    if x[0] > x[-1]:
        x, y, error, at = x[::-1], y[::-1], error[::-1], at[::-1]
    _check_angles(file, x, at)
    if not y.max() > y.min() or y.max() <= 0.0:
        raise PatternError(file, None, f"all intensities are between {y.min():g} and {y.max():g}")
    if wavelength_angstrom is not None:
        check_wavelength(file, wavelength_angstrom)
    return MeasuredPattern(
        file,
        file_format,
        " ".join(title[:200].split()),
        np.ascontiguousarray(x),
        np.ascontiguousarray(y),
        None if np.isnan(error).all() else np.ascontiguousarray(error),
        wavelength_angstrom,
        radiation,
        bank=bank,
    )


def _check_angles(file: str, x: np.ndarray, at: np.ndarray) -> None:
    outside = (x < -20.0) | (x > 180.0)
    _refuse_where(
        outside, x, file, at, "is not a 2θ in degrees (time of flight, energy or centidegrees?)"
    )
    backwards = np.append(False, np.diff(x) <= 0.0)
    _refuse_where(backwards, x, file, at, "is not above the previous 2θ; sort the points")
    if x[-1] - x[0] < MIN_RANGE_DEG:
        raise PatternError(
            file,
            None,
            f"the angles run from {x[0]:g} to {x[-1]:g}; a pattern must cover {MIN_RANGE_DEG:g}° "
            "2θ or more (are these d-spacings, Q, or radians?)",
        )
    if np.median(np.diff(x)) > MAX_STEP_DEG:
        raise PatternError(
            file,
            None,
            f"steps of {np.median(np.diff(x)):g}° are too large; use at most {MAX_STEP_DEG:g}°",
        )


def _refuse_where(
    wrong: np.ndarray, values: np.ndarray, file: str, lines: np.ndarray, what: str
) -> None:
    if wrong.any():
        first = int(np.argmax(wrong))
        raise PatternError(file, int(lines[first]) or None, f"{values[first]:g} {what}")


def check_wavelength(file: str, wavelength_angstrom: float) -> None:
    """Raise PatternError for a wavelength outside 0.3 to 10 Å, which no diffractometer has."""
    if not 0.3 <= wavelength_angstrom <= 10.0:
        raise PatternError(
            file, None, f"a wavelength of {wavelength_angstrom:g} Å; it must be from 0.3 to 10 Å"
        )


def stated_wavelength(text: str) -> float | None:
    """Return the number after 'wavelength', 'lambda' or 'lam', in Å; None if there is none."""
    found = _WAVELENGTH.search(text)
    return float(found[1]) if found else None


def refuse_other_radiation(file: str, line: int | None, text: str) -> None:
    """Raise PatternError if a title or comment mentions X-rays or time of flight."""
    for pattern, what in ((_X_RAY, X_RAY), (_TIME_OF_FLIGHT, TIME_OF_FLIGHT)):
        found = pattern.search(text)
        if found:
            raise PatternError(
                file,
                line,
                f"{found[0]!r}: {what}; if it is not, give --radiation=neutron, or in Python "
                "radiation='neutron'",
            )


X_RAY = "this is an X-ray pattern; the models are trained on neutron intensities"
TIME_OF_FLIGHT = (
    "this is a time-of-flight pattern; the models are trained on constant-wavelength patterns"
)
