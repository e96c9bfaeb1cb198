"""The space group and setting of a file, from its operations, or else from name or number."""

import functools
import re
from typing import NamedTuple

import gemmi
import numpy as np
import spglib

from sgan_jax.crystals import operations, sites, spglib_errors
from sgan_jax.crystals.skipped import CifError

_MAX_OPERATIONS = 384  # Fm-3m has 192; a doubled non-standard cell twice that
_TERM = re.compile(r"([+-]?)(?:(\d{1,4}\.?\d{0,12}|\.\d{1,12})(?:/(\d{1,4}))?\*?)?([xyz]?)")


class SpaceGroup(NamedTuple):
    """A space group in one setting: all operations of the cell, and the number."""

    group: operations.OperationGroup
    number: int


@functools.lru_cache(maxsize=4096)
def from_operations(triplets: tuple[str, ...]) -> SpaceGroup:
    """Return the space group of operations such as 'x,-y,z+1/2', in the setting of the file.

    Raises:
      CifError: they cannot be parsed or do not form a space group.
    """
    if len(triplets) > _MAX_OPERATIONS:
        raise CifError("symmetry operations", f"{len(triplets)} are too many")
    rotations, translations = zip(*map(_parse, triplets), strict=True)
    rotations, translations = _distinct(np.array(rotations), np.array(translations))
    group = operations.operation_group(rotations, translations)
    table_entry = _in_tables(rotations, translations)
    if table_entry is not None:
        return SpaceGroup(group, table_entry)
    try:
        _ = group.products
    except ValueError as error:
        raise CifError("symmetry operations", str(error)) from error
    # The tables have no non-standard centrings and no unusual choices of axes.
    with spglib_errors.as_cif_error("symmetry operations"):
        found = spglib.get_spacegroup_type_from_symmetry(
            rotations.astype(np.intc), translations, symprec=1e-3
        )
    if found is None:
        raise CifError("symmetry operations", "they are not those of a space group")
    return SpaceGroup(group, int(found.number))


def from_name(hall: str, name: str, number: str, cell: sites.Cell) -> tuple[SpaceGroup, ...]:
    """Return the settings that a Hall symbol, a name or a number may mean, likeliest first.

    More than one only if the origin choice is left open ('F d -3 m' without ':1' or ':2').

    Raises:
      CifError: nothing is given, or no such group exists.
    """
    if hall:
        try:
            return (_from_gemmi_operations(hall),)
        except (RuntimeError, ValueError):
            pass  # a mistyped Hall symbol; the name may still be right
    if name:
        settings = _named(_common_spelling(name), round(cell[3], 2), round(cell[5], 2))
        if settings:
            return settings
    if number:
        value = gemmi.cif.as_number(number)
        if 1 <= value <= 230:
            standard = gemmi.find_spacegroup_by_number(int(value))
            return _named(standard.hm, round(cell[3], 2), round(cell[5], 2))
    if not (hall or name or number):
        raise CifError("no symmetry", "it gives neither operations nor a space group")
    raise CifError("unknown space group", repr(name or hall or number))


@functools.lru_cache(maxsize=4096)
def _named(name: str, alpha: float, gamma: float) -> tuple[SpaceGroup, ...]:
    found = gemmi.find_spacegroup_by_name(name, alpha, gamma)
    if found is None:
        return ()
    entries = [found]
    if found.ext in "12" and found.ext != "\0" and ":" not in name:
        # Origin choice 2 first: today's programs mean it when they write no choice.
        entries = [gemmi.find_spacegroup_by_name(f"{found.hm}:{choice}") for choice in "21"]
    return tuple(_from_gemmi_operations(entry.hall) for entry in entries)


@functools.lru_cache(maxsize=1024)
def _from_gemmi_operations(hall: str) -> SpaceGroup:
    triplets = tuple(op.triplet() for op in gemmi.symops_from_hall(hall))
    return from_operations(triplets)


def _common_spelling(name: str) -> str:
    """Return a name as gemmi spells it: ICSD's S, Z, H, R as ':1', ':2', ':H', ':R'."""
    name = re.sub(r"\s*:\s*", ":", name.replace("_", "").strip())
    name = re.sub(r"\s*\(?origin\s*(?:choice)?\s*([12])\)?$", r":\1", name, flags=re.IGNORECASE)
    if ":" in name:
        return name
    last = {"S": ":1", "Z": ":2", "H": ":H", "R": ":R"}.get(name[-1:].upper())
    if last and len(name) > 2 and gemmi.find_spacegroup_by_name(name) is None:
        return name[:-1].strip() + last
    return name


def _in_tables(rotations: np.ndarray, translations: np.ndarray) -> int | None:
    twenty_fourths = np.round(translations * 24)
    if np.abs(translations * 24 - twenty_fourths).max() > 1e-6:
        return None
    gemmi_operations = []
    for rotation, translation in zip(rotations, twenty_fourths.astype(int), strict=True):
        operation = gemmi.Op()
        operation.rot = (rotation * gemmi.Op.DEN).tolist()
        operation.tran = translation.tolist()
        gemmi_operations.append(operation)
    found = gemmi.find_spacegroup_by_ops(gemmi.GroupOps(gemmi_operations))
    return None if found is None else found.number


def _parse(triplet: str) -> tuple[np.ndarray, np.ndarray]:
    """Return rotation [3, 3] and translation [3] of 'x,-y,z+1/2'; rounded decimals made exact."""
    parts = triplet.lower().replace(" ", "").split(",")
    if len(parts) != 3:
        reason = "symmetry operations"
        if len(parts) > 3:
            reason = "modulated structure" if "x1" in triplet else "magnetic structure"
        raise CifError(reason, f"{triplet!r} is not a symmetry operation")
    rotation, translation = np.zeros((3, 3)), np.zeros(3)
    for row, part in enumerate(parts):
        position = 0
        while position < len(part):
            term = _TERM.match(part, position)
            unsigned = term is not None and position > 0 and not term[1]
            if not term or unsigned or not (term[2] or term[4]) or int(term[3] or 1) == 0:
                raise CifError("symmetry operations", f"{triplet!r} is not a symmetry operation")
            position = term.end()
            value = float(term[2] or 1) / int(term[3] or 1) * (-1 if term[1] == "-" else 1)
            if term[4]:
                rotation[row, "xyz".index(term[4])] += value
            else:
                translation[row] += value
    whole = np.round(rotation)
    if np.abs(rotation - whole).max() > 1e-3 or abs(abs(np.linalg.det(whole)) - 1) > 1e-3:
        raise CifError("symmetry operations", f"{triplet!r} is not a symmetry of a lattice")
    exact = np.round(translation * 24) / 24
    translation = np.where(np.abs(translation - exact) < 1.1e-3, exact, translation)
    return whole.astype(np.int64), translation % 1


def _distinct(rotations: np.ndarray, translations: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Drop operations listed twice, keeping the file's order."""
    keys = np.concatenate([rotations.reshape(-1, 9), np.round(translations * 480) % 480], axis=1)
    first = np.sort(np.unique(keys, axis=0, return_index=True)[1])
    return rotations[first], translations[first]
