"""A file -> what a model sees of each of its patterns, and its picture; done by other processes.

Nothing here may import jax, which those processes need not load. They alone load scipy, which the
one that answers need not.
"""

from typing import NamedTuple

from sgan_jax.answers import drawing, seeing
from sgan_jax.answers.inputs import Input
from sgan_jax.diffraction.instrument import Instrument
from sgan_jax.measured import readers
from sgan_jax.measured.model_pattern import ModelPattern
from sgan_jax.measured.pattern import MeasuredPattern, PatternError


class Look(NamedTuple):
    """A measured pattern and what a model sees of it, or why it can see nothing.

    Attributes:
        bank: which of the file's patterns; '' where it holds only one.
        measured: None where the file cannot be read, or lacks the wavelength.
        seen: by models of each instrument that was asked for, as `seeing.look` has it.
        picture: of what the last of them sees, SVG; None where none was asked for.
        problem: why there is no measured pattern.
    """

    bank: str
    measured: MeasuredPattern | None
    seen: tuple[ModelPattern | PatternError, ...]
    picture: str | None
    problem: str | None


def load_libraries() -> None:
    """Load what `read` needs: scipy and others, which takes a second or more."""
    from sgan_jax.measured import regrid  # noqa: F401


def read(
    file_format: str,
    radiation: str,
    instruments: tuple[Instrument, ...],
    pictures: bool,
    file: Input,
) -> list[Look]:
    """Return the looks at a file's patterns, one that says why where it cannot be read.

    Args:
        file_format: one of `readers.FORMATS`, '' to find it from the content.
        radiation: 'neutron' overrules words like 'X-ray' in a title.
        instruments: the models', each once.
        pictures: whether to draw.
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
        return [Look("", None, (), None, _reason(error, file))]
    several = len(patterns) > 1
    return [
        _look(one, one.bank if several else "", instruments, pictures, file) for one in patterns
    ]


def _look(
    measured: MeasuredPattern,
    bank: str,
    instruments: tuple[Instrument, ...],
    pictures: bool,
    file: Input,
) -> Look:
    try:
        seen = tuple(seeing.look(measured, instrument) for instrument in instruments)
    except PatternError as error:
        return Look(bank, None, (), None, _reason(error, file))
    last = seen[-1]
    drawn = pictures and isinstance(last, ModelPattern)
    return Look(bank, measured, seen, drawing.svg(last) if drawn else None, None)


def _reason(error: PatternError | OSError, file: Input) -> str:
    """Return the error without the file's name in front, which stands beside it."""
    if isinstance(error, OSError):
        return error.strerror or str(error)
    # What goes on after the name is a block of a CIF; another name is the parameter file's.
    return str(error).removeprefix(str(file.path)).lstrip(":, ")
