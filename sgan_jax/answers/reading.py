"""A file -> what a model sees of each of its patterns, and their pictures, in worker processes.

Nothing here may import jax: the workers do not need it. Only they load scipy: the process that
answers does not need it.
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
        bank: which of the file's patterns; '' if it holds only one.
        measured: None if the file cannot be read or the wavelength is unknown.
        seen: the result of `seeing.look` for each requested instrument; empty without `measured`.
        picture: SVG of the last of these; None if not requested or if that model can see nothing.
        problem: why there is no measured pattern; None if there is one.
    """

    bank: str
    measured: MeasuredPattern | None
    seen: tuple[ModelPattern | PatternError, ...]
    picture: str | None
    problem: str | None


def load_libraries() -> None:
    """Import what `read` needs: scipy and others, which takes a second or more."""
    from sgan_jax.measured import regrid  # noqa: F401


def read(
    file_format: str,
    radiation: str,
    instruments: tuple[Instrument, ...],
    pictures: bool,
    file: Input,
) -> list[Look]:
    """Return a look at each of a file's patterns; a single one with the problem if unreadable.

    Args:
        file_format: one of `readers.FORMATS`; '' detects it from the content.
        radiation: 'neutron' overrides words like 'X-ray' in a title.
        instruments: the models', each once.
        pictures: whether to draw pictures.
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
    """Return the error message without the leading file name, which is shown beside it."""
    if isinstance(error, OSError):
        return error.strerror or str(error)
    # The name may continue with a block of a CIF; another name is that of the parameter file.
    return str(error).removeprefix(str(file.path)).lstrip(":, ")
