"""A file -> what a model sees of each of its patterns; done by several processes for many files.

Nothing here may import jax, which the processes need not load.
"""

from typing import NamedTuple

from sgan_jax.answers.inputs import Input
from sgan_jax.diffraction.instrument import Instrument
from sgan_jax.measured import readers, regrid
from sgan_jax.measured.pattern import MeasuredPattern, PatternError
from sgan_jax.measured.regrid import ModelPattern


class Look(NamedTuple):
    """A measured pattern and what a model sees of it, or why it can see nothing.

    Attributes:
        bank: which of the file's patterns; '' where it holds only one.
        measured: None where the file cannot be read, or lacks the wavelength.
        seen: by models of each instrument that was asked for, as `seeing.look` has it.
        problem: why there is no measured pattern.
    """

    bank: str
    measured: MeasuredPattern | None
    seen: tuple[ModelPattern | PatternError, ...]
    problem: str | None


def read(
    file_format: str, radiation: str, instruments: tuple[Instrument, ...], file: Input
) -> list[Look]:
    """Return the looks at a file's patterns, one that says why where it cannot be read.

    Args:
        file_format: one of `readers.FORMATS`, '' to find it from the content.
        radiation: 'neutron' overrules words like 'X-ray' in a title.
        instruments: the models', each once.
        file: to read.
    """
    try:
        patterns = readers.read_patterns(
            file.path,
            file_format=file_format,
            wavelength_angstrom=file.wavelength_angstrom,
            instrument=file.instrument,
            radiation=radiation,
        )
    except (PatternError, OSError) as error:
        return [Look("", None, (), _reason(error, file))]
    return [_look(one, instruments, file, several=len(patterns) > 1) for one in patterns]


def _look(
    measured: MeasuredPattern, instruments: tuple[Instrument, ...], file: Input, *, several: bool
) -> Look:
    bank = measured.bank if several else ""
    try:
        measured.known_wavelength()
    except PatternError as error:
        return Look(bank, None, (), _reason(error, file))
    seen = tuple(_seen(measured, instrument) for instrument in instruments)
    return Look(bank, measured, seen, None)


def _seen(measured: MeasuredPattern, instrument: Instrument) -> ModelPattern | PatternError:
    try:
        return regrid.to_model_grid(measured, instrument)
    except PatternError as error:
        return error


def _reason(error: PatternError | OSError, file: Input) -> str:
    """Return the error without the file's name in front, which stands beside it."""
    if isinstance(error, OSError):
        return error.strerror or str(error)
    # What goes on after the name is a block of a CIF; another name is the parameter file's.
    return str(error).removeprefix(str(file.path)).lstrip(":, ")
