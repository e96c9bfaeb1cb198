"""The command line's inputs -> the files to read, each with its wavelength and instrument."""

import glob
import pathlib
from collections.abc import Iterator, Sequence
from typing import NamedTuple

# Suffixes of files in a folder that are not measured patterns.
NO_PATTERNS = (
    *(".prm", ".inst", ".instprm", ".irf"),  # instrument parameters
    *(".md", ".html", ".htm", ".json", ".pdf", ".png", ".jpg", ".jpeg", ".svg", ".py", ".ipynb"),
    *(".exp", ".lst", ".pcr", ".gpx", ".zip", ".gz", ".tar", ".log", ".doc", ".docx", ".xlsx"),
)


class Input(NamedTuple):
    """A file to be read.

    Attributes:
        path: of the file.
        wavelength_angstrom: as given by the user; None to take it from the file or the parameter
            file.
        instrument: path of its instrument parameter file; None without one.
    """

    path: pathlib.Path
    wavelength_angstrom: float | None
    instrument: str | None


def find(
    given: Sequence[str], wavelengths: Sequence[float], instruments: Sequence[str]
) -> list[Input]:
    """Return all files, in the order given, each once.

    Args:
        given: files, folders or glob patterns (* ? []); an entry may list several, separated by
            commas.
        wavelengths: in Å; none, one for all files, or one for each entry of `given`.
        instruments: parameter files, likewise.

    Raises:
        ValueError: nothing is given, or several wavelengths or parameter files but not one for each
            entry.
        FileNotFoundError: a file does not exist, or a folder holds none that could be a pattern.
    """
    if not given:
        raise ValueError("--input is missing; give files, e.g. --input='data/*.gsas'")
    for path in instruments:
        if not pathlib.Path(path).is_file():
            raise FileNotFoundError(f"--instrument: {path} does not exist")
    per_entry = zip(
        given,
        _one_each("--wavelength", wavelengths, len(given)),
        _one_each("--instrument", instruments, len(given)),
        strict=True,
    )
    found: dict[pathlib.Path, Input] = {}
    for entry, wavelength, instrument in per_entry:
        for path in _files(entry):
            found.setdefault(path, Input(path, wavelength, instrument))
    return list(found.values())


def _one_each(name: str, values: Sequence, entries: int) -> Sequence:
    if len(values) <= 1:
        return [values[0] if values else None] * entries
    if len(values) != entries:
        raise ValueError(
            f"{name} has {len(values)} values, but --input has {entries}; give one for all files, "
            "or one for each --input"
        )
    return values


def _files(entry: str) -> Iterator[pathlib.Path]:
    """Yield the files of one entry; it is split at commas unless a file has that very name.

    Raises:
        FileNotFoundError: there are none.
    """
    names = [entry] if pathlib.Path(entry).exists() else [n for n in entry.split(",") if n]
    for name in names:
        if pathlib.Path(name).exists():
            matches = [pathlib.Path(name)]
        else:
            matches = [pathlib.Path(match) for match in sorted(glob.glob(name, recursive=True))]
        files = [file for match in matches for file in _inside(match)]
        if not files:
            what = "holds no file that could be a measured pattern" if matches else "does not exist"
            raise FileNotFoundError(f"--input: {name} {what}")
        yield from files


def _inside(path: pathlib.Path) -> list[pathlib.Path]:
    """Return the file itself, or all possible patterns in a folder and those below it."""
    if not path.is_dir():
        return [path]
    return [
        file
        for file in sorted(path.rglob("*"))
        if file.is_file()
        and file.suffix.lower() not in NO_PATTERNS
        and not any(part.startswith(".") for part in file.relative_to(path).parts)
    ]
