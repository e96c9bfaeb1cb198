"""Structure types from a user's own CIF files: each crystal in them is a prototype.

Its elements are the roles; each may be filled by the elements that share a group with it in
`structure_types/element_groups.toml`.
"""

import functools
import pathlib

from sgan_jax.crystals import cif
from sgan_jax.crystals.crystal import Crystal
from sgan_jax.crystals.skipped import SkippedFile
from sgan_jax.crystals.structure_type import StructureType, similar_elements


@functools.cache
def structure_types(path: pathlib.Path) -> tuple[StructureType, ...]:
    """Return the prototypes in a CIF file, a folder, a zip or a tar; read once per process.

    They have the symmetry that spglib finds and its standard setting, in which cells can be
    strained. Unusable files are left out. A shared or partly vacant position counts as full of its
    most frequent element.

    Raises:
      ValueError: none of the files can be used.
    """
    skipped: list[SkippedFile] = []
    kinds = tuple(
        structure_type(crystal)
        for crystal in cif.read_crystals(path, symmetry="spglib", skipped=skipped)
    )
    if not kinds:
        why = f": {skipped[0].file}, {skipped[0].reason}" if skipped else ""
        raise ValueError(f"data.prototype_path {path} contains no usable crystal{why}")
    return kinds


def structure_type(crystal: Crystal) -> StructureType:
    """Return the structure type of which a crystal is the prototype."""
    kept = crystal.main_sites
    roles = tuple(crystal.elements[site].lstrip("0123456789") for site in kept)
    return StructureType(
        name=crystal.id,
        source=crystal.formula,
        space_group_number=crystal.space_group_number,
        cell=crystal.cell,
        roles=roles,
        fractional=crystal.fractional[kept],
        stabilisers=crystal.stabilisers[kept],
        rotations=crystal.rotations,
        translations=crystal.translations,
        decorations=({role: similar_elements(role) for role in sorted(set(roles))},),
    )
