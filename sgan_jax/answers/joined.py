"""One answer from two models: the lattices from one, the space groups from the other."""

import dataclasses

from sgan_jax.answers.answer import Answer


def join(lattices: Answer, groups: Answer) -> Answer:
    """Join the answers of a lattice model and a group model for the same pattern.

    The lattices and their probabilities are the first model's, the space groups and extinction
    groups the second's; the prediction set is both sets together. If the models' best lattices
    differ, the words say so. The joined answer is refused if either is.
    """
    said = {"Lattice model": lattices.words, "Group model": groups.words}
    words = " ".join(f"{who}: {what}" for who, what in said.items() if what)
    first, other = lattices.bravais[:1], groups.bravais[:1]
    if first and other and first[0][0] != other[0][0]:
        words += (
            f" The two models disagree: the lattice model predicts {first[0][0]} "
            f"({100 * first[0][1]:.0f} %), the group model {other[0][0]} "
            f"({100 * other[0][1]:.0f} %); treat both with caution."
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
