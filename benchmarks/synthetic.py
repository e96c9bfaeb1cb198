"""How fast synthetic crystals and their patterns are made, and whether their symmetry is correct.

    python benchmarks/synthetic.py

Two timings, both on all cores: crystals of space groups with natural frequencies, with their
patterns; and crystals alone, of each of the 230 groups in turn. The last line is JSON:
`crystals_per_second` of the first; `groups`, how many groups the second gives, and
`fewest_of_a_group_in_60_s`, how many crystals the rarest of these would get in 60 s;
`spglib_agreement`, the fraction of crystals (every seventh of both timings is checked) in which a
separate call of spglib, on every atom of the conventional cell, finds the requested group;
`rejects`, the number of rejected draws per crystal kept, by reason.
"""
# ruff: noqa: E402 (numpy reads the number of threads when it is imported)

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"  # one core per worker of a build

import argparse
import collections
import functools
import itertools
import json
import time
from typing import NamedTuple

import spglib

from sgan_jax.crystals import sites, synthetic
from sgan_jax.crystals.crystal import Crystal
from sgan_jax.datasets import processes
from sgan_jax.diffraction import profile

SECONDS = 60.0
_WARM = 230  # crystals made before the clock starts, to start processes and fill tables of groups


_CHECK_EVERY = 7  # no divisor of 230, so that every group is checked in turn


class Made(NamedTuple):
    """What is known of a generated crystal."""

    space_group_number: int
    rejected: dict[str, int]
    seconds_of_check: float  # not counted as making it
    agrees: bool | None  # None: not checked


def make(patterns: bool, item: tuple[int, int]) -> Made:
    """Make the crystal of (space group, index), with its pattern or without."""
    number, index = item
    crystal, rejected = synthetic.draw(number, (0, index))
    if patterns:
        profile.simulate(crystal)
    start = time.perf_counter()
    agrees = None if index % _CHECK_EVERY else spglib_number(crystal) == number
    return Made(number, dict(rejected), time.perf_counter() - start, agrees)


def spglib_number(crystal: Crystal) -> int:
    """Return the group that spglib finds for all atoms of the cell."""
    content = crystal.unit_cell_sites()
    at: dict[tuple[float, ...], list] = collections.defaultdict(list)
    for element, position in zip(content.elements, content.fractional, strict=True):
        at[tuple(position.round(6) % 1)].append(element)
    kinds: dict[tuple, int] = {}
    numbers = [kinds.setdefault(tuple(sorted(atoms)), len(kinds) + 1) for atoms in at.values()]
    lattice = sites.orthogonalisation(crystal.cell).T.tolist()
    data = spglib.get_symmetry_dataset((lattice, list(at), numbers), symprec=0.01)
    return 0 if data is None else int(data.number)


def timed(patterns: bool, numbers, seconds: float) -> tuple[list[Made], float]:
    """Return what is made in about `seconds`, and the seconds that it took, without the checks."""
    items = zip(numbers, itertools.count())
    made = processes.ordered_map(functools.partial(make, patterns), items, processes=0)
    for _ in range(_WARM):
        next(made)
    found = []
    start = time.perf_counter()
    for crystal in made:
        found.append(crystal)
        if time.perf_counter() - start > seconds:
            break
    made.close()
    checks = sum(crystal.seconds_of_check for crystal in found) / processes.available_cores()
    return found, time.perf_counter() - start - checks


def main() -> None:
    """Print the figures, as JSON on the last line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--seconds", type=float, default=SECONDS, help="length of each of the two timings"
    )
    arguments = parser.parse_args()
    natural = (synthetic.drawn_group(index, 0, "natural") for index in itertools.count())
    with_patterns, seconds = timed(True, natural, arguments.seconds)
    uniform, uniform_seconds = timed(False, itertools.cycle(range(1, 231)), arguments.seconds)
    groups = collections.Counter(crystal.space_group_number for crystal in uniform)
    everything = with_patterns + uniform
    checked = [crystal.agrees for crystal in everything if crystal.agrees is not None]
    rejects = collections.Counter()
    for crystal in everything:
        rejects.update(crystal.rejected)
    figures = {
        "crystals_per_second": round(len(with_patterns) / seconds, 1),
        "groups": len(groups),
        "fewest_of_a_group_in_60_s": int(min(groups.values()) * 60.0 / uniform_seconds),
        "spglib_agreement": sum(checked) / len(checked),
        "checked": len(checked),
        "rejects": {reason: round(n / len(everything), 3) for reason, n in rejects.items()},
        "processes": processes.available_cores(),
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
