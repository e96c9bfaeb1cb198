"""StructureType: a structure as the literature gives it, and which elements may fill its roles.

The tables are `structure_types/*.toml`, one per lattice system. An entry:

    ["rutile"]
    source = "TiO2, C4"          # compound, Strukturbericht symbol, mineral
    space_group = "P 42/m n m"   # Hermann-Mauguin symbol with the setting, as gemmi writes it
    cell = "4.594 2.959"         # what symmetry leaves free of a b c (Å) alpha beta gamma (°)
    sites = '''                  # role and fractional coordinates
    Ti 0 0 0
    O 0.3053 0.3053 0
    '''
    decorations = [              # role -> elements, or groups of element_groups.toml
        { Ti = "Ti Sn Ge" },
    ]

A role is named by the prototype's element, with a digit where one element has two roles (Mg, Mg1).
A role that a decoration does not name keeps the prototype's element.
"""

import dataclasses
import functools
import importlib.resources
import tomllib
from fractions import Fraction
from importlib.resources.abc import Traversable

import gemmi
import numpy as np

from sgan_jax import symmetry
from sgan_jax.crystals import operations, sites
from sgan_jax.crystals.scattering_lengths import scattering_length_fm

# Published coordinates are rounded: 0.333 for 1/3 in a cell of 20 Å is 0.007 Å off.
_SPECIAL_POSITION_ANGSTROM = 0.02
_GROUPS_FILE = "element_groups.toml"


@dataclasses.dataclass(frozen=True, eq=False)
class StructureType:
    """A structure type: its prototype and its decorations.

    Attributes:
      name: of the type.
      source: the prototype compound, Strukturbericht symbol or mineral.
      space_group_number: 1..230.
      cell: of the prototype, a, b, c (Å), alpha, beta, gamma (degrees).
      roles: one per site; sites of one role have the same elements.
      fractional: float64 [n, 3], the prototype's sites, exactly on their special positions.
      stabilisers: bool [n, m], which operations fix each site.
      rotations: int64 [m, 3, 3], centring included.
      translations: float64 [m, 3].
      decorations: for each way to fill the roles, role -> elements to choose from.
    """

    name: str
    source: str
    space_group_number: int
    cell: tuple[float, float, float, float, float, float]
    roles: tuple[str, ...]
    fractional: np.ndarray
    stabilisers: np.ndarray
    rotations: np.ndarray
    translations: np.ndarray
    decorations: tuple[dict[str, tuple[str, ...]], ...]

    @functools.cached_property
    def bravais_lattice(self) -> str:
        """The Bravais lattice, e.g. 'tetragonal (P)'."""
        return symmetry.bravais_lattice(self.space_group_number)

    @staticmethod
    def must_differ(role: str, other: str) -> bool:
        """Return whether two roles need different elements, as they have in the prototype."""
        return _element(role) != _element(other)

    def deformed_cell(
        self, length_factors: np.ndarray, angle_shifts_deg: np.ndarray
    ) -> tuple[float, float, float, float, float, float]:
        """Return the prototype's cell with its free lengths multiplied and free angles shifted.

        Args:
          length_factors: of a, b, c [3]; where symmetry makes two axes equal, the first counts.
          angle_shifts_deg: of alpha, beta, gamma [3].
        """
        a, b, c, *angles = self.cell
        system = symmetry.crystal_system(self.space_group_number)
        fa, fb, fc = (float(factor) for factor in length_factors)
        if system == "cubic":
            fb = fc = fa
        elif system in ("tetragonal", "trigonal", "hexagonal"):
            fb = fa
        shifts = {"triclinic": (1, 1, 1), "monoclinic": (0, 1, 0)}.get(system, (0, 0, 0))
        alpha, beta, gamma = (
            angle + free * float(shift)
            for angle, free, shift in zip(angles, shifts, angle_shifts_deg, strict=True)
        )
        return (a * fa, b * fb, c * fc, alpha, beta, gamma)


def read_structure_types() -> tuple[StructureType, ...]:
    """Read every table, in the order of the space groups."""
    folder = _folder()
    tables = {
        entry.name: tomllib.loads(entry.read_text(encoding="utf-8"))
        for entry in folder.iterdir()
        if entry.name.endswith(".toml")
    }
    groups = tables.pop(_GROUPS_FILE)
    kinds = [
        _structure_type(name, entry, groups)
        for table in tables.values()
        for name, entry in table.items()
    ]
    return tuple(sorted(kinds, key=lambda kind: (kind.space_group_number, kind.name)))


@functools.cache
def similar_elements(element: str) -> tuple[str, ...]:
    """Return the element and those in a group with it whose scattering length is known."""
    text = (_folder() / _GROUPS_FILE).read_text(encoding="utf-8")
    groups = [members.split() for members in tomllib.loads(text).values()]
    similar = [other for members in groups if element in members for other in members]
    known = [other for other in similar if scattering_length_fm(other) is not None]
    return tuple(dict.fromkeys([element, *known]))


def _folder() -> Traversable:
    return importlib.resources.files("sgan_jax.crystals") / "structure_types"


def prototype_elements(kind: StructureType) -> dict[str, str]:
    """Return the prototype's own element of each role."""
    return {role: _element(role) for role in kind.roles}


def _structure_type(name: str, entry: dict, groups: dict[str, str]) -> StructureType:
    space_group = gemmi.find_spacegroup_by_name(entry["space_group"])
    if space_group is None:
        raise ValueError(f"structure type {name!r}: unknown space group {entry['space_group']!r}")
    ops = list(space_group.operations())
    rotations = np.array([op.rot for op in ops], np.int64) // gemmi.Op.DEN
    translations = np.array([op.tran for op in ops], np.float64) / gemmi.Op.DEN
    cell = _whole_cell(space_group.number, [float(word) for word in entry["cell"].split()])

    rows = [line.split() for line in entry["sites"].strip().splitlines()]
    roles = tuple(row[0] for row in rows)
    group = operations.operation_group(rotations, translations)
    fractional, stabilisers = sites.project(
        group,
        np.array([[float(Fraction(word)) for word in row[1:]] for row in rows]),
        cell,
        _SPECIAL_POSITION_ANGSTROM,
    )
    return StructureType(
        name=name,
        source=entry["source"],
        space_group_number=space_group.number,
        cell=cell,
        roles=roles,
        fractional=fractional,
        stabilisers=stabilisers,
        rotations=group.rotations,
        translations=group.translations,
        decorations=tuple(_decoration(roles, pools, groups) for pools in entry["decorations"]),
    )


def _whole_cell(number: int, free: list[float]) -> tuple[float, float, float, float, float, float]:
    """Return a, b, c, alpha, beta, gamma from those that the crystal system leaves free."""
    system = symmetry.crystal_system(number)
    match system, free:
        case "cubic", [a]:
            return (a, a, a, 90.0, 90.0, 90.0)
        case "tetragonal", [a, c]:
            return (a, a, c, 90.0, 90.0, 90.0)
        case "trigonal" | "hexagonal", [a, c]:
            return (a, a, c, 90.0, 90.0, 120.0)
        case "orthorhombic", [a, b, c]:
            return (a, b, c, 90.0, 90.0, 90.0)
        case "monoclinic", [a, b, c, beta]:
            return (a, b, c, 90.0, beta, 90.0)
        case "triclinic", [a, b, c, alpha, beta, gamma]:
            return (a, b, c, alpha, beta, gamma)
    raise ValueError(f"{len(free)} cell parameters do not fit the {system} crystal system")


def _decoration(
    roles: tuple[str, ...], pools: dict[str, str], groups: dict[str, str]
) -> dict[str, tuple[str, ...]]:
    """Return the elements of every role, the narrowest choice first."""
    unknown = set(pools) - set(roles)
    if unknown:
        raise ValueError(
            f"decoration names roles {sorted(unknown)}, which no site has; the sites have {roles}"
        )
    chosen = {}
    for role in dict.fromkeys(roles):
        words = pools.get(role, _element(role)).split()
        members = [member for word in words for member in groups.get(word, word).split()]
        chosen[role] = tuple(dict.fromkeys(members))
    return dict(sorted(chosen.items(), key=lambda item: len(item[1])))


def _element(role: str) -> str:
    return role.rstrip("0123456789")
