"""HB-2A raw scans, as written by HFIR's program SPICE (reduced ones are column files).

Lines '# name = value', the column names after 'col_headers', rows of numbers; the bank's 44
detectors are the columns anode1 ... anode44. Their angles relative to the first are those used by
Mantid's HB2AReduce. Counts are averaged without the vanadium correction, which is in another file.
"""

import re

import numpy as np

from sgan_jax.measured import icp, pattern, text_file
from sgan_jax.measured.pattern import MeasuredPattern
from sgan_jax.measured.text_file import TextFile

# fmt: off
# Mantid, HB2AReduce: degrees from the first detector.
DETECTOR_ANGLES_DEG = np.array([
    0.0, 2.641, 5.287, 8.042, 10.775, 13.488, 16.129, 18.814, 21.551, 24.236, 26.988, 29.616,
    32.312, 34.956, 37.749, 40.4, 43.111, 45.839, 48.542, 51.207, 53.938, 56.62, 59.286, 61.994,
    64.651, 67.352, 70.11, 72.765, 75.492, 78.204, 80.917, 83.563, 86.279, 88.929, 91.657, 94.326,
    97.074, 99.784, 102.494, 105.174, 107.813, 110.551, 113.25, 115.915,
])
# fmt: on


def is_spice(file: TextFile) -> bool:
    """Return whether a file is a SPICE scan."""
    return any(re.match(r"#\s*col_headers\s*=", line) for line in file.lines[:200])


def read(file: TextFile) -> list[MeasuredPattern]:
    """Return the pattern of a scan of the detector bank.

    Raises:
        PatternError: the file is not such a scan; names the line.
    """
    values = {}
    for line in file.lines:
        found = re.match(r"#\s*(\w+)\s*=\s*(.*)", line)
        if found:
            values[found[1].lower()] = found[2].strip()
    headers = [i for i, line in enumerate(file.lines) if re.match(r"#\s*col_headers\s*=", line)]
    if not headers:
        raise file.error(None, "no line '# col_headers =': this is not a scan of HB-2A")
    at = headers[-1] + 1
    names = file.line(at, "the column names").lower().lstrip("#").split()
    detectors = [f"anode{number + 1}" for number in range(len(DETECTOR_ANGLES_DEG))]
    missing = [name for name in ("2theta", "monitor", *detectors) if name not in names]
    if missing:
        raise file.error(at, f"no column {missing[0]}: this is not a scan of HB-2A's detector bank")
    rows, lines = [], []
    for index in range(at + 1, len(file.lines)):
        if text_file.is_comment(file.lines[index]):
            continue
        row = text_file.all_numbers(file.lines[index])
        if row is None or len(row) != len(names):
            raise file.error(
                index, f"{file.lines[index][:60]!r} is not a row of {len(names)} numbers"
            )
        rows.append(row)
        lines.append(index + 1)
    if not rows:
        raise file.error(at, "no data after this line")
    table, at_line = np.array(rows), np.array(lines)
    monitor = table[:, names.index("monitor")]
    counted = monitor > 0.0
    if not counted.any():
        raise file.error(at, "all monitor counts are zero")
    table, monitor, at_line = table[counted], monitor[counted], at_line[counted]
    if not np.isfinite(table).all():
        bad = int(np.argmax(~np.isfinite(table).all(axis=1)))
        raise file.error(int(at_line[bad]) - 1, "a value is not finite")
    x, y, sigma, point_lines = icp.average_detectors(
        table[:, names.index("2theta"), None] + DETECTOR_ANGLES_DEG[None, :],
        table[:, [names.index(name) for name in detectors]],
        monitor,
        at_line,
    )
    return [
        pattern.make_pattern(
            file.name,
            "hb2a",
            x,
            y,
            sigma,
            lines=point_lines,
            title=values.get("scan_title", ""),
            radiation="neutron",
        )
    ]
