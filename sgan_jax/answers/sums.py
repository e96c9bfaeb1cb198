"""Probabilities of a model's classes, summed into what they have in common.

A space group lies in one extinction group, and that in one Bravais lattice. So the sums over a
model's own classes never contradict these, and nothing else is asked of the model.
"""

from collections.abc import Hashable, Sequence

import numpy as np

from sgan_jax import symmetry


def bravais(task: str, classes: Sequence, probabilities: np.ndarray) -> list[tuple[str, float]]:
    """Return all 14 lattices with the sums of probabilities [K], falling.

    Args:
        task: 'bl', 'sg' or 'eg'.
        classes: of the task, K of them.
        probabilities: of the classes.
    """
    sums = dict.fromkeys(symmetry.BRAVAIS_LATTICES, 0.0)
    _add(sums, [lattice_of(task, one) for one in classes], probabilities)
    return _falling(sums)


def space_groups(
    task: str, classes: Sequence, probabilities: np.ndarray
) -> list[tuple[int, float]]:
    """Return the numbers of space groups with their probabilities, falling; [] for other tasks."""
    if task != "sg":
        return []
    return _falling(dict(zip(map(int, classes), probabilities.tolist(), strict=True)))


def extinction_groups(
    task: str, classes: Sequence, probabilities: np.ndarray
) -> list[tuple[str, tuple[int, ...], float]]:
    """Return symbol, members and probability of each extinction group, falling.

    Those that hold a class of the model, each with all of its space groups, also those that are no
    class: a powder pattern does not tell them apart. [] for a model of lattices.
    """
    if task == "bl":
        return []
    from sgan_jax import extinction  # computed with gemmi; lattices do without

    groups = {group.name: group for group in extinction.extinction_groups()}
    names = classes if task == "eg" else [extinction.extinction_group(n).name for n in classes]
    sums = dict.fromkeys(names, 0.0)
    _add(sums, names, probabilities)
    return [(groups[name].symbol, groups[name].numbers, total) for name, total in _falling(sums)]


def lattice_of(task: str, one: str | int) -> str:
    """Return the Bravais lattice of a class."""
    if task == "bl":
        return str(one)
    if task == "sg":
        return symmetry.bravais_lattice(int(one))
    from sgan_jax import extinction

    return next(g.bravais_lattice for g in extinction.extinction_groups() if g.name == one)


def _add(sums: dict, keys: Sequence[Hashable], probabilities: np.ndarray) -> None:
    for key, probability in zip(keys, probabilities.tolist(), strict=True):
        sums[key] += probability


def _falling(sums: dict) -> list[tuple]:
    """Return the entries by falling value, equals in their order."""
    return sorted(sums.items(), key=lambda entry: -entry[1])
