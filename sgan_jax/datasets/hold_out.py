r"""Split a file of CIFs in two: one to train on, one to test on, of other structure types.

    python -m sgan_jax.datasets.hold_out --crystals=open_crystals.zip \
        --rest=rest.zip --held_out=held_out.zip

For comparisons that the splits of one data set do not allow: models trained on different crystals
(synthetic, real or both), tested on the same ones with `--mode=evaluate --crystals=held_out.zip`.
All crystals of a structure type go to the same file (a CIF of several crystals goes where its first
one goes). Crystals that cannot be read are in neither.
"""

import argparse
import contextlib
import pathlib
import zipfile
from collections.abc import Iterator

import numpy as np

from sgan_jax import symmetry
from sgan_jax.crystals import cif
from sgan_jax.crystals.members import cif_members
from sgan_jax.datasets import splits


def hold_out(
    crystals: pathlib.Path, rest: pathlib.Path, held_out: pathlib.Path, fraction: float, seed: int
) -> tuple[int, int]:
    """Write the CIFs of a file, folder or archive to two zips; return the number in each.

    Args:
      crystals: path of the CIFs.
      rest: the zip of those to train on.
      held_out: the zip of those to test on, about `fraction` of each Bravais lattice.
      fraction: between 0 and 1.
      seed: determines the split.

    Raises:
      ValueError: one of the two would be empty.
      CifError: there is nothing to read.
    """
    names, types, lattices = [], [], []
    for name, data in _readable(crystals):
        # A file of several crystals goes where its first one goes.
        for crystal in cif.crystals_from_text(name, data, skipped=[])[:1]:
            names.append(name)
            types.append(crystal.structure_type)
            lattices.append(symmetry.bravais_index(crystal.space_group_number))
    parts = splits.split(
        np.array(lattices),
        np.array(types),
        np.array(names),
        split="structure_type",
        split_seed=seed,
        test_fraction=fraction,
        labelled_percent=0,
        validation_fraction=0,
    )
    chosen = {names[index] for index in parts.test}
    if len(chosen) in (0, len(names)):
        raise ValueError(
            f"{len(chosen)} of {len(names)} crystals would be held out; use another fraction"
        )
    usable = set(names)
    with (
        zipfile.ZipFile(rest, "w", zipfile.ZIP_DEFLATED) as to_train,
        zipfile.ZipFile(held_out, "w", zipfile.ZIP_DEFLATED) as to_test,
    ):
        for name, data in _readable(crystals):
            if name in usable:
                (to_test if name in chosen else to_train).writestr(name, data)
    return len(names) - len(chosen), len(chosen)


def _readable(crystals: pathlib.Path) -> Iterator[tuple[str, bytes]]:
    """Yield the name and the bytes of each CIF that can be unpacked."""
    for member in cif_members(crystals):
        with contextlib.suppress(cif.CifError):
            yield member.name, member.load()


def main() -> None:
    """Write the two files."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--crystals", type=pathlib.Path, required=True, help="CIF, folder or zip")
    parser.add_argument("--rest", type=pathlib.Path, required=True, help="the zip to train on")
    parser.add_argument("--held_out", type=pathlib.Path, required=True, help="the zip to test on")
    parser.add_argument(
        "--fraction", type=float, default=0.1, help="fraction of each lattice to hold out"
    )
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    numbers = hold_out(
        arguments.crystals,
        arguments.rest,
        arguments.held_out,
        arguments.fraction,
        arguments.seed,
    )
    print(f"{arguments.rest}: {numbers[0]} files; {arguments.held_out}: {numbers[1]}")


if __name__ == "__main__":
    main()
