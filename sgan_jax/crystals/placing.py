"""Combine sites, cell and space group into a Crystal, after checking and making them exact."""

import numpy as np

from sgan_jax.crystals import atom_sites, crystal, displacements, operations, sites
from sgan_jax.crystals.skipped import CifError
from sgan_jax.crystals.space_group import SpaceGroup

# Coordinates rounded to three digits lie within this of their special position; truly disordered
# atoms are farther from their images.
_SPECIAL_POSITION_ANGSTROM = 0.05
_OVERLAP_ANGSTROM = 0.3  # no two atoms are this close: under half the shortest bond (H2, 0.74 Å)
_METRIC_TOLERANCE = 0.02  # relative: 1 % of an edge, about 1° of an angle
_MAX_ATOMS = 20_000  # in the unit cell


def placed(
    crystal_id: str,
    cell: sites.Cell,
    atoms: atom_sites.AtomSites,
    setting: SpaceGroup,
    b_iso_default: float,
    source: str,
) -> crystal.Crystal:
    """Return the crystal of sites in a cell with a space group.

    The cell is made to fit the operations exactly, sites are moved exactly onto special positions,
    and displacement tensors are made invariant under their site symmetry.

    Raises:
      CifError: the cell contradicts the group, atoms overlap, or there are too many.
    """
    group = setting.group
    cell = _symmetric_cell(cell, group)
    if len(atoms.elements) > _MAX_ATOMS:
        raise CifError("too large", f"{len(atoms.elements)} sites")
    fractional, stabilisers = sites.project(
        group, atoms.fractional, cell, _SPECIAL_POSITION_ANGSTROM
    )
    count = int((len(group) // stabilisers.sum(axis=1)).sum())
    if count > _MAX_ATOMS:
        raise CifError("too large", f"{count} atoms in the unit cell")
    kept = _without_overlap(group, atoms, fractional, stabilisers, cell)
    u_aniso = displacements.symmetrised(atoms.u_aniso[kept], stabilisers[kept], group, cell)
    b_iso = atoms.u_iso[kept] * displacements.EIGHT_PI_SQUARED
    b_iso = np.where(np.isnan(b_iso), b_iso_default, b_iso)
    anisotropic = np.isfinite(u_aniso[:, 0])
    b_iso[anisotropic] = displacements.b_equivalent(u_aniso[anisotropic], cell)
    return crystal.Crystal(
        id=crystal_id,
        cell=cell,
        elements=tuple(atoms.elements[i] for i in kept),
        fractional=fractional[kept],
        occupancies=atoms.occupancies[kept],
        b_iso=b_iso,
        u_aniso=u_aniso,
        rotations=group.rotations,
        translations=group.translations,
        space_group_number=setting.number,
        source=source,
    )


def _symmetric_cell(cell: sites.Cell, group: operations.OperationGroup) -> sites.Cell:
    """Return the cell with its metric averaged over the rotations."""
    basis = sites.orthogonalisation(cell)
    metric = basis.T @ basis
    rotations = group.rotations.astype(np.float64)
    turned = rotations.transpose(0, 2, 1) @ metric @ rotations
    lengths = np.sqrt(np.diag(metric))
    deviation = (np.abs(turned - metric) / np.outer(lengths, lengths)).max()
    if deviation > _METRIC_TOLERANCE:
        values = " ".join(f"{value:g}" for value in cell)
        raise CifError("cell against symmetry", f"the operations do not preserve the cell {values}")
    return cell if deviation < 1e-12 else sites.cell_of_metric(turned.mean(axis=0))


def _without_overlap(
    group: operations.OperationGroup,
    atoms: atom_sites.AtomSites,
    fractional: np.ndarray,
    stabilisers: np.ndarray,
    cell: sites.Cell,
) -> np.ndarray:
    """Return the indices of the sites to keep: all, or if these overlap, no symmetry copies.

    Some programs list every atom of the cell in addition to all operations.
    """
    kept = np.arange(len(fractional))
    if _crowded(group, atoms, fractional, stabilisers, cell, kept) is not None:
        kept = _first_of_copies(group, atoms, fractional, stabilisers, cell)
        crowded = _crowded(group, atoms, fractional, stabilisers, cell, kept)
        if crowded is not None:
            raise CifError(
                "overlapping atoms",
                f"more than one atom within {_OVERLAP_ANGSTROM} Å of {atoms.elements[crowded]} "
                f"at {np.round(fractional[crowded], 4).tolist()}",
            )
    return kept


def _crowded(group, atoms, fractional, stabilisers, cell, kept) -> int | None:
    """Return the site with the most atoms around it, by occupancy, if more than one; else None."""
    content = sites.expand(group, fractional[kept], stabilisers[kept])
    within = sites.occupancy_within(
        fractional[kept],
        content.fractional,
        atoms.occupancies[kept][content.site_index],
        cell,
        _OVERLAP_ANGSTROM,
    )
    worst = int(within.argmax())
    return int(kept[worst]) if within[worst] > atom_sites.MAX_OCCUPANCY else None


def _first_of_copies(group, atoms, fractional, stabilisers, cell) -> np.ndarray:
    content = sites.expand(group, fractional, stabilisers)
    kinds = np.unique(
        np.array([f"{e} {o:.3f}" for e, o in zip(atoms.elements, atoms.occupancies, strict=True)]),
        return_inverse=True,
    )[1]
    kept = []
    for kind in range(kinds.max() + 1):
        own = np.flatnonzero(kinds == kind)
        chosen = np.isin(content.site_index, own)
        first = sites.first_coincident(
            fractional[own],
            content.fractional[chosen],
            content.site_index[chosen],
            cell,
            _SPECIAL_POSITION_ANGSTROM,
        )
        kept.append(own[first == own])
    return np.sort(np.concatenate(kept))
