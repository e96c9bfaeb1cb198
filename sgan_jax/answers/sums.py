"""Probabilities of a model's classes, summed over Bravais lattices and extinction groups.

Each space group belongs to one extinction group, and that to one Bravais lattice. So the sums never
contradict the probabilities of the model's own classes, and need no other output of the model.
"""

from collections.abc import Hashable, Sequence

import numpy as np

from sgan_jax import symmetry


def bravais(task: str, classes: Sequence, probabilities: np.ndarray) -> list[tuple[str, float]]:
    """Return all 14 lattices with their summed probabilities, descending.

    Args:
        task: 'bl', 'sg' or 'eg'.
        classes: the K classes of the model.
        probabilities: [K], of the classes.
    """
    sums = dict.fromkeys(symmetry.BRAVAIS_LATTICES, 0.0)
    _add(sums, [lattice_of(task, one) for one in classes], probabilities)
    return _falling(sums)


def space_groups(
    task: str, classes: Sequence, probabilities: np.ndarray
) -> list[tuple[int, float]]:
    """Return space-group numbers with their probabilities, descending; [] unless task is 'sg'."""
    if task != "sg":
        return []
    return _falling(dict(zip(map(int, classes), probabilities.tolist(), strict=True)))


def extinction_groups(
    task: str, classes: Sequence, probabilities: np.ndarray
) -> list[tuple[str, tuple[int, ...], float]]:
    """Return symbol, members and probability of each extinction group, descending.

    Only groups that contain a class of the model, but each with all of its space groups, even those
    that are not a class: a powder pattern cannot distinguish them. [] for a lattice model.
    """
    if task == "bl":
        return []
    from sgan_jax import extinction  # computed with gemmi, which lattice models do not need

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
    """Return the entries by descending value; ties keep their order."""
    return sorted(sums.items(), key=lambda entry: -entry[1])
