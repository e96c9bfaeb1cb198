"""CIF file, folder, zip or tar -> Crystals. Unusable ones are skipped, with a reason."""

import codecs
import os
from collections.abc import Iterator, Sequence

import gemmi
import numpy as np

from sgan_jax.crystals import (
    atom_sites,
    crystal,
    formula,
    found_symmetry,
    placing,
    sites,
    space_group,
)
from sgan_jax.crystals.members import Member, cif_members
from sgan_jax.crystals.skipped import CifError, SkippedFile

__all__ = [
    "CifError",
    "Member",
    "SkippedFile",
    "cif_members",
    "crystals_from_text",
    "read_crystals",
]

_CELL_TAGS = [
    f"_cell_{name}"
    for name in ("length_a", "length_b", "length_c", "angle_alpha", "angle_beta", "angle_gamma")
]
_WANTED = ("_cell_", "_atom_site_", "_symmetry_", "_space_group_", "_chemical_formula_sum")
_MAX_ROWS = 50_000  # of a list of atoms or operations
_OPERATION_TAGS = ("_space_group_symop_operation_xyz", "_symmetry_equiv_pos_as_xyz")


def read_crystals(
    path: str | os.PathLike,
    *,
    symmetry: str = "file",
    b_iso_default: float = 0.5,
    skipped: list[SkippedFile] | None = None,
) -> Iterator[crystal.Crystal]:
    """Yield the crystals of a CIF file, or of every CIF in a folder, a zip or a tar.

    Args:
      path: the file, folder or archive.
      symmetry: 'file' (its operations, else its space group) or 'spglib' (from the atoms).
      b_iso_default: B in Å² of an atom without a displacement parameter.
      skipped: a list to which unusable files are appended; without it they raise.

    Raises:
      CifError: a file cannot be used and `skipped` is None; or there is nothing to read at all.
    """
    for member in cif_members(path):
        try:
            data = member.load()
        except CifError as error:
            if skipped is None:
                raise
            skipped.append(SkippedFile(error.file, error.reason, error.detail))
            continue
        yield from crystals_from_text(
            member.name,
            data,
            symmetry=symmetry,
            b_iso_default=b_iso_default,
            skipped=skipped,
            source=str(path),
        )


def crystals_from_text(
    name: str,
    data: bytes,
    *,
    symmetry: str = "file",
    b_iso_default: float = 0.5,
    skipped: list[SkippedFile] | None = None,
    source: str = "",
) -> list[crystal.Crystal]:
    """Return the crystals in the bytes of one CIF; arguments as in `read_crystals`.

    A crystal's id is the name without its extension, and the block's name if there are several.
    """
    if symmetry not in ("file", "spglib"):
        raise ValueError(f"symmetry {symmetry!r} is unknown; use one of 'file', 'spglib'")
    try:
        blocks = _blocks(data)
    except CifError as error:
        _skip(error.of(name), skipped)
        return []
    stem = name.removesuffix(".gz").removesuffix(".GZ")
    stem = stem[:-4] if stem.lower().endswith(".cif") else stem
    found, used_ids = [], set()
    for block_name, tags in blocks:
        several = len(blocks) > 1
        crystal_id = f"{stem}:{block_name}" if several else stem
        while crystal_id in used_ids:
            crystal_id += "'"
        used_ids.add(crystal_id)
        try:
            one = _crystal(crystal_id, tags, symmetry, b_iso_default, source or name)
            found.append(found_symmetry.with_found_symmetry(one) if symmetry == "spglib" else one)
        except CifError as error:
            _skip(error.of(f"{name}:{block_name}" if several else name), skipped)
    return found


def _skip(error: CifError, skipped: list[SkippedFile] | None) -> None:
    if skipped is None:
        raise error
    skipped.append(SkippedFile(error.file, error.reason, error.detail))


def _blocks(data: bytes) -> list[tuple[str, atom_sites.Tags]]:
    """Return the name and wanted columns of each block that may hold a crystal."""
    if not data.strip():
        raise CifError("empty file", "it contains only white space")
    try:
        document = gemmi.cif.read_string(_text(data), check_level=0)
    except (ValueError, RuntimeError) as error:
        raise CifError("not a CIF", str(error)) from error
    blocks = [(block.name, _wanted_columns(block)) for block in document]
    if not blocks:
        raise CifError("not a CIF", "it has no data block")
    # Blocks with the text of a publication or the points of a pattern hold no crystal.
    holding = [(name, tags) for name, tags in blocks if "_atom_site_fract_x" in tags]
    return holding or blocks[:1]


def _text(data: bytes) -> str:
    """Return the text of a file, whatever its encoding: UTF-16, UTF-8 or else Latin-1."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16", errors="replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _wanted_columns(block: gemmi.cif.Block) -> atom_sites.Tags:
    tags: dict[str, list[str]] = {}
    for item in block:
        pair = item.pair
        if isinstance(pair, Sequence):
            tag = pair[0].lower().replace(".", "_")
            if tag.startswith(_WANTED):
                tags.setdefault(tag, [pair[1]])
        elif item.loop is not None:
            names = [tag.lower().replace(".", "_") for tag in item.loop.tags]
            if any(tag.startswith(_WANTED) for tag in names):
                if item.loop.length() > _MAX_ROWS:
                    raise CifError("too large", f"{item.loop.length()} rows of {names[0]}")
                values = list(item.loop.values)
                for column, tag in enumerate(names):
                    tags.setdefault(tag, values[column :: len(names)])
    return tags


def _crystal(
    crystal_id: str, tags: atom_sites.Tags, symmetry: str, b_iso_default: float, source: str
) -> crystal.Crystal:
    if any(tag.startswith("_space_group_symop_magn_operation") for tag in tags):
        raise CifError("magnetic structure", "its scattering is not purely nuclear")
    if "_cell_modulation_dimension" in tags:
        raise CifError("modulated structure", "it has no three-dimensional unit cell")
    cell = _cell(tags)
    atoms = atom_sites.read_sites(tags, cell)
    settings = _settings(tags, cell, symmetry)
    candidates, errors = [], []
    for setting in settings:
        try:
            candidates.append(
                placing.placed(crystal_id, cell, atoms, setting, b_iso_default, source)
            )
        except CifError as error:
            errors.append(error)
    if not candidates:
        raise errors[0]
    if len(candidates) == 1:
        return candidates[0]
    # If the name leaves the origin choice open, the wrong one gives another composition, or splits
    # special positions.
    written = gemmi.cif.as_string(tags.get("_chemical_formula_sum", ["?"])[0])
    return min(
        candidates,
        key=lambda one: (formula.differ(one.formula, written or one.formula), one.atoms),
    )


def _cell(tags: atom_sites.Tags) -> sites.Cell:
    texts = [tags.get(tag, [""])[0] for tag in _CELL_TAGS]
    texts[3:] = [text if text not in ("", ".") else "90" for text in texts[3:]]  # CIF's default
    if all(text in ("", "?", ".") for text in texts[:3]):
        raise CifError("no cell", "no edge lengths")
    a, b, c, alpha, beta, gamma = (gemmi.cif.as_number(text) for text in texts)
    cell = (a, b, c, alpha, beta, gamma)
    if not all(0.5 < edge < 1000 for edge in cell[:3]):
        raise CifError("impossible cell", f"edges {', '.join(texts[:3])}")
    cosines = np.cos(np.radians(cell[3:]))
    volume_ratio = 1 - (cosines**2).sum() + 2 * cosines.prod()
    if not (all(0 < angle < 180 for angle in cell[3:]) and volume_ratio > 1e-4):
        raise CifError("impossible cell", f"angles {', '.join(texts[3:])} do not form a cell")
    return cell


def _settings(
    tags: atom_sites.Tags, cell: sites.Cell, symmetry: str
) -> tuple[space_group.SpaceGroup, ...]:
    for tag in _OPERATION_TAGS:
        if tag in tags:
            triplets = tuple(gemmi.cif.as_string(value) for value in tags[tag])
            if any(triplets):
                return (space_group.from_operations(triplets),)
    hall, name, number = (
        next((gemmi.cif.as_string(tags[tag][0]) for tag in names if tag in tags), "")
        for names in (
            ("_space_group_name_hall", "_symmetry_space_group_name_hall"),
            ("_space_group_name_h-m_alt", "_symmetry_space_group_name_h-m"),
            ("_space_group_it_number", "_symmetry_int_tables_number"),
        )
    )
    if symmetry == "spglib" and not (hall or name or number):
        return (space_group.from_operations(("x,y,z",)),)
    return space_group.from_name(hall, name, number, cell)
