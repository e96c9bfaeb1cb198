"""NIST BT-1 raw data (.bt1), as written by the NCNR's program ICP.

A header that starts with a quoted file name and 'Filename  Date  Scan ...'; a line of column names;
then for each position of the detector bank a row of numbers, followed by the counts of the 32
detectors, comma-separated over a few lines. The detectors are 5° apart (NCNR, BT-1 user's guide).
The counts at each angle are averaged over the detectors that measured it, without correcting for
their efficiencies: the NCNR's proprep and gformat do, so prefer their GSAS files if available.
"""

import re

import numpy as np

from sgan_jax.measured import pattern, text_file
from sgan_jax.measured.pattern import MeasuredPattern
from sgan_jax.measured.text_file import TextFile

DETECTORS = 32
DETECTOR_SPACING_DEG = 5.0
_ANGLES = ("a4", "2theta", "twotheta", "two-theta")


def is_icp(file: TextFile) -> bool:
    """Return whether a file has ICP's header."""
    second = file.lines[1] if len(file.lines) > 1 else ""
    return file.lines[0].startswith("'") and re.match(r"\s*Filename\s+Date\b", second) is not None


def read(file: TextFile) -> list[MeasuredPattern]:
    """Return the pattern of a scan of the detector bank.

    Raises:
        PatternError: the file is not such a scan; names the line.
    """
    names_at = _find_names(file)
    names = file.lines[names_at].lower().replace("#", " ").split()
    column = next(i for i, name in enumerate(names) if name in _ANGLES)
    angles, counts, lines = [], [], []
    index = names_at + 1
    while index < len(file.lines) and file.lines[index].strip():
        row = text_file.all_numbers(file.lines[index])
        if row is None or len(row) <= column or "," in file.lines[index]:
            raise file.error(index, f"{file.lines[index][:60]!r} is not a row of {' '.join(names)}")
        angle, position, detectors = row[column], index, []
        index += 1
        while index < len(file.lines) and "," in file.lines[index]:
            more = text_file.all_numbers(file.lines[index].strip().rstrip(","))
            if more is None:
                raise file.error(index, f"{file.lines[index][:60]!r} is not a list of counts")
            detectors += more
            index += 1
        if len(detectors) != DETECTORS:
            raise file.error(
                position, f"{len(detectors)} detectors; a BT-1 scan has {DETECTORS} at each angle"
            )
        angles.append(angle)
        counts.append(detectors)
        lines.append(position + 1)
    if not angles:
        raise file.error(names_at, "no data after this line")
    x, y, sigma, at = average_detectors(
        np.array(angles)[:, None] + DETECTOR_SPACING_DEG * np.arange(DETECTORS)[None, :],
        np.array(counts),
        np.ones(len(angles)),
        np.array(lines),
    )
    title = file.lines[2][:50] if len(file.lines) > 2 else ""
    return [
        pattern.make_pattern(
            file.name, "bt1", x, y, sigma, lines=at, title=title, radiation="neutron"
        )
    ]


def average_detectors(
    two_theta_deg: np.ndarray,
    counts: np.ndarray,
    monitor: np.ndarray,
    lines: np.ndarray,
    step_deg: float = 0.05,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return 2θ, intensity, error and line of a scan of several detectors, in bins of `step_deg`.

    Args:
        two_theta_deg: of each position and detector [n, m].
        counts: [n, m].
        monitor: monitor counts at each position [n], above 0.
        lines: of the file [n].
        step_deg: width of a bin; its 2θ is the mean of those in it, weighted with the monitor.

    A bin's intensity is Σ counts / Σ monitor times the mean monitor; its error is that of Poisson
    counts, of one count if there is none.
    """
    bins = np.round(two_theta_deg / step_deg)
    _, first, index = np.unique(bins, return_index=True, return_inverse=True)
    index = index.ravel()
    weights = np.repeat(monitor, counts.shape[1])
    summed_monitor = np.bincount(index, weights)
    summed = np.bincount(index, counts.ravel())
    angle = np.bincount(index, two_theta_deg.ravel() * weights) / summed_monitor
    scale = monitor.mean() / summed_monitor
    sigma = np.sqrt(np.maximum(summed, 1.0)) * scale
    return angle, summed * scale, sigma, np.repeat(lines, counts.shape[1])[first]


def _find_names(file: TextFile) -> int:
    for index, line in enumerate(file.lines[2:], 2):
        words = line.lower().replace("#", " ").split()
        if "counts" in words and any(name in words for name in _ANGLES):
            return index
    raise file.error(
        None, "no column names A4 and COUNTS: this is not a scan of BT-1's detector bank"
    )
