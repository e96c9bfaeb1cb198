"""GSAS raw data: banks of CONST steps in STD, ESD, ALT, FXY or FXYE records.

Angles are in centidegrees; everything after the title follows the GSAS manual (Larson & Von Dreele,
LAUR 86-748). Time-of-flight binnings (SLOG, RALF, ...) are refused.
"""

import math
import re

import numpy as np

from sgan_jax.measured import counts, pattern, text_file
from sgan_jax.measured.pattern import MeasuredPattern, PatternError
from sgan_jax.measured.text_file import TextFile

_TIME_BINNINGS = ("SLOG", "LOG6", "RALF", "TIME_MAP", "TIMEMAP", "LPSD", "COND", "CONQ")
_TYPES = ("STD", "ESD", "ALT", "FXY", "FXYE")
Points = tuple[list[float], list[float], list[float], list[int]]  # 2θ, intensity, error, line


def is_gsas(file: TextFile) -> bool:
    """Return whether a file has a bank."""
    return any(re.match(r"BANK\s+\d", line) for line in file.lines)


def read(file: TextFile) -> list[MeasuredPattern]:
    """Return the pattern of each bank.

    Raises:
        PatternError: a bank is not a constant-wavelength pattern; names the line.
    """
    begins = [i for i, line in enumerate(file.lines) if re.match(r"BANK\s+\d", line)]
    if not begins:
        raise file.error(None, "no BANK line")
    title = re.sub(r"[^\x20-\x7e\xa0-\uffff]+.*", "", file.lines[0]) if begins[0] else ""
    return [
        _read_bank(file, title, begin, end, several=len(begins) > 1)
        for begin, end in zip(begins, [*begins[1:], len(file.lines)], strict=True)
    ]


def _read_bank(file: TextFile, title: str, begin: int, end: int, several: bool) -> MeasuredPattern:
    words = file.lines[begin].split()
    if len(words) < 5:
        raise file.error(begin, f"{file.lines[begin][:60]!r} is not a BANK line")
    channels, binning = text_file.to_number(words[2]), words[4].upper()
    if binning in _TIME_BINNINGS:
        raise file.error(begin, f"binning {binning}: {pattern.TIME_OF_FLIGHT}")
    if binning != "CONST":
        raise file.error(
            begin, f"binning {binning} is not read; constant-wavelength data have CONST"
        )
    if channels is None or not (1 <= channels <= pattern.MAX_POINTS and channels.is_integer()):
        raise file.error(begin, f"{words[2]!r} is not a number of points")
    record = words[-1].upper() if words[-1].upper() in _TYPES else "STD"
    last = begin + 1
    while last < end and file.lines[last].strip() and file.lines[last][0] != "#":
        last += 1
    if record in ("STD", "ESD"):
        start, step = [text_file.to_number(word) for word in (*words[5:7], "-", "-")][:2]
        if start is None or step is None or not step > 0.0:
            raise file.error(begin, "start and step (centidegrees) must follow CONST")
        reader = _read_std if record == "STD" else _read_esd
        values, errors, lines = reader(file, begin + 1, last, int(channels))
        x = [(start + step * i) / 100.0 for i in range(min(len(values), int(channels)))]
    else:
        reader = _read_alt if record == "ALT" else _read_fxye
        x, values, errors, lines = reader(file, begin + 1, last)
    # The last record is padded with zeros; some programs promise one point too many.
    count = int(channels)
    if len(values) < count - 1:
        at = lines[-1] if lines else begin + 1
        raise PatternError(file.name, at, f"the bank ends after {len(values)} of {count} points")
    return pattern.make_pattern(
        file.name,
        "gsas",
        x[:count],
        values[:count],
        errors[:count],
        lines=lines[:count],
        title=title,
        wavelength_angstrom=pattern.stated_wavelength(title),
        bank=words[1] if several else "",
    )


def _read_std(
    file: TextFile, begin: int, end: int, channels: int
) -> tuple[list[float], list[float], list[int]]:
    # Some programs separate counts by single blanks instead of using cells.
    if any(counts.counts_of_line(line, 8) is None for line in file.lines[begin:end]):
        values, lines = _free(file, begin, end)
        if not channels <= len(values) < channels + 10:
            raise file.error(begin, f"{len(values)} counts, but the BANK line announces {channels}")
        return values, [math.sqrt(max(value, 0.0)) for value in values], lines
    values, variances, lines, _ = counts.read_counts(file, begin, 8, end)
    return values, [math.sqrt(variance) for variance in variances], lines


def _read_esd(
    file: TextFile, begin: int, end: int, channels: int
) -> tuple[list[float], list[float], list[int]]:
    numbers, lines = [], []
    for index in range(begin, end):
        row = [text_file.to_number(cell.strip()) for cell in text_file.cells(file.lines[index], 8)]
        if None in row or len(row) % 2:
            break
        numbers += row
        lines += [index + 1] * len(row)
    else:
        return numbers[::2], numbers[1::2], lines[::2]
    numbers, lines = _free(file, begin, end)
    if len(numbers) % 2 or not channels <= len(numbers) // 2 < channels + 5:
        raise file.error(
            begin, f"{len(numbers)} numbers, but the BANK line announces {channels} pairs"
        )
    return numbers[::2], numbers[1::2], lines[::2]


def _read_alt(file: TextFile, begin: int, end: int) -> Points:
    """Read 4(F8.0, F7.4, F5.4): 2θ in centidegrees times 32, intensity and error times 1000."""
    x, y, errors, lines = [], [], [], []
    for index in range(begin, end):
        for cell in text_file.cells(file.lines[index], 20):
            if not cell.strip():
                break
            parts = [cell[:8], cell[8:15], cell[15:20]]
            row = [text_file.to_number(part.strip()) for part in parts]
            angle, value, error = row
            if angle is None or value is None or error is None:
                raise file.error(index, f"{cell!r} is not a 2θ, intensity and error")
            if angle == 0.0:  # padding of the last record
                break
            x.append(angle / 3200.0)
            y.append(value / 1000.0)
            errors.append(error / 1000.0)
            lines.append(index + 1)
    return x, y, errors, lines


def _read_fxye(file: TextFile, begin: int, end: int) -> Points:
    """Read lines of 2θ in centidegrees, intensity and, in FXYE, its error."""
    x, y, errors, lines = [], [], [], []
    for index in range(begin, end):
        row = text_file.all_numbers(file.lines[index])
        if row is None or not 2 <= len(row) <= 3:
            raise file.error(index, f"{file.lines[index][:60]!r} is not a 2θ, intensity and error")
        x.append(row[0] / 100.0)
        y.append(row[1])
        errors.append(row[2] if len(row) == 3 else np.sqrt(max(row[1], 0.0)))
        lines.append(index + 1)
    return x, y, errors, lines


def _free(file: TextFile, begin: int, end: int) -> tuple[list[float], list[int]]:
    numbers, lines = [], []
    for index in range(begin, end):
        row = text_file.all_numbers(file.lines[index])
        if row is None:
            raise file.error(index, f"{file.lines[index][:60]!r} is not a record of numbers")
        numbers += row
        lines += [index + 1] * len(row)
    return numbers, lines
