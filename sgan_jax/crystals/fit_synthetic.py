"""Make the table of statistics that `synthetic.py` draws from, from a file of real crystals.

    python -m sgan_jax.crystals.fit_synthetic --crystals=open_crystals.zip

The table holds statistics, never a whole crystal: frequencies of space groups, elements, pairs of
elements and arrangements of Wyckoff positions, volumes of atoms, distances of closest approach,
histograms of coordinates, and cell shapes (kernel centres). Arrangements of fewer than
`LEAST_SHARED` crystals are left out. To keep test crystals out of it, give a file of crystal ids
(the first column): `--only` for those to use, or `--leave_out` for those to exclude (the same
compound under another id stays in: `--only` is safer). Use a table made with `--to` as
`data.synthetic_statistics`:

    grep -wE "labelled|validation" runs/mine/split.tsv > known.tsv
    python -m sgan_jax.crystals.fit_synthetic --crystals=mine.zip --only=known.tsv --to=known.npz
"""

import argparse
import collections
import pathlib
from collections.abc import Iterable

import numpy as np

from sgan_jax import symmetry
from sgan_jax.crystals import cif, fit_elements, wyckoff
from sgan_jax.crystals.crystal import Crystal
from sgan_jax.crystals.synthetic_statistics import (
    BINS,
    MOST_KINDS,
    MOST_ORBITS,
    PATH,
    SHAPE_SCALE,
    id_hashes,
)

LEAST_SHARED = 3  # crystals, for an arrangement to be listed
_SHAPES_OF_GROUP = 64  # kernel centres kept of a space group, at most
_LEAST_COORDINATES = 20  # sites on a position, for a histogram of its own


def fit(crystals: Iterable[Crystal]) -> dict[str, np.ndarray]:
    """Return the arrays of the table, described in `SyntheticStatistics`.

    Raises:
      ValueError: there are too few crystals for a table.
    """
    of_group: dict[int, list[Crystal]] = collections.defaultdict(list)
    for crystal in crystals:
        of_group[crystal.space_group_number].append(crystal)
    everyone = [crystal for group in of_group.values() for crystal in group]
    counts = np.zeros(231, np.int32)
    sizes = np.zeros((len(symmetry.CRYSTAL_SYSTEMS), MOST_ORBITS + 1, MOST_KINDS + 1), np.int32)
    lines, position_rows, histogram_rows, histograms, shapes = [], [], [], [], []
    rng = np.random.default_rng(0)
    for number in sorted(of_group):
        members = of_group[number]
        counts[number] = len(members)
        orbits = [crystal.main_sites for crystal in members]
        points = np.concatenate([c.fractional[o] for c, o in zip(members, orbits, strict=True)])
        positions = wyckoff.indices(number, points)
        ends = np.cumsum([len(o) for o in orbits])[:-1]
        of_crystal = np.split(positions, ends)
        listed, others = _arrangements(members, orbits, of_crystal)
        lines += [f"{number} {count} {text}" for text, count in listed]
        system = symmetry.CRYSTAL_SYSTEMS.index(symmetry.crystal_system(number))
        for orbit_count, kinds in others:
            sizes[system, min(orbit_count, MOST_ORBITS), min(kinds, MOST_KINDS)] += 1
        used = np.bincount(positions[positions >= 0])
        position_rows += [(number, index, used[index]) for index in np.flatnonzero(used)]
        for index, histogram in _coordinates(number, positions, points):
            histogram_rows.append((number, index, sum(map(len, histograms))))
            histograms.append(histogram)
        chosen = rng.permutation(len(members))[:_SHAPES_OF_GROUP]
        shapes += [(number, *_shape(members[k])) for k in np.sort(chosen)]
    chemistry = fit_elements.fit(everyone)
    most = len(chemistry["elements"])  # no crystal with more elements can be drawn
    lines = [line for line in lines if line.count("|") < most]
    sizes[:, :, most + 1 :] = 0
    if not sizes.any():
        raise ValueError(
            f"{len(everyone)} crystals are too few for a table: none has an arrangement of atoms "
            "that the others lack; give several hundred different crystals"
        )
    return {
        "group_counts": counts,
        "arrangements": np.array("\n".join(lines).encode()),
        "position_counts": np.array(position_rows, np.int32).reshape(-1, 3),
        "histogram_positions": np.array(histogram_rows, np.int16).reshape(-1, 3),
        "histograms": np.concatenate([np.empty((0, BINS)), *histograms]).astype(np.uint8),
        "shape_groups": np.array([row[0] for row in shapes], np.uint8),
        "shapes": np.array([row[1:] for row in shapes], np.int16),
        "sizes": sizes,
        "known": np.sort(id_hashes(crystal.id for crystal in everyone)),
        **chemistry,
    }


def _arrangements(
    members: list[Crystal], orbits: list[np.ndarray], positions: list[np.ndarray]
) -> tuple[list[tuple[str, int]], list[tuple[int, int]]]:
    """Return the shared arrangements with their counts, and the sizes of all other crystals.

    An arrangement is '0.5|7.7', the positions of each element's orbits; a size is the numbers of
    orbits and elements.
    """
    texts, sizes = [], []
    for crystal, chosen, indices in zip(members, orbits, positions, strict=True):
        parts: dict[str, list[int]] = collections.defaultdict(list)
        for site, index in zip(chosen, indices, strict=True):
            parts[crystal.elements[site]].append(int(index))
        texts.append("|".join(sorted(".".join(map(str, sorted(p))) for p in parts.values())))
        sizes.append((len(chosen), len(parts)))
    counts = collections.Counter(texts)
    listed = sorted((text, n) for text, n in counts.items() if n >= LEAST_SHARED)
    return listed, [
        size for text, size in zip(texts, sizes, strict=True) if counts[text] < LEAST_SHARED
    ]


def _coordinates(number, positions, points):
    """Yield histograms [freedom, BINS] of the free coordinates on each position, maximum 255."""
    group = wyckoff.standard_group(number)
    for index, position in enumerate(wyckoff.wyckoff_positions(number)):
        own = points[positions == index]
        if position.freedom == 0 or len(own) < _LEAST_COORDINATES:
            continue
        images = np.concatenate([wyckoff.images_on(group, position, p) for p in own[:2000]])
        histogram = np.array(
            [
                np.bincount(np.round(images[:, axis] * BINS).astype(int) % BINS, minlength=BINS)
                for axis in position.axes
            ]
        )
        yield index, np.round(255 * histogram / histogram.max(axis=1, keepdims=True))


def _shape(crystal: Crystal) -> tuple[int, ...]:
    """Return ln of the primitive cell's number of atoms, ln a/c, ln b/c and cosines; scaled."""
    a, b, c, *angles = crystal.cell
    atoms = crystal.atoms / symmetry.lattice_points(crystal.space_group_number)
    numbers = [np.log(atoms), np.log(a / c), np.log(b / c), *np.cos(np.radians(angles))]
    return tuple(np.clip(np.round(np.array(numbers) * SHAPE_SCALE), -32000, 32000).astype(int))


def main() -> None:
    """Write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--crystals", type=pathlib.Path, required=True, help="CIF, folder or zip")
    parser.add_argument("--only", type=pathlib.Path, help="ids to use, one per line; default: all")
    parser.add_argument("--leave_out", type=pathlib.Path, help="ids not to use, one per line")
    parser.add_argument("--to", type=pathlib.Path, help="default: the package's table")
    arguments = parser.parse_args()
    if arguments.only and not arguments.to:
        parser.error("--only makes a table of some of the crystals; name its file with --to")
    to = arguments.to or PATH
    left_out = _ids(arguments.leave_out) if arguments.leave_out else set()
    only = _ids(arguments.only) if arguments.only else None
    crystals = list(cif.read_crystals(arguments.crystals, skipped=[]))
    try:
        by_id(crystal for crystal in crystals if crystal.id in (only or ()))
    except ValueError as error:
        parser.error(f"{arguments.crystals}: {error}")
    used = [c for c in crystals if c.id not in left_out and (only is None or c.id in only)]
    if unknown := (only or set()) - left_out - {crystal.id for crystal in used}:
        parser.error(
            f"{len(unknown)} ids of {arguments.only} are not in {arguments.crystals} "
            f"({min(unknown)}, ...); give the crystals with these ids"
        )
    table = fit(used)
    if to == PATH:
        del table["known"]  # the package has no room for the hashes of 47 000 crystals
    with to.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **table)
    print(f"{to}: {to.stat().st_size} bytes, {table['group_counts'].sum()} crystals")


def by_id(crystals: Iterable[Crystal]) -> dict[str, Crystal]:
    """Return crystals by their ids.

    Raises:
      ValueError: two crystals have the same id, which is then ambiguous.
    """
    found: dict[str, Crystal] = {}
    for crystal in crystals:
        if crystal.id in found:
            raise ValueError(f"several crystals have the id {crystal.id}; rename their files")
        found[crystal.id] = crystal
    return found


def _ids(path: pathlib.Path) -> set[str]:
    return {line.split("\t")[0].strip() for line in path.read_text().splitlines() if line.strip()}


if __name__ == "__main__":
    main()
