"""Check with spglib that a synthetic crystal has the space group that it was drawn for."""

import functools

import numpy as np
import spglib

from sgan_jax import symmetry
from sgan_jax.crystals import packing, sites, spglib_errors
from sgan_jax.crystals.skipped import CifError

SYMPREC_ANGSTROM = 0.01  # as for the space groups of most databases
_NOMINAL_EDGE_ANGSTROM = 10.0

# From conventional to primitive coordinates, because spglib is faster in a primitive cell.
_PRIMITIVE = {
    "P": np.eye(3),
    "A": np.array([[1.0, 0, 0], [0, 1, 1], [0, -1, 1]]),
    "C": np.array([[1.0, 1, 0], [-1, 1, 0], [0, 0, 1]]),
    "I": np.array([[0.0, 1, 1], [1, 0, 1], [1, 1, 0]]),
    "F": np.array([[-1.0, 1, 1], [1, -1, 1], [1, 1, -1]]),
    "R": np.array([[1.0, 0, 1], [-1, 1, 1], [0, -1, 1]]),
}


def has_group(
    number: int,
    cell: sites.Cell,
    placed: packing.Orbits,
    fractional: np.ndarray,
    kind: np.ndarray,
) -> bool:
    """Return whether spglib finds the group in a crystal; kind [n] numbers its sites' elements."""
    first = {int(element): k for k, element in reversed(list(enumerate(kind)))}
    kinds = np.array([first[int(element)] for element in kind])[placed.site_index[placed.primitive]]
    atoms = placed.atoms(fractional)[placed.primitive]
    to_primitive = _PRIMITIVE[symmetry.centring(number)]
    basis = sites.orthogonalisation(cell) @ np.linalg.inv(to_primitive)
    atoms = atoms @ to_primitive.T
    if symmetry.crystal_system(number) == "cubic" and not placed.directions.any():
        # Only the size differs from other crystals of this arrangement, so the result is cached.
        basis = _NOMINAL_EDGE_ANGSTROM * np.linalg.inv(to_primitive)
        return _found_number(basis.tobytes(), atoms.tobytes(), kinds.tobytes()) == number
    return _spglib_number(basis, atoms, kinds) == number


@functools.lru_cache(maxsize=4096)
def _found_number(basis: bytes, atoms: bytes, kinds: bytes) -> int:
    return _spglib_number(
        np.frombuffer(basis).reshape(3, 3),
        np.frombuffer(atoms).reshape(-1, 3),
        np.frombuffer(kinds, np.int64),
    )


def _spglib_number(basis: np.ndarray, atoms: np.ndarray, kinds: np.ndarray) -> int:
    """Return the space group that spglib finds, 0 where it finds none."""
    try:
        with spglib_errors.as_cif_error("no symmetry found"):
            cell = (basis.T.tolist(), atoms.tolist(), kinds.tolist())
            found = spglib.get_symmetry_dataset(cell, symprec=SYMPREC_ANGSTROM)
    except CifError:
        return 0
    return 0 if found is None else int(found.number)
