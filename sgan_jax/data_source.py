"""Parse `config.data.source`: kinds of crystals, and how many of each.

synthetic                        crystals.synthetic, data.synthetic_crystals of them
cif                              all crystals of data.cif_path
synthetic:100000+cif             both
synthetic:20000+prototypes:5000  these numbers of each
"""

from typing import NamedTuple

MADE = ("synthetic", "prototypes")
KINDS = (*MADE, "cif")


class Part(NamedTuple):
    """One kind of crystals; a count of 0 is the kind's default (of 'cif': all)."""

    kind: str
    count: int


def parse(text: str) -> tuple[Part, ...]:
    """Return the parts of a source, in the order given.

    Raises:
      ValueError: a kind is unknown or named twice, or a count is not a whole number above 0.
    """
    parts = []
    for word in text.split("+"):
        kind, colon, count = word.strip().partition(":")
        if kind not in KINDS:
            raise ValueError(
                f"data.source is {text!r}; use 'synthetic', 'prototypes', 'cif', or several "
                "with numbers, such as 'synthetic:100000+cif'"
            )
        if colon and not (count.isdecimal() and int(count) > 0):
            raise ValueError(
                f"data.source is {text!r}, where {count!r} is not a number of crystals; "
                f"use '{kind}' or, for example, '{kind}:20000'"
            )
        parts.append(Part(kind, int(count or 0)))
    kinds = [part.kind for part in parts]
    if len(set(kinds)) < len(kinds):
        raise ValueError(
            f"data.source is {text!r}, which names one kind twice; add the two numbers"
        )
    return tuple(parts)
