"""The symmetry that spglib finds in the atoms, whatever the file says; for exports in P 1."""

import numpy as np
import spglib

from sgan_jax.crystals import crystal as crystals
from sgan_jax.crystals import displacements, operations, sites, spglib_errors
from sgan_jax.crystals.skipped import CifError

SYMPREC_ANGSTROM = 0.01  # as for the space groups of most databases
_MAX_ATOMS = 4_000  # in the unit cell; spglib takes 40 s for this many, growing with the square
_CHUNK = 200_000  # positions held at a time


def with_found_symmetry(crystal: crystals.Crystal) -> crystals.Crystal:
    """Return the crystal in its standardised conventional cell, with the symmetry of its atoms.

    Positions count as equal when they hold the same elements with the same occupancies.

    Raises:
      CifError: spglib finds no symmetry, or the cell has too many atoms for it.
    """
    content = crystal.unit_cell_sites()
    if len(content.elements) > _MAX_ATOMS:
        raise CifError(
            "too large", f"{len(content.elements)} atoms in the unit cell, too many for spglib"
        )
    positions, members = _positions(content, crystal.cell)
    kinds: dict[tuple, int] = {}
    numbers = [
        kinds.setdefault(
            tuple(
                sorted(
                    (content.elements[i], round(float(content.occupancies[i]), 3)) for i in atoms
                )
            ),
            len(kinds) + 1,
        )
        for atoms in members
    ]
    lattice = sites.orthogonalisation(crystal.cell).T
    with spglib_errors.as_cif_error("no symmetry found"):
        spglib_cell = (lattice.tolist(), positions.tolist(), numbers)
        data = spglib.get_symmetry_dataset(spglib_cell, symprec=SYMPREC_ANGSTROM)
        found = data and spglib.get_symmetry_from_database(data.hall_number)
    if not (data and found):
        raise CifError("no symmetry found", "spglib finds none for these atoms")
    group = operations.operation_group(found["rotations"], found["translations"] % 1)
    cell = sites.cell_of_metric(data.std_lattice @ data.std_lattice.T)

    orbits = [
        np.flatnonzero(data.crystallographic_orbits == orbit)
        for orbit in np.unique(data.crystallographic_orbits)
    ]
    averaged = np.array([_averaged(positions[orbit], data, lattice.T) for orbit in orbits])
    standard = averaged @ data.transformation_matrix.T + data.origin_shift
    # Every atom at the first position of each orbit.
    rows = [(k, atom) for k, orbit in enumerate(orbits) for atom in members[orbit[0]]]
    position, atoms = (np.array(column) for column in zip(*rows, strict=True))
    site_of_atom = crystal.content.site_index[atoms]

    fractional, stabilisers = sites.project(group, standard[position], cell, 2 * SYMPREC_ANGSTROM)
    u_aniso = _rotated(crystal, atoms, data.std_rotation_matrix, cell)
    u_aniso = displacements.symmetrised(u_aniso, stabilisers, group, cell)
    return crystals.Crystal(
        id=crystal.id,
        cell=cell,
        elements=tuple(content.elements[i] for i in atoms),
        fractional=fractional,
        occupancies=content.occupancies[atoms],
        b_iso=crystal.b_iso[site_of_atom],
        u_aniso=u_aniso,
        rotations=group.rotations,
        translations=group.translations,
        space_group_number=int(data.number),
        source=crystal.source,
    )


def _positions(
    content: crystals.UnitCellSites, cell: sites.Cell
) -> tuple[np.ndarray, list[list[int]]]:
    """Return the distinct positions [p, 3] and the atoms at each."""
    everyone = np.arange(len(content.fractional))
    first = sites.first_coincident(content.fractional, content.fractional, everyone, cell)
    members: dict[int, list[int]] = {}
    for atom, position in enumerate(first):
        members.setdefault(int(position), []).append(atom)
    return content.fractional[list(members)], list(members.values())


def _averaged(orbit: np.ndarray, data: spglib.SpglibDataset, basis: np.ndarray) -> np.ndarray:
    """Return an orbit's first position, averaged over the images of all its positions [n, 3].

    spglib's own `std_positions` are each derived from one position, and so off by as much as the
    origin that it has found: up to the tolerance.
    """
    total = np.zeros(3)
    step = max(1, _CHUNK // len(orbit))
    for start in range(0, len(data.rotations), step):
        rotations = data.rotations[start : start + step].astype(np.float64)
        images = orbit @ rotations.transpose(0, 2, 1)
        displacement = images + data.translations[start : start + step, None] - orbit[0]
        displacement -= np.round(displacement)
        nearest = ((displacement @ basis.T) ** 2).sum(axis=-1).argmin(axis=1)
        total += displacement[np.arange(len(nearest)), nearest].sum(axis=0)
    return orbit[0] + total / len(data.rotations)


def _rotated(
    crystal: crystals.Crystal, atoms: np.ndarray, rotation: np.ndarray, cell: sites.Cell
) -> np.ndarray:
    """Return U [n, 6] of the atoms in the standardised cell, whose axes spglib has rotated."""
    u_aniso = crystal.u_aniso[crystal.content.site_index[atoms]]
    given = np.isfinite(u_aniso[:, 0])
    if given.any():
        basis = sites.orthogonalisation(crystal.cell)
        operation_index = crystal.content.operation_index[atoms[given]]
        # From the site to its image (Cartesian), then from the file's axes to spglib's.
        turns = rotation @ basis @ crystal.rotations[operation_index] @ np.linalg.inv(basis)
        tensors = displacements.cartesian(u_aniso[given], crystal.cell)
        tensors = turns @ tensors @ turns.transpose(0, 2, 1)
        u_aniso[given] = displacements.from_cartesian(tensors, cell)
    return u_aniso
