"""FullProf's free format: a line with start, step and end of 2θ, then the intensities.

INSTRM 0 (free), 8 (DMC at PSI) and 5 (two-axis instruments at LLB) differ in the lines before it;
in the last two, as many errors may follow the intensities.
"""

import math

import numpy as np

from sgan_jax.measured import pattern, text_file
from sgan_jax.measured.pattern import MeasuredPattern
from sgan_jax.measured.text_file import TextFile

_HEADER_LINES = 60


def is_free(file: TextFile) -> bool:
    """Return whether a 2θ range is followed by rows of over 3 numbers, or by all that it needs."""
    head = _find_range(file)
    if head is None:
        return False
    index, start, step, end = head
    first = _row(file.lines[index + 1]) if index + 1 < len(file.lines) else None
    if first is not None and len(first) > 3:
        return True
    points = round((end - start) / step) + 1
    numbers = 0
    for line in file.lines[index + 1 :]:
        row = _row(line)
        if row is None:
            break
        numbers += len(row)
        if numbers >= points:
            return True
    return False


def read(file: TextFile) -> list[MeasuredPattern]:
    """Return the pattern of the file.

    Raises:
        PatternError: the file is not of this format; names the line.
    """
    head = _find_range(file)
    if head is None:
        raise file.error(None, "no line with the start, step and end of 2θ")
    index, start, step, end = head
    words = [*file.lines[:index], _after_range(file.lines[index])]
    points = round((end - start) / step) + 1
    values, lines, after = _block(file, index + 1, points)
    errors, _, end_of_errors = _block(file, after, points, optional=True)
    for position in range(end_of_errors, len(file.lines)):
        line = file.lines[position]
        row = _row(line)
        if line.strip() and not (row and row[0] <= -1000.0):
            raise file.error(position, f"unexpected {line[:60]!r} after the {points} intensities")
    title = next((line for line in reversed(words) if any(c.isalpha() for c in line)), "")
    return [
        pattern.make_pattern(
            file.name,
            "fullprof",
            start + step * np.arange(points),
            values,
            errors or [math.sqrt(value) if value > 0.0 else math.nan for value in values],
            lines=lines,
            title=title.strip().lstrip("#!' "),
            wavelength_angstrom=pattern.stated_wavelength("\n".join(words)),
        )
    ]


def _find_range(file: TextFile) -> tuple[int, float, float, float] | None:
    for index, line in enumerate(file.lines[:_HEADER_LINES]):
        if text_file.is_comment(line):
            continue
        numbers = _range_numbers(line)
        if len(numbers) >= 3:
            start, step, end = numbers[:3]
            plausible = -20.0 <= start < end <= 180.0 and 1e-4 <= step <= pattern.MAX_STEP_DEG
            if plausible and (end - start) / step >= pattern.MIN_POINTS:
                return index, start, step, end
    return None


def _range_numbers(line: str) -> list[float]:
    numbers = text_file.leading_numbers(line)
    if len(numbers) < 3:  # F8 cells without blanks between them: '  3.0000  0.0500167.7500'
        cut = [text_file.to_number(cell.strip()) for cell in text_file.cells(line[:24], 8)]
        if len(cut) == 3 and None not in cut:
            return [number for number in cut if number is not None]
    return numbers


def _after_range(line: str) -> str:
    words = line.split()
    numbers = len(text_file.leading_numbers(line))
    return " ".join(words[min(numbers, 3) :]) if numbers >= 3 else line[24:]


def _row(line: str) -> list[float] | None:
    """Return the intensities of a line: free, or in cells of eight characters if they touch."""
    numbers = text_file.all_numbers(line)
    if numbers is not None and all(len(word) <= 8 for word in line.replace(",", " ").split()):
        return numbers
    cut = [text_file.to_number(cell.strip()) for cell in text_file.cells(line, 8)]
    if None not in cut and len(cut) > 1:
        return [number for number in cut if number is not None]
    return numbers


def _block(
    file: TextFile, begin: int, points: int, optional: bool = False
) -> tuple[list[float], list[int], int]:
    """Read `points` numbers, in whole lines; return them, their lines and the index after them.

    The last line may be padded. An optional block that is missing is empty.
    """
    values, lines, index = [], [], begin
    while len(values) < points and index < len(file.lines):
        row = _row(file.lines[index])
        if row is None:
            raise file.error(index, f"{file.lines[index][:60]!r} is not a line of intensities")
        if optional and not values and (not row or row[0] <= -1000.0):
            return [], [], begin
        values += row
        lines += [index + 1] * len(row)
        index += 1
    if len(values) < points:
        if optional and not values:
            return [], [], begin
        raise file.error(
            index - 1,
            f"the file ends after {len(values)} of the {points} numbers that its 2θ range requires",
        )
    return values[:points], lines[:points], index
