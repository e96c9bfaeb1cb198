"""From files to outcomes; a file that cannot be used does not stop the others."""

import functools
import itertools
from collections.abc import Iterator, Sequence

import numpy as np

from sgan_jax.answers import reading
from sgan_jax.answers.answer import Answer
from sgan_jax.answers.classifier import Classifier
from sgan_jax.answers.inputs import Input
from sgan_jax.answers.joined import join
from sgan_jax.answers.outcome import Outcome
from sgan_jax.answers.reading import Look
from sgan_jax.datasets.processes import Workers

BATCH = 32  # files whose patterns are classified together
_ERRAND = 4  # files sent to a process at a time, at most


def predict_files(
    classifiers: Sequence[Classifier],
    files: Sequence[Input],
    *,
    workers: Workers | None = None,
    pictures: bool = False,
    file_format: str = "",
    radiation: str = "",
    coverage: float = 0.9,
) -> Iterator[list[Outcome]]:
    """Yield the outcomes of each file, one per pattern in it, in the order of the files.

    Args:
        classifiers: one, or one of Bravais lattices and one of groups, whose answers are joined.
        files: to read.
        workers: the processes that read and draw; None to do both in this one.
        pictures: whether to draw a picture of each pattern, for its page.
        file_format: one of `readers.FORMATS`; '' detects it from the content.
        radiation: 'neutron' overrides words like 'X-ray' in a title.
        coverage: of the prediction sets, between 0 and 1.
    """
    instruments = tuple(dict.fromkeys(each.instrument for each in classifiers))
    read = functools.partial(reading.read, file_format, radiation, instruments, pictures)
    if workers is None:
        looks = map(read, files)
    else:
        errand = min(_ERRAND, -(-len(files) // workers.processes))
        looks = workers.map(read, files, chunk=errand)
    for each in classifiers:  # compiled while the first files are read
        each.logits(np.zeros((1, each.instrument.points), np.float32))
    for batch in itertools.batched(zip(files, looks, strict=True), BATCH):
        found = [(x.measured, x.seen) for _, per_file in batch for x in per_file if x.measured]
        by_model = [
            each.answer_seen(
                [(measured, seen[instruments.index(each.instrument)]) for measured, seen in found],
                coverage,
            )
            for each in classifiers
        ]
        answers = iter(zip(*by_model, strict=True))
        for file, per_file in batch:
            yield [_outcome(file, look, answers) for look in per_file]


def _outcome(file: Input, look: Look, answers: Iterator[tuple[Answer, ...]]) -> Outcome:
    if look.measured is None:
        return Outcome(str(file.path), look.bank, problem=look.problem)
    given = next(answers)
    answer = given[0] if len(given) == 1 else join(*given)
    return Outcome(str(file.path), look.bank, answer, picture=look.picture)
