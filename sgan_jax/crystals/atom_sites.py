"""The atom list of a CIF block: elements, coordinates, occupancies, displacement parameters.

Takes `tags`: lower-case tag (with underscores for dots, so that old and new dictionaries read
alike) -> raw values of the column.
"""

import functools
import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import gemmi
import numpy as np

from sgan_jax.crystals import displacements, scattering_lengths, sites
from sgan_jax.crystals.skipped import CifError

Tags = Mapping[str, Sequence[str]]

MAX_OCCUPANCY = 1.05  # refined occupancies overshoot a little; clipped to 1
_MAX_COORDINATE = 100.0
_WORD = re.compile(r"[A-Z][a-z]?")
_TENSOR = ("11", "22", "33", "12", "13", "23")


class AtomSites(NamedTuple):
    """The asymmetric sites as given in the file, without dummies and empty sites."""

    elements: tuple[str, ...]
    fractional: np.ndarray  # [n, 3]
    occupancies: np.ndarray  # [n], in (0, 1]
    u_iso: np.ndarray  # [n], Å², NaN where unknown
    u_aniso: np.ndarray  # [n, 6], Å², NaN where unknown


def read_sites(tags: Tags, cell: sites.Cell) -> AtomSites:
    """Return the sites of a block.

    Raises:
      CifError: no atoms, an unknown element or scattering length, a missing coordinate, an
        impossible occupancy.
    """
    columns = [tags.get(f"_atom_site_fract_{axis}", ()) for axis in "xyz"]
    count = len(columns[0])
    if not count or {len(column) for column in columns} != {count}:
        raise CifError("no atoms", "no list of atoms with fractional coordinates")
    labels = _texts(tags, "_atom_site_label", count)
    symbols = _texts(tags, "_atom_site_type_symbol", count)
    occupancies = _occupancies(tags, labels, count)
    kept = occupancies > 0
    for i, flag in enumerate(_texts(tags, "_atom_site_calc_flag", count)):
        kept[i] &= flag.lower() != "dum"
    rows = np.flatnonzero(kept)
    if not len(rows):
        raise CifError("no atoms", "every site is a dummy or unoccupied")
    fractional = np.stack([_numbers(column) for column in columns], axis=1)[rows]
    bad = ~(np.abs(fractional) < _MAX_COORDINATE).all(axis=1)
    if bad.any():
        raise CifError("missing coordinates", f"site {labels[rows[bad.argmax()]]!r}")
    in_formula = _elements_of_formula(tags.get("_chemical_formula_sum", ("?",))[0])
    elements = tuple(_element(symbols[i], labels[i], in_formula) for i in rows)
    u_iso = _u_iso(tags, count)[rows]
    u_aniso = _u_aniso(tags, [labels[i] for i in rows], cell)
    return AtomSites(elements, fractional, np.minimum(occupancies[rows], 1.0), u_iso, u_aniso)


def _element(symbol: str, label: str, in_formula: frozenset[str]) -> str:
    if symbol not in ("", "?", "."):
        element = element_of(symbol)
    else:
        element = element_of(label)
        # 'HO1' may be holmium or a hydrogen of a hydroxyl: the formula decides.
        if label[:2].isupper() and element not in in_formula and label[0] in in_formula:
            element = label[0]
    if element is None:
        raise CifError("unknown element", repr(symbol or label))
    if scattering_lengths.scattering_length_fm(element) is None:
        raise CifError("unknown scattering length", f"none is known for {element}")
    return element


def _elements_of_formula(written: str) -> frozenset[str]:
    """Return the elements of 'H2 O' or 'H2O'; none if it is written in capitals ('NA CL')."""
    words = re.findall(r"[A-Z][a-z]?|[A-Za-z]", gemmi.cif.as_string(written))
    if any(word == "X" or gemmi.Element(word).name != word for word in words):
        return frozenset()
    return frozenset(words)


@functools.lru_cache(maxsize=65536)
def element_of(text: str) -> str | None:
    """Return the element that a type symbol or a label names, or None.

    'Fe3+', 'O2-', 'Cl(1)', 'CA1', 'FeA' name elements; so do 'Ow1', 'OH2' (mineralogists' oxygens).
    '7Li' and '11B3+' name isotopes, which are called '7Li' and '11B'; '2H' is 'D'. 'Wat' and 'M1'
    name none, nor does 'Si/Al', which leaves the proportions open.
    """
    if re.search(r"[/,&][A-Z]", text):
        return None
    isotope = re.match(r"\d+[A-Z][a-z]?(?![a-z])", text)
    if isotope:
        name = isotope[0]
        return "D" if name == "2H" else name if scattering_lengths.is_isotope(name) else None
    text = text.lstrip("(*")
    if len(text) > 1 and text[:2].isupper() and text[:2].isalpha():
        both = text[0] + text[1].lower()
        if gemmi.Element(both).name == both:
            return both
    elif text[:1].islower():
        text = text.capitalize()
    word = _WORD.match(text)
    if not word or text[word.end() : word.end() + 1].islower():
        return None
    for name in (word[0], word[0][0] if word[0][0] == "O" else word[0]):
        if gemmi.Element(name).name == name and name != "X":
            return name
    return None


def _texts(tags: Tags, tag: str, count: int) -> list[str]:
    column = tags.get(tag)
    if column is None or len(column) != count:
        return [""] * count
    return [gemmi.cif.as_string(value) if value[0] in "'\";" else value for value in column]


def _numbers(column: Sequence[str]) -> np.ndarray:
    """Return the numbers, without uncertainties in brackets; NaN if a value is no number."""
    as_number = gemmi.cif.as_number
    return np.array([as_number(value) for value in column])


def _occupancies(tags: Tags, labels: list[str], count: int) -> np.ndarray:
    column = tags.get("_atom_site_occupancy")
    if column is None or len(column) != count:
        return np.ones(count)
    occupancies = _numbers(column)
    for i in np.flatnonzero(np.isnan(occupancies)):
        if column[int(i)] in (".", "?"):
            occupancies[i] = 1.0
    bad = ~((occupancies >= 0) & (occupancies <= MAX_OCCUPANCY))
    if bad.any():
        first = int(bad.argmax())
        raise CifError("impossible occupancy", f"{column[first]} at site {labels[first]!r}")
    return occupancies


def _u_iso(tags: Tags, count: int) -> np.ndarray:
    u_iso = np.full(count, np.nan)
    for kind, scale in (("u", 1.0), ("b", displacements.EIGHT_PI_SQUARED)):
        column = tags.get(f"_atom_site_{kind}_iso_or_equiv")
        if column is not None and len(column) == count:
            u_iso = np.where(np.isnan(u_iso), _numbers(column) / scale, u_iso)
    return displacements.usable_u(u_iso)


def _u_aniso(tags: Tags, labels: list[str], cell: sites.Cell) -> np.ndarray:
    tensors = np.full((len(labels), 6), np.nan)
    rows_of = _texts(tags, "_atom_site_aniso_label", len(tags.get("_atom_site_aniso_label", ())))
    if not rows_of:
        return tensors
    row_of = {label: row for row, label in reversed(list(enumerate(rows_of)))}
    rows = np.array([row_of.get(label, -1) for label in labels])
    for kind in ("u", "b", "beta"):
        columns = [tags.get(f"_atom_site_aniso_{kind}_{ij}", ()) for ij in _TENSOR]
        if any(len(column) != len(rows_of) for column in columns):
            continue
        values = np.stack([_numbers(column) for column in columns], axis=1)
        if kind == "b":
            values = values / displacements.EIGHT_PI_SQUARED
        elif kind == "beta":
            values = displacements.u_from_beta(values, cell)
        given = (rows >= 0) & np.isnan(tensors[:, 0])
        tensors[given] = values[rows[given]]
    return displacements.physical(tensors, cell)
