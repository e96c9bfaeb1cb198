"""An instrument's file -> its measured patterns: detects the format, adds what the user gives."""

import dataclasses
import pathlib
import re
from collections.abc import Callable

from sgan_jax.measured import (
    columns,
    fullprof,
    gsas,
    icp,
    ill,
    instrument_file,
    nexus,
    pattern,
    powder_cif,
    spice,
    text_file,
)
from sgan_jax.measured.pattern import MeasuredPattern, PatternError
from sgan_jax.measured.text_file import TextFile

Reader = Callable[[TextFile], list[MeasuredPattern]]

# Text formats in the order in which they are tried: no test accepts files of the later formats.
_TEXT_FORMATS: dict[str, tuple[Callable[[TextFile], bool], Reader]] = {
    "gsas": (gsas.is_gsas, gsas.read),
    "bt1": (icp.is_icp, icp.read),
    "hb2a": (spice.is_spice, spice.read),
    "d1b": (ill.is_d1b, ill.read_d1b),
    "d1a": (ill.is_d1a, ill.read_d1a),
    "d1a_old": (ill.is_old_d1a, ill.read_old_d1a),
    "fullprof": (fullprof.is_free, fullprof.read),
    "columns": (lambda file: True, columns.read),
}
_NEUTRON_FORMATS = ("bt1", "hb2a", "d1b", "d1a", "d1a_old")  # used by neutron instruments only
_LETTER = re.compile(r"[^\W\d_]")
FORMATS = (*_TEXT_FORMATS, "cif", "nexus")


def read_patterns(
    path: str | pathlib.Path,
    *,
    file_format: str = "",
    wavelength_angstrom: float | None = None,
    instrument: str | pathlib.Path | None = None,
    zero_deg: float | None = None,
    radiation: str = "",
) -> list[MeasuredPattern]:
    """Return the patterns of a file, one per bank, scan or data block.

    A given wavelength and zero take precedence over those of the parameter file, and these over the
    data file's.

    Args:
        path: the file.
        file_format: one of `FORMATS`; if not given, detected from the content.
        wavelength_angstrom: λ.
        instrument: an instrument parameter file (.prm, .inst, .instprm).
        zero_deg: detector zero; true 2θ = measured 2θ - zero.
        radiation: 'neutron' overrides words like 'X-ray' in a title.

    Raises:
        PatternError: the file holds no constant-wavelength neutron pattern; names the line.
        OSError: it cannot be read.
        ValueError: `file_format` or `radiation` is unknown.
    """
    path = pathlib.Path(path)
    check_format(file_format)
    if radiation not in ("", "neutron"):
        raise ValueError(f"radiation {radiation!r} is unknown; use 'neutron'")
    if wavelength_angstrom is not None:
        pattern.check_wavelength(str(path), wavelength_angstrom)
    found = _read(path, file_format, radiation == "neutron")
    if instrument is not None:
        found = [_with_instrument_file(one, instrument) for one in found]
    changes: dict[str, float] = {}
    if wavelength_angstrom is not None:
        changes["wavelength_angstrom"] = float(wavelength_angstrom)
    if zero_deg is not None:
        changes["zero_deg"] = float(zero_deg)
    return [dataclasses.replace(one, **changes) for one in found]


def check_format(file_format: str) -> None:
    """Raise ValueError for an unknown format; '' means detection from the content."""
    if file_format and file_format not in FORMATS:
        raise ValueError(f"format {file_format!r} is unknown; use one of {', '.join(FORMATS)}")


def only_pattern(patterns: list[MeasuredPattern], bank: str = "") -> MeasuredPattern:
    """Return the pattern of a bank, or the only pattern.

    Raises:
        PatternError: there are several and no bank is given, or there is no such bank.
    """
    chosen = [one for one in patterns if not bank or one.bank == bank]
    if len(chosen) != 1:
        banks = ", ".join(one.bank or "(one without a name)" for one in patterns)
        raise PatternError(
            patterns[0].file, None, f"bank is {bank!r}; the file has the banks {banks}"
        )
    return chosen[0]


def _read(path: pathlib.Path, file_format: str, neutron: bool) -> list[MeasuredPattern]:
    content = text_file.read_bytes(path)
    name = str(path)
    if file_format == "nexus" or (not file_format and content.startswith(nexus.MAGIC)):
        return nexus.read(name, content)
    if file_format == "cif":
        return powder_cif.read(name, content)
    file = text_file.decode(name, content)
    if not file_format and any(line[:5].lower() == "data_" for line in file.lines):
        return powder_cif.read(name, content)
    if not file_format:
        tests = ((name, is_format) for name, (is_format, _) in _TEXT_FORMATS.items())
        file_format = next(name for name, is_format in tests if is_format(file))
    if not neutron and file_format not in _NEUTRON_FORMATS:
        for index, line in enumerate(file.lines):
            if _LETTER.search(line):
                pattern.refuse_other_radiation(name, index + 1, line)
    return _TEXT_FORMATS[file_format][1](file)


def _with_instrument_file(one: MeasuredPattern, path: str | pathlib.Path) -> MeasuredPattern:
    bank = one.bank if one.format == "gsas" else ""
    found = instrument_file.read_instrument_file(path, bank)
    return dataclasses.replace(
        one,
        wavelength_angstrom=found.wavelength_angstrom,
        zero_deg=found.zero_deg,
        radiation="neutron",
    )
