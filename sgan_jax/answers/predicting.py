"""Files in, outcomes out: whatever one file holds, the others are answered."""

import itertools
from collections.abc import Iterator, Sequence

from sgan_jax.answers.answer import Answer
from sgan_jax.answers.classifier import Classifier
from sgan_jax.answers.inputs import Input
from sgan_jax.answers.joined import join
from sgan_jax.answers.outcome import Outcome
from sgan_jax.measured import readers
from sgan_jax.measured.pattern import MeasuredPattern, PatternError

BATCH = 64  # files that are read before their patterns are classified together


def predict_files(
    classifiers: Sequence[Classifier],
    files: Sequence[Input],
    *,
    file_format: str = "",
    coverage: float = 0.9,
) -> Iterator[list[Outcome]]:
    """Yield the outcomes of each file, one a pattern of it, in the order of the files.

    Args:
        classifiers: one, or one of Bravais lattices and one of groups, whose answers are joined.
        files: to read.
        file_format: one of `readers.FORMATS`; '' finds it from the content.
        coverage: of the prediction sets, between 0 and 1.
    """
    for batch in itertools.batched(files, BATCH):
        found = [_read(file, file_format) for file in batch]
        patterns = [
            each for per_file in found for each in per_file if isinstance(each, MeasuredPattern)
        ]
        answers = iter(_answers(classifiers, patterns, coverage))
        for file, per_file in zip(batch, found, strict=True):
            yield [
                each
                if isinstance(each, Outcome)
                else Outcome(str(file.path), each.bank if len(per_file) > 1 else "", next(answers))
                for each in per_file
            ]


def _read(file: Input, file_format: str) -> list[MeasuredPattern | Outcome]:
    """Return what a file holds, an outcome in place of each pattern that cannot be used."""
    try:
        patterns = readers.read_patterns(
            file.path,
            file_format=file_format,
            wavelength_angstrom=file.wavelength_angstrom,
            instrument=file.instrument,
        )
    except (PatternError, OSError) as error:
        return [Outcome(str(file.path), problem=_reason(error, file))]
    found: list[MeasuredPattern | Outcome] = []
    for each in patterns:
        try:
            each.known_wavelength()
            found.append(each)
        except PatternError as error:
            bank = each.bank if len(patterns) > 1 else ""
            found.append(Outcome(str(file.path), bank, problem=_reason(error, file)))
    return found


def _answers(
    classifiers: Sequence[Classifier], patterns: list[MeasuredPattern], coverage: float
) -> Iterator[Answer]:
    if len(classifiers) == 1:
        return classifiers[0].answer_many(patterns, coverage)
    lattices, groups = classifiers
    return map(
        join, lattices.answer_many(patterns, coverage), groups.answer_many(patterns, coverage)
    )


def _reason(error: PatternError | OSError, file: Input) -> str:
    """Return the error without the file's name in front, which stands beside it."""
    if isinstance(error, PatternError):
        if error.file == str(file.path):
            return f"line {error.line}: {error.detail}" if error.line else error.detail
        return str(error)
    return error.strerror or str(error)
