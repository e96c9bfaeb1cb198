"""One answer of two models: the lattices of the one, the space groups of the other."""

import dataclasses

from sgan_jax.answers.answer import Answer


def join(lattices: Answer, groups: Answer) -> Answer:
    """Return the answer of a model of Bravais lattices and one of groups, for the same pattern.

    The lattices and their probabilities are the first one's, space groups and extinction groups the
    second one's; the set holds both. Where the groups' best lattice is another than the first
    model's, the words say so. It is refused where either is.
    """
    said = {"The model of lattices": lattices.words, "The model of groups": groups.words}
    words = " ".join(f"{who}: {what}" for who, what in said.items() if what)
    first, other = lattices.bravais[:1], groups.bravais[:1]
    if first and other and first[0][0] != other[0][0]:
        words += (
            f" The two models do not agree: that of lattices says {first[0][0]} "
            f"({first[0][1]:.0%}), that of groups {other[0][0]} ({other[0][1]:.0%}); take neither "
            "for certain."
        )
    reasons = dict.fromkeys(filter(None, [lattices.reason, groups.reason]))
    return dataclasses.replace(
        groups,
        bravais=lattices.bravais,
        prediction_set=[*lattices.prediction_set, *groups.prediction_set],
        refused=lattices.refused or groups.refused,
        reason="; ".join(reasons) or None,
        words=words,
    )
