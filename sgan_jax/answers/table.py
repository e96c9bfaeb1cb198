"""An answer as a table on the terminal."""

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

from sgan_jax import symmetry
from sgan_jax.answers.outcome import Outcome

if TYPE_CHECKING:
    from sgan_jax.answers.answer import Answer

TOP = 5
WIDTH = 100
MOST_IN_SET = 15  # classes listed by name; --output and the page have all


def lines(outcome: Outcome) -> list[str]:
    """Return the lines for one pattern: words, lattices, extinction groups, prediction set."""
    answer = outcome.answer
    if answer is None:
        return [outcome.name, *_wrapped(f"NO PREDICTION: {outcome.problem}")]
    if answer.refused:
        said = [f"NO PREDICTION: {answer.reason}"]
        if answer.bravais:
            said.append("The model's output, which is not reliable:")
    else:
        said = [answer.words]
    groups = [
        (symbol, members_in_words(numbers), probability)
        for symbol, numbers, probability in answer.extinction_groups[:TOP]
    ]
    return [
        f"{outcome.name}   λ = {answer.wavelength_angstrom:g} Å",
        *(line for text in said for line in _wrapped(text)),
        *_columns("Bravais lattice", [(name, "", p) for name, p in answer.bravais[:TOP]]),
        *_columns("extinction group", groups),
        *_set(answer),
    ]


def members_in_words(numbers: Sequence[int], most: int = 6) -> str:
    """Return '33 Pna21, 62 Pnma' for 33 and 62; for many, the first ones and how many more."""
    names = [f"{number} {symmetry.SPACE_GROUP_SYMBOLS[number - 1]}" for number in numbers]
    return _first(names, most)


def _set(answer: "Answer") -> list[str]:
    if not answer.prediction_set:
        return []
    names = _first(answer.prediction_set, MOST_IN_SET)
    return ["", *_wrapped(f"{100 * answer.coverage:g} % prediction set: {names}")]


def _first(names: Sequence[str], most: int) -> str:
    """Return the first names and the number of others; all names if only one would be left out."""
    if len(names) > most + 1:
        names = [*names[:most], f"{len(names) - most} more"]
    return ", ".join(names)


def _columns(title: str, rows: Sequence[tuple[str, str, float]]) -> list[str]:
    """Return the rows (name, description, probability) below their title; [] without rows."""
    if not rows:
        return []
    width = max(len(title), *(len(name) for name, _, _ in rows))
    body = [f"  {name:<{width}}  {100 * p:5.1f} %  {what}".rstrip() for name, what, p in rows]
    return ["", f"  {title}", *body]


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent="  ", subsequent_indent="    ")
