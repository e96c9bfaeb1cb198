"""Intensities in cells of fixed width: number of detectors and the mean of their counts."""

import math

from sgan_jax.measured import text_file
from sgan_jax.measured.text_file import TextFile


def counts_of_line(line: str, width: int) -> list[tuple[int, float]] | None:
    """Return (detectors, counts) of each cell: two characters, then the counts.

    None if the line does not have that form. Blank detectors mean one (GSAS, STD); a blank cell
    ends the line.
    """
    found = []
    for cell in text_file.cells(line, width):
        if not cell.strip():
            break
        detectors, value = cell[:2].strip(), text_file.to_number(cell[2:].strip())
        if value is None or not (detectors == "" or (detectors.isascii() and detectors.isdigit())):
            return None
        found.append((int(detectors or 1), value))
    return found


def read_counts(
    file: TextFile, first: int, width: int, end: int | None = None
) -> tuple[list[float], list[float], list[int], int]:
    """Read lines of counts up to an end marker (-1000, -10000), a blank line, or the line `end`.

    Returns intensities, their variances, 1-based lines, and the index of the first line after them.
    The mean y of the counts of n detectors has variance y / n. No detectors: not measured (NaN).
    """
    values, variances, lines = [], [], []
    index = first
    stop = len(file.lines) if end is None else min(end, len(file.lines))
    while index < stop:
        line = file.lines[index]
        if not line.strip() or is_end_marker(line):
            break
        found = counts_of_line(line, width)
        if found is None:
            raise file.error(
                index, f"{line[:60]!r} is not a row of counts in fields of {width} characters"
            )
        for detectors, value in found:
            values.append(value if detectors else math.nan)
            variances.append(max(value, 0.0) / max(detectors, 1))
            lines.append(index + 1)
        index += 1
    return values, variances, lines, index


def is_end_marker(line: str) -> bool:
    """Return whether a line ends a spectrum or a file in ILL formats: -1000 or -10000."""
    return line.split()[:1] in (["-1000"], ["-10000"], ["-1000."], ["-10000."])
