"""Extinction groups: space groups that powder data cannot distinguish.

Two space groups with the same Bravais lattice and the same systematic absences give reflections at
the same positions; as the intensities are unknown, nothing else distinguishes them. The axes of an
orthorhombic crystal have no order, so absences that differ by a permutation of axes count as equal.
The Laue class is ignored, because lines of equal d overlap in a powder pattern whatever their
intensities; International Tables, which keep it, distinguish two more sets. Everything is computed
from gemmi's operations.
"""

import functools
import itertools
from typing import NamedTuple

import gemmi
import numpy as np

from sgan_jax import symmetry

_REACH = 6  # indices from -6 to 6: every condition has a period of 2, 3, 4 or 6


class ExtinctionGroup(NamedTuple):
    """Space groups with one Bravais lattice and the same systematic absences.

    Attributes:
        symbol: the centring letter, then the screw axes and glide planes that the absences show
            along or across each symmetry direction, as in International Tables A: 'Pn-a',
            'P-21-', 'P121/c1'. Two glides that the centring makes equivalent are written '(ab)'.
            Unique within a Bravais lattice.
        bravais_lattice: one of `symmetry.BRAVAIS_LATTICES`.
        numbers: the space-group numbers, ascending.
    """

    symbol: str
    bravais_lattice: str
    numbers: tuple[int, ...]

    @property
    def name(self) -> str:
        """The symbol after the lattice system, which makes it unique: 'orthorhombic Pn-a'."""
        return f"{self.bravais_lattice.split()[0]} {self.symbol}"


@functools.cache
def extinction_groups() -> tuple[ExtinctionGroup, ...]:
    """Return the 97 extinction groups, ordered by their lowest space-group number.

    The symbol is that of the member with the highest number, in its standard setting.
    """
    members: dict[tuple[str, bytes], list[int]] = {}
    for number in range(1, 231):
        key = symmetry.bravais_lattice(number), _standard_order(number)
        members.setdefault(key, []).append(number)
    return tuple(
        ExtinctionGroup(_symbol(numbers[-1]), lattice, tuple(numbers))
        for (lattice, _), numbers in members.items()
    )


@functools.cache
def extinction_group(space_group_number: int) -> ExtinctionGroup:
    """Return the extinction group of a space group, e.g. that of 62: 'Pn-a', 33 and 62."""
    symmetry.bravais_lattice(space_group_number)  # raises if there is no such group
    return next(group for group in extinction_groups() if space_group_number in group.numbers)


@functools.cache
def _present(number: int) -> np.ndarray:
    """Return which reflections h, k, l from -6 to 6 are not systematically absent, bool [13] * 3.

    h is absent if an operation (R, t) with hR = h has a phase h·t that is not an integer.
    """
    operations = gemmi.find_spacegroup_by_number(number).operations()
    present = np.ones((2 * _REACH + 1,) * 3, bool)
    for translation in operations.cen_ops:
        present &= _is_whole(tuple(translation))
    for operation in operations.sym_ops:
        if any(operation.tran):  # no phase, no absence
            rotation = tuple(map(tuple, operation.rot))
            present &= _is_whole(tuple(operation.tran)) | ~_is_kept(rotation)
    return present


@functools.cache
def _is_whole(translation: tuple[int, ...]) -> np.ndarray:
    """Return where the phase h·t is an integer, bool [13] * 3."""
    return (_indices() @ np.array(translation)) % gemmi.Op.DEN == 0


@functools.cache
def _is_kept(rotation: tuple[tuple[int, ...], ...]) -> np.ndarray:
    """Return where hR = h, bool [13] * 3."""
    hkl = _indices()
    return (hkl @ (np.array(rotation) // gemmi.Op.DEN) == hkl).all(-1)


def _standard_order(number: int) -> bytes:
    """Return the absences as bytes; of an orthorhombic group the least of all orders of axes."""
    orders = [(0, 1, 2)]
    if symmetry.crystal_system(number) == "orthorhombic":
        orders = list(itertools.permutations(range(3)))
    return min(_present(number).transpose(order).tobytes() for order in orders)


class _Direction(NamedTuple):
    """A symmetry direction: one position of the symbol.

    Attributes:
        vector: along the direction; the glides across it act on the zone h·vector = 0.
        glides: letters in the order in which they are tried.
        screws: name of the screw axis along it, by the period of the reflections along it.
    """

    vector: tuple[int, int, int]
    glides: tuple[str, ...] = ()
    screws: dict[int, str] = {}  # noqa: RUF012 (never changed)


# International Tables A, table 2.1.3.1. Rhombohedral lattices have hexagonal axes.
_DIRECTIONS = {
    "triclinic": (_Direction((0, 0, 0)),),
    "monoclinic": (_Direction((0, 1, 0), ("c",), {2: "21"}),),
    "orthorhombic": (
        _Direction((1, 0, 0), ("b", "c", "n", "d"), {2: "21"}),
        _Direction((0, 1, 0), ("a", "c", "n", "d"), {2: "21"}),
        _Direction((0, 0, 1), ("a", "b", "n", "d"), {2: "21"}),
    ),
    "tetragonal": (
        _Direction((0, 0, 1), ("n", "a"), {2: "42", 4: "41"}),
        _Direction((1, 0, 0), ("c", "b", "n"), {2: "21"}),
        _Direction((1, -1, 0), ("c", "d")),
    ),
    "hexagonal": (
        _Direction((0, 0, 1), (), {2: "63", 3: "62", 6: "61"}),
        _Direction((1, 0, 0), ("c",)),
        _Direction((1, -1, 0), ("c",)),
    ),
    "rhombohedral": (_Direction((0, 0, 1)), _Direction((1, 0, 0), ("c",))),
    "cubic": (
        _Direction((1, 0, 0), ("b", "n", "d"), {2: "42", 4: "41"}),
        _Direction((1, 1, 1)),
        _Direction((1, -1, 0), ("c", "d")),
    ),
}


def _symbol(number: int) -> str:
    """Return the extinction symbol of a group's absences in its standard setting."""
    system = symmetry.bravais_lattice(number).split()[0]
    letter = symmetry.centring(number)
    glides = [_glide(number, direction) for direction in _DIRECTIONS[system]]
    if sum(glide.startswith("(") for glide in glides) > 1:  # by convention Iba- and Ibca
        glides = ["b", "c" if glides[2] != "-" else "a", "a" if glides[2] != "-" else "-"]
    places = []
    for direction, glide in zip(_DIRECTIONS[system], glides, strict=True):
        screw = _screw(number, system, direction, glides)
        places.append("/".join(part for part in (screw, glide) if part != "-") or "-")
    if system == "monoclinic":
        return f"{letter}1{places[0]}1"
    if system == "cubic":  # by convention Pa-- and F--c, P--n
        places[0] = places[0].replace("b", "a")
        places[2] = places[2].replace("c", "n") if letter == "P" else places[2]
    return letter + "".join(places)


def _glide(number: int, direction: _Direction) -> str:
    """Return the glide whose condition, with the centring's, is exactly that of the zone."""
    hkl = _indices()
    # Rows in two zones are left out, because they show the conditions of both.
    sizes = np.sort(np.abs(hkl), axis=-1)
    crossing = (sizes == 0).sum(-1) > 1
    if direction.vector.count(0) == 2:
        crossing |= sizes[..., 1] == sizes[..., 2]
    else:
        crossing |= (sizes == 0).any(-1) | (sizes[..., 0] == sizes[..., 2])
    zone = (hkl @ np.array(direction.vector) == 0) & ~crossing
    shown, centred = _present(number)[zone], _centred(symmetry.centring(number), hkl[zone])
    if (shown == centred).all():
        return "-"
    found = [
        glide for glide in direction.glides if (shown == centred & _fits(glide, hkl[zone])).all()
    ]
    # If the centring makes two glides equivalent, orthorhombic symbols have both, others one.
    both = symmetry.crystal_system(number) == "orthorhombic" and len(set(found) & set("abc")) == 2
    return f"({found[0]}{found[1]})" if both else found[0]


def _screw(number: int, system: str, direction: _Direction, glides: list[str]) -> str:
    """Return the screw axis along a direction, '-' if none or implied by centring or glides."""
    if not direction.screws:
        return "-"
    along = np.arange(1, _REACH + 1)[:, None] * np.array(direction.vector)
    present = _present(number)[tuple((along + _REACH).T)]
    implied = _centred(symmetry.centring(number), along)
    for row in _equivalent(system, direction.vector):
        for across, glide in zip(_DIRECTIONS[system], glides, strict=True):
            if glide != "-" and np.dot(row, across.vector) == 0:
                implied &= _fits(glide, np.arange(1, _REACH + 1)[:, None] * np.array(row))
    if (present == implied).all():
        return "-"
    return direction.screws[int(np.argmax(present)) + 1]


def _equivalent(system: str, row: tuple[int, int, int]) -> list[tuple[int, int, int]]:
    """Return the axes that are equivalent to one in a crystal system."""
    if system == "cubic" or (system == "tetragonal" and row == (1, 0, 0)):
        axes = [(1, 0, 0), (0, 1, 0), (0, 0, 1)]
        return axes if system == "cubic" else axes[:2]
    return [row]


def _fits(glide: str, hkl: np.ndarray) -> np.ndarray:
    """Return which reflections [n, 3] of its zone a glide allows."""
    h, k, l = hkl.T  # noqa: E741
    if glide == "d":
        return (h + k + l) % 4 == 0
    if glide == "n":
        return (h + k + l) % 2 == 0
    index = {"a": h, "b": k, "c": l}
    return np.all([index[axis] % 2 == 0 for axis in glide.strip("()")], axis=0)


def _centred(letter: str, hkl: np.ndarray) -> np.ndarray:
    """Return which reflections [n, 3] a centring allows."""
    h, k, l = hkl.T  # noqa: E741
    conditions = {
        "P": h == h,
        "A": (k + l) % 2 == 0,
        "C": (h + k) % 2 == 0,
        "I": (h + k + l) % 2 == 0,
        "F": ((h + k) % 2 == 0) & ((k + l) % 2 == 0),
        "R": (k + l - h) % 3 == 0,
    }
    return conditions[letter]


@functools.cache
def _indices() -> np.ndarray:
    axis = np.arange(-_REACH, _REACH + 1)
    return np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), -1)
