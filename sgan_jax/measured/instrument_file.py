"""Instrument parameter files of GSAS (.prm, .inst) and GSAS-II (.instprm): wavelength and zero."""

import pathlib
import re
from typing import NamedTuple

from sgan_jax.measured import pattern, text_file
from sgan_jax.measured.pattern import PatternError
from sgan_jax.measured.text_file import TextFile


class InstrumentFile(NamedTuple):
    """What is read from a parameter file.

    Attributes:
        wavelength_angstrom: the wavelength.
        zero_deg: the detector zero; true 2θ = measured 2θ - zero.
    """

    wavelength_angstrom: float
    zero_deg: float


def read_instrument_file(path: str | pathlib.Path, bank: str = "") -> InstrumentFile:
    """Return wavelength and zero of a bank, by default the first.

    Raises:
        PatternError: the file is not a parameter file, or is for X-rays or time of flight.
        OSError: it cannot be read.
    """
    path = pathlib.Path(path)
    file = text_file.decode(str(path), text_file.read_bytes(path))
    if any(re.match(r"INS\s", line) for line in file.lines):
        return _read_gsas(file, bank)
    if any(re.match(r"\s*Type\s*:", line) for line in file.lines):
        return _read_gsas2(file)
    raise file.error(
        None, "this is not an instrument parameter file of GSAS (INS ...) or GSAS-II (Type:...)"
    )


def _read_gsas(file: TextFile, bank: str) -> InstrumentFile:
    """Read the records HTYPE and ICONS: wavelength (Å), a second one, zero (centidegrees)."""
    found = None
    for index, line in enumerate(file.lines):
        kind = re.match(r"INS\s{1,9}(\d*)\s{0,9}HTYPE\s+(\w+)", line)
        if kind:
            _check_type(file, index, kind[2])
        constants = re.match(r"INS\s+(\d+)\s*ICONS\s+(.*)", line)
        if constants and found is None and bank in ("", constants[1]):
            found = index, text_file.leading_numbers(constants[2])
    if found is None:
        raise file.error(None, f"no ICONS record{f' for bank {bank}' if bank else ''}")
    index, numbers = found
    if len(numbers) < 3:
        raise file.error(index, "wavelength, second wavelength and zero must follow ICONS")
    if numbers[1] > 0.0:
        raise file.error(
            index, f"two wavelengths, {numbers[0]:g} and {numbers[1]:g} Å; only one is supported"
        )
    return _checked(file, index, numbers[0], numbers[2] / 100.0)


def _read_gsas2(file: TextFile) -> InstrumentFile:
    values = {}
    for index, line in enumerate(file.lines):
        found = re.match(r"\s*([\w./-]+)\s*:\s*(\S+)", line)
        if found and found[1] not in values:
            values[found[1]] = index, found[2]
    _check_type(file, *values["Type"])
    if "Lam" not in values:
        raise file.error(None, "no wavelength (Lam:)")
    index, text = values["Lam"]
    zero = text_file.to_number(values["Zero"][1]) if "Zero" in values else 0.0
    return _checked(file, index, text_file.to_number(text), zero)


def _checked(
    file: TextFile, index: int, wavelength: float | None, zero: float | None
) -> InstrumentFile:
    if wavelength is None or zero is None or not abs(zero) <= 20.0:
        raise file.error(
            index, f"the wavelength is {wavelength} and the zero {zero}°; give numbers"
        )
    try:
        pattern.check_wavelength(file.name, wavelength)
    except PatternError as error:
        raise file.error(index, error.detail) from error
    return InstrumentFile(wavelength, zero)


def _check_type(file: TextFile, index: int, kind: str) -> None:
    """Raise PatternError for GSAS histogram types other than PNC (powder, neutron, constant λ)."""
    kind = kind.upper()
    if kind.startswith("PNT"):
        raise file.error(index, f"{kind}: {pattern.TIME_OF_FLIGHT}")
    if kind.startswith(("PX", "PE")):
        raise file.error(index, f"{kind}: {pattern.X_RAY}")
    if not kind.startswith("PNC"):
        raise file.error(index, f"the histogram type is {kind}; only PNC is read")
