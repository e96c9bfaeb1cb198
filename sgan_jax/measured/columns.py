"""Two- or three-column text: 2θ, intensity and its error (.xy, .xye, .dat, .csv, XYDATA).

Columns are separated by blanks, tabs, commas or semicolons; decimal commas are understood. Lines
that start with a comment sign, and words before the first row of numbers, belong to the header.
FullProf's XYDATA (INSTRM = 10) is the same, with factors of 2θ and intensity in a line INTER.
"""

import re

import numpy as np

from sgan_jax.measured import pattern, text_file
from sgan_jax.measured.pattern import MeasuredPattern
from sgan_jax.measured.text_file import TextFile

_OTHER_AXES = {
    "q": "Q",
    "s": "s",
    "d": "d-spacings",
    "dspacing": "d-spacings",
    "tof": "times of flight",
    "t": "times of flight",
    "time": "times",
    "energy": "energies",
    "e": "energies",
}
_INTENSITY = re.compile(r"i$|y$|int|count|obs|yobs|signal|data")
_NO_ERROR = re.compile(r"calc|fit|model|back|bkg|diff", re.IGNORECASE)


def read(file: TextFile) -> list[MeasuredPattern]:
    """Return the pattern of a column file.

    Raises:
        PatternError: it is not a column file; names the line.
    """
    header: list[int] = []
    rows, lines = [], []
    for index, line in enumerate(file.lines):
        numbers = row_numbers(line)
        if numbers is None and text_file.is_comment(line):
            header.append(index)
        elif not rows and (numbers is None or len(numbers) < 2):
            header.append(index)
        elif numbers is None:
            raise file.error(index, f"{line[:60]!r} is not a row of numbers")
        elif not 2 <= len(numbers) <= 3:
            raise file.error(
                index, f"{len(numbers)} columns; give 2θ, intensity and, if known, its error"
            )
        elif rows and len(numbers) != len(rows[0]):
            raise file.error(
                index, f"{len(numbers)} columns, but {len(rows[0])} in the previous lines"
            )
        else:
            rows.append(numbers)
            lines.append(index + 1)
    if not rows:
        raise file.error(None, "no rows of 2θ and intensity")
    words = [file.lines[index] for index in header if index < lines[0]]
    names = _column_names(words, len(rows[0]))
    if names and names[0] in _OTHER_AXES:
        raise file.error(None, f"the first column is {_OTHER_AXES[names[0]]}, not 2θ in degrees")
    table = np.array(rows)
    factors, xydata = _xydata_factors(file, words), _is_xydata(words)
    sigma = table[:, 2] * factors[1] if table.shape[1] == 3 else None
    if len(names) > 2 and _NO_ERROR.search(names[2]):
        sigma = None
    text = "\n".join(words)
    return [
        pattern.make_pattern(
            file.name,
            "xydata" if xydata else "columns",
            table[:, 0] * factors[0],
            table[:, 1] * factors[1],
            sigma,
            lines=lines,
            title=_title(words[:-1] if names else words),
            wavelength_angstrom=pattern.stated_wavelength(text),
        )
    ]


def row_numbers(line: str) -> list[float] | None:
    """Return the numbers of a row, or None if it contains anything else."""
    if ";" in line:
        tokens = [part.strip().replace(",", ".") for part in line.strip().rstrip(";").split(";")]
    elif "." not in line and re.fullmatch(r"\s*[-+]?\d+,\d+(?:\s+[-+]?\d+(?:,\d+)?)+\s*", line):
        tokens = line.replace(",", ".").split()
    elif "," not in line:
        tokens = line.split()
        if not tokens:
            return None
    else:
        fields = [field.split() for field in line.strip().rstrip(",").split(",")]
        if not all(fields):
            return None  # an empty field would shift the columns after it
        tokens = [token for field in fields for token in field]
    numbers = [text_file.to_number(token) for token in tokens]
    return None if None in numbers else [number for number in numbers if number is not None]


def _is_xydata(words: list[str]) -> bool:
    return any(line.strip().upper().startswith("XYDATA") for line in words)


def _xydata_factors(file: TextFile, words: list[str]) -> tuple[float, float]:
    for index, line in enumerate(words):
        if line.strip().upper().startswith("INTER"):
            factors = text_file.leading_numbers(line.strip()[5:])[:2]
            if len(factors) < 2 or not all(0.0 < factor < 1e12 for factor in factors):
                raise file.error(index, f"{line[:60]!r}: two factors above 0 must follow INTER")
            return factors[0], factors[1]
    return 1.0, 1.0


def _column_names(words: list[str], columns: int) -> list[str]:
    """Return the columns' names in the header's last line, without units, or [] if none."""
    if not words:
        return []
    line = words[-1].strip().lstrip("#!;%'\"/* ")[:200]
    line = re.sub(r"\(.*?\)|\[.*?\]|/\s*\S+", " ", line)
    names = [
        re.sub(r"[^a-z0-9θ]", "", name) for name in re.split(r"[,;\t ]+", line.lower()) if name
    ]
    return names if 2 <= len(names) <= columns and _INTENSITY.match(names[1]) else []


def _title(words: list[str]) -> str:
    for line in words:
        title = re.sub(r"^XYDATA", "", line.strip().lstrip("#!;%'\"/* "), flags=re.IGNORECASE)
        if title.strip():
            return title
    return ""
