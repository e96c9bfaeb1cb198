"""Text formats of ILL, LLB and others: FullProf's INSTRM 6 (D1A, D2B, 3T2), 1, 3 (D1B, D20).

Each cell has two characters for the number of detectors that measured the angle, and six or eight
for the mean of their counts. -1000 ends a spectrum, -10000 the file. The formats are described in
the FullProf manual, appendix 'Input data files'.
"""

import math

import numpy as np

from sgan_jax.measured import counts, pattern, text_file
from sgan_jax.measured.pattern import MeasuredPattern
from sgan_jax.measured.text_file import TextFile

_MIN_STEP_DEG = 1e-4


def is_d1a(file: TextFile) -> bool:
    """Return whether a file has format INSTRM 6: title, step, start, monitor, counts."""
    if len(file.lines) < 6:
        return False
    step, start = text_file.all_numbers(file.lines[1]), text_file.all_numbers(file.lines[2])
    return bool(
        step is not None
        and len(step) >= 5
        and 0.0 < step[2] <= pattern.MAX_STEP_DEG
        and start is not None
        and len(start) == 1
        and counts.counts_of_line(file.lines[4], 8)
    )


def read_d1a(file: TextFile) -> list[MeasuredPattern]:
    """Return the pattern of an INSTRM 6 file.

    The counts are normalised to the first monitor value; if the file also gives a second one, that
    of the measurement, variances are multiplied by their ratio.

    Raises:
        PatternError: the file is not of this format; names the line.
    """
    step = file.numbers(1, 3, "a line with the step")[2]
    start = file.numbers(2, 1, "the first 2θ")[0]
    monitors = [*text_file.leading_numbers(file.line(3, "the monitor")), 0.0, 0.0][:2]
    if not _MIN_STEP_DEG <= step <= pattern.MAX_STEP_DEG:
        raise file.error(1, f"a step of {step:g}° is not supported")
    values, variances, lines, end = counts.read_counts(file, 4, 8)
    if not counts.is_end_marker(file.line(end, "more counts, or -1000 to end them,")):
        raise file.error(end, "-1000 must follow the last count")
    _check_end(file, end)
    ratio = monitors[0] / monitors[1] if min(monitors) >= 1.0 else 1.0
    return [_pattern(file, "d1a", file.lines[0], start, step, values, variances, lines, ratio)]


def is_old_d1a(file: TextFile) -> bool:
    """Return whether a file has format INSTRM 1: start, step, end, then counts."""
    if len(file.lines) < 3:
        return False
    head = text_file.leading_numbers(file.lines[0])
    return bool(
        len(head) >= 3
        and _is_range(*head[:3])
        and counts.counts_of_line(file.lines[1], 8)
        # Whole cells only, or '100' would be ten detectors with 0 counts.
        and all(line[:2].strip() and len(line.rstrip()) % 8 == 0 for line in file.lines[1:3])
    )


def read_old_d1a(file: TextFile) -> list[MeasuredPattern]:
    """Return the pattern of an INSTRM 1 file.

    Raises:
        PatternError: the file is not of this format; names the line.
    """
    start, step, last = file.numbers(0, 3, "start, step and end of 2θ")
    if not _is_range(start, step, last):
        raise file.error(0, f"2θ cannot run from {start:g} to {last:g} in steps of {step:g}")
    values, variances, lines, end = counts.read_counts(file, 1, 8)
    _check_end(file, end)
    points = round((last - start) / step) + 1
    if not points <= len(values) < points + 10:
        raise file.error(
            end - 1, f"{len(values)} intensities, but the first line announces {points}"
        )
    rest = (values[:points], variances[:points], lines[:points])
    return [_pattern(file, "d1a", file.lines[0], start, step, *rest)]


def is_d1b(file: TextFile) -> bool:
    """Return whether a file has format INSTRM 3: five header lines, then counts in cells of ten."""
    if len(file.lines) < 7:
        return False
    geometry = text_file.all_numbers(file.lines[3])
    points = text_file.leading_numbers(file.lines[4])
    return bool(
        geometry
        and len(geometry) >= 9
        and points
        and points[0] >= 1
        and counts.counts_of_line(file.lines[5], 10)
    )


def read_d1b(file: TextFile) -> list[MeasuredPattern]:
    """Return the pattern of an INSTRM 3 file.

    Raises:
        PatternError: the file is not of this format; names the line.
    """
    geometry = file.numbers(3, 9, "monitor, time, 2θ ... step")
    start, step = geometry[2], geometry[8]
    points = file.numbers(4, 1, "the number of points")[0]
    if not _MIN_STEP_DEG <= step <= pattern.MAX_STEP_DEG:
        raise file.error(3, f"a step of {step:g}° is not supported")
    values, variances, lines, end = counts.read_counts(file, 5, 10)
    _check_end(file, end)
    if not points <= len(values) < points + 10:
        raise file.error(end - 1, f"{len(values)} intensities, but line 5 announces {points:g}")
    rest = [part[: int(points)] for part in (values, variances, lines)]
    title = file.lines[1] if len(file.lines) > 1 else ""
    return [_pattern(file, "d1b", title, start, step, *rest)]


def _is_range(start: float, step: float, last: float) -> bool:
    return _MIN_STEP_DEG <= step <= pattern.MAX_STEP_DEG and start < last <= 180.0


def _pattern(file, name, title, start, step, values, variances, lines, ratio=1.0):
    sigma = [math.sqrt(ratio * variance) for variance in variances]
    # Zero counts were measured here, unlike an intensity of 0 ± 0: their error is unknown.
    sigma = np.where(np.array(values) == 0.0, np.nan, sigma)
    return pattern.make_pattern(
        file.name,
        name,
        start + step * np.arange(len(values)),
        values,
        sigma,
        lines=lines,
        title=title,
        wavelength_angstrom=pattern.stated_wavelength(title),
        radiation="neutron",
    )


def _check_end(file: TextFile, end: int) -> None:
    for index in range(end, len(file.lines)):
        line = file.lines[index]
        if line.strip() and not counts.is_end_marker(line):
            raise file.error(
                index, f"{line[:60]!r} comes after the end of the spectrum; only one is read"
            )
