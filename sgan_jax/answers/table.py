"""An answer as a person reads it on a terminal."""

import textwrap
from collections.abc import Sequence

from sgan_jax import symmetry
from sgan_jax.answers.outcome import Outcome

TOP = 5
WIDTH = 100
_MOST_MEMBERS = 6  # space groups named of an extinction group


def lines(outcome: Outcome) -> list[str]:
    """Return the table of one pattern: lattices, extinction groups, the set, and what it means."""
    answer = outcome.answer
    if answer is None:
        return [outcome.name, *_wrapped(f"NO ANSWER: {outcome.problem}")]
    head = f"{outcome.name}   λ = {answer.wavelength_angstrom:g} Å"
    said = [f"NO ANSWER: {answer.reason}"] if answer.refused else []
    said.append(answer.words)
    if answer.refused:
        said.append("What the model would have said, not to be relied on:")
    return [
        head,
        *(line for text in said for line in _wrapped(text)),
        "",
        *_columns("Bravais lattice", [(name, "", p) for name, p in answer.bravais[:TOP]]),
        *_columns(
            "extinction group",
            [(symbol, members_in_words(numbers), p) for symbol, numbers, p in
             answer.extinction_groups[:TOP]],
        ),
        *_wrapped(f"{100 * answer.coverage:g} % set: {', '.join(answer.prediction_set)}"),
    ]  # fmt: skip


def members_in_words(numbers: Sequence[int], most: int = _MOST_MEMBERS) -> str:
    """Return '33 Pna21, 62 Pnma' of 33 and 62; of many the first ones and how many more."""
    names = [f"{number} {symmetry.SPACE_GROUP_SYMBOLS[number - 1]}" for number in numbers]
    if len(names) > most + 1:
        names = [*names[:most], f"{len(names) - most} more"]
    return ", ".join(names)


def _columns(title: str, rows: Sequence[tuple[str, str, float]]) -> list[str]:
    """Return the rows (name, what it is, probability) below their title; nothing for none."""
    if not rows:
        return []
    width = max(len(title), *(len(name) for name, _, _ in rows))
    body = [f"  {name:<{width}}  {100 * p:5.1f} %  {what}".rstrip() for name, what, p in rows]
    return [f"  {title}", *body, ""]


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent="  ", subsequent_indent="    ")
