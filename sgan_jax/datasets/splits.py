"""Split a data set into test, labelled, validation and unlabelled parts when it is read.

Each example's rank is drawn from its id and the seed, never from its position in the data set, so
the parts do not change when the set is stored in another order. The labelled and validation parts
of a larger labelled percentage contain those of a smaller one; the test part is always the same.
"""

import hashlib
import pathlib
from typing import NamedTuple

import numpy as np

RULES = ("random", "structure_type")


class Split(NamedTuple):
    """Positions (int64) of four disjoint parts of a data set, each in an order drawn by the seed.

    Attributes:
      test: used for the final metrics only.
      labelled: used for training with their class; with `validation`, the labelled percentage.
      validation: labelled, too, but never trained on; selects the best checkpoint.
      unlabelled: the rest; semi-supervised methods train on them without their class.
    """

    test: np.ndarray
    labelled: np.ndarray
    validation: np.ndarray
    unlabelled: np.ndarray


def split(
    class_index: np.ndarray,
    structure_type: np.ndarray,
    ids: np.ndarray,
    *,
    split: str,
    split_seed: int,
    test_fraction: float,
    labelled_percent: float,
    validation_fraction: float,
) -> Split:
    """Split a data set into test, labelled, validation and unlabelled parts (section 2.2).

    Within each class, to within one pattern, `test_fraction` of the patterns are for testing and
    `labelled_percent` of them are labelled (so 90 % labelled and 10 % test leave none unlabelled),
    but at least one unless the percentage is 0. `validation_fraction` of the labelled ones are set
    aside for validation, but never the only one. Patterns of no class (-1) are in no part.

    Args:
      class_index: [N] integers, -1 where a pattern belongs to no class of the task.
      structure_type: [N] strings; with split='structure_type' the patterns of one type are either
        all in the test part or all outside it. A type too large for its class's share of the test
        part stays out of it, so rare types are over-represented there.
      ids: [N] strings, all different.
      split: 'random' (the paper) or 'structure_type'.
      split_seed: another seed gives another split.
      test_fraction: of all patterns, in [0, 1).
      labelled_percent: of all patterns, 0 to 100 (1 - test_fraction).
      validation_fraction: of the labelled patterns, in [0, 1).

    Raises:
      ValueError: an argument is out of range, or an id occurs twice.
    """
    share = _check(split, ids, test_fraction, labelled_percent, validation_fraction)
    classes = np.asarray(class_index)
    rank = _seeded_ranks(ids, split_seed)
    used = classes >= 0
    if split == "random":
        is_test = used & (_quantile(classes, rank, used, split_seed) < test_fraction)
    else:
        is_test = _whole_types(classes, np.asarray(structure_type), rank, used, test_fraction)
    rest = used & ~is_test

    is_labelled = rest & (_quantile(classes, rank, rest, split_seed) < share)
    order = _order_in_class(classes, rank, rest)
    is_labelled |= rest & (order == 0) & (labelled_percent > 0)
    # The labelled patterns of a class are the first of its rest, so a pattern has the same order
    # in both, whatever the labelled percentage: validation parts are nested, too.
    offset = _class_offsets(classes, split_seed, b"validation") * (1 - validation_fraction)
    before = np.floor(order * validation_fraction + offset)
    is_validation = is_labelled & (np.floor((order + 1) * validation_fraction + offset) > before)

    parts = (is_test, is_labelled & ~is_validation, is_validation, rest & ~is_labelled)
    by_rank = np.argsort(rank)
    return Split(*(by_rank[part[by_rank]] for part in parts))


def with_labelled(parts: Split, others: np.ndarray) -> Split:
    """Return the parts with `others`, patterns of no part so far, added to the labelled ones."""
    return parts._replace(labelled=np.concatenate([parts.labelled, others]))


def write_split(path: pathlib.Path, parts: Split, ids: np.ndarray) -> None:
    """Write the id and part of every pattern as tab-separated lines, sorted by id within a part."""
    lines = ["id\tpart\n"]
    for name, indices in parts._asdict().items():
        lines += [f"{identifier}\t{name}\n" for identifier in sorted(np.asarray(ids)[indices])]
    partial = path.with_name(path.name + ".partial")
    partial.write_text("".join(lines), encoding="utf-8")
    partial.replace(path)


def _check(
    split: str,
    ids: np.ndarray,
    test_fraction: float,
    labelled_percent: float,
    validation_fraction: float,
) -> float:
    """Return the labelled share of what is not test; exactly 1 if all of it is labelled."""
    if split not in RULES:
        raise ValueError(f"split {split!r} is unknown; use one of {', '.join(RULES)}")
    if not 0 <= test_fraction < 1:
        raise ValueError(f"test_fraction {test_fraction} is not in [0, 1)")
    if not 0 <= validation_fraction < 1:
        raise ValueError(f"validation_fraction {validation_fraction} is not in [0, 1)")
    share = labelled_percent / 100 / (1 - test_fraction)
    if labelled_percent < 0 or share > 1 + 1e-9:
        raise ValueError(
            f"labelled_percent {labelled_percent:g} and test_fraction {test_fraction:g} "
            f"({100 * test_fraction:g} %) are {labelled_percent + 100 * test_fraction:g} % of the "
            f"patterns; use a labelled_percent from 0 to {100 * (1 - test_fraction):g}"
        )
    names, counts = np.unique(np.asarray(ids), return_counts=True)
    if counts.size and counts.max() > 1:
        raise ValueError(f"id {str(names[counts.argmax()])!r} occurs {counts.max()} times")
    return 1.0 if share > 1 - 1e-9 else share


def _seeded_ranks(ids: np.ndarray, seed: int) -> np.ndarray:
    """Return ranks [N], a permutation that depends on the set of ids and the seed only."""
    key = str(seed).encode()
    digests = b"".join(
        hashlib.blake2b(str(i).encode(), digest_size=8, key=key).digest() for i in ids
    )
    rank = np.empty(len(ids), np.int64)
    rank[np.argsort(np.frombuffer(digests, ">u8"))] = np.arange(len(ids))
    return rank


def _order_in_class(classes: np.ndarray, rank: np.ndarray, member: np.ndarray) -> np.ndarray:
    """Return for each member its order 0, 1, ... within its class by rank; -1 for non-members."""
    order = np.full(len(classes), -1)
    chosen = np.flatnonzero(member)
    chosen = chosen[np.lexsort((rank[chosen], classes[chosen]))]
    _, first, counts = np.unique(classes[chosen], return_index=True, return_counts=True)
    order[chosen] = np.arange(len(chosen)) - np.repeat(first, counts)
    return order


def _quantile(classes: np.ndarray, rank: np.ndarray, member: np.ndarray, seed: int) -> np.ndarray:
    """Return [N] numbers in [0, 1), evenly spaced over each class's members; 2 for non-members.

    The members below a threshold p are p of each class to within one pattern, and include those
    below any smaller threshold. The offset is drawn for each class; otherwise all small classes
    would be rounded the same way.
    """
    sizes = np.bincount(classes[member], minlength=classes.max(initial=0) + 1)
    order = _order_in_class(classes, rank, member)
    offset = _class_offsets(classes, seed, b"quantile")
    return np.where(member, (order + offset) / np.maximum(sizes[np.maximum(classes, 0)], 1), 2.0)


def _class_offsets(classes: np.ndarray, seed: int, use: bytes) -> np.ndarray:
    """Return for each pattern its class's offset in [0, 1), drawn from the seed and `use`."""

    def draw(index: int) -> float:
        digest = hashlib.blake2b(f"{seed}/{index}".encode(), digest_size=8, key=use).digest()
        return (int.from_bytes(digest) >> 11) / 2**53

    present, inverse = np.unique(classes, return_inverse=True)
    return np.array([draw(index) for index in present.tolist()], np.float64)[inverse]


def _whole_types(
    classes: np.ndarray,
    structure_type: np.ndarray,
    rank: np.ndarray,
    used: np.ndarray,
    test_fraction: float,
) -> np.ndarray:
    """Return [N] bools, the test part: whole structure types, taken in seeded order.

    A type is taken if it fits into what its class still lacks. A class that still lacks patterns
    then takes types that bring it nearer to its share, so that a class of few and large types is
    tested, too. A type counts towards the class of its first member; no class divides a type,
    because its key contains the space group.
    """
    types, inverse = np.unique(structure_type, return_inverse=True)
    sizes = np.bincount(inverse[used], minlength=len(types))
    first = np.full(len(types), len(classes))
    np.minimum.at(first, inverse[used], rank[used])
    by_rank = np.argsort(rank)
    wanted = test_fraction * np.bincount(classes[used], minlength=classes.max(initial=0) + 1)
    taken = np.zeros(len(types), bool)
    order = np.argsort(first)[: np.count_nonzero(sizes)]
    for too_large in (1.0, 2.0):  # up to twice what is lacking brings it nearer
        for kind in order[~taken[order]].tolist():
            home = classes[by_rank[first[kind]]]
            if sizes[kind] < too_large * wanted[home]:
                taken[kind] = True
                wanted[home] -= sizes[kind]
    return used & taken[inverse]
