"""The geometry of a structure type: free directions, bond lengths, metric symmetry.

Computed once per type and cached, so that drawing a crystal stays cheap.
"""

import dataclasses
import functools
import itertools

import gemmi
import numpy as np

from sgan_jax.crystals import operations, sites
from sgan_jax.crystals.structure_type import StructureType, prototype_elements

_FIRST_SHELL = 1.15  # neighbours within this factor of the nearest are bonded
_CONTACT_ANGSTROM = 4.5  # pairs of roles farther apart cannot collide
# New elements may not bring two roles closer, in units of the sum of their covalent radii, than
# this factor of their distance in the prototype, or than _CLOSEST if that is less.
_CLOSER_THAN_PROTOTYPE = 0.93
_CLOSEST = 0.85
_NEARLY_SYMMETRIC = 0.15  # relative deviation of the metric that strains of a few percent can undo


@dataclasses.dataclass(frozen=True, eq=False)
class TypeGeometry:
    """The geometry of a structure type.

    Attributes:
      free_directions: float64 [n, 3, 3]; projects a fractional displacement of each site onto the
        directions that its stabiliser leaves free.
      bonds: (role, role, number in the cell), first shells of the prototype.
      contacts: (role, role, shortest distance in Å) of every pair of roles that are near.
      radius: covalent radius (Å) of each role's element in the prototype.
      primitive: float64 [3, 3], columns: a reduced primitive basis in the cell's coordinates.
      near_symmetries: float64 [k, 3, 3], changes of that basis that nearly preserve the metric,
        but are not symmetries of the Bravais lattice.
    """

    free_directions: np.ndarray
    bonds: tuple[tuple[str, str, float], ...]
    contacts: tuple[tuple[str, str, float], ...]
    radius: dict[str, float]
    primitive: np.ndarray
    near_symmetries: np.ndarray

    def scale(self, element_of: dict[str, str]) -> float:
        """Return the linear scale of the cell that fits the elements of the roles.

        Bonds keep their length in units of the sum of covalent radii, on average over the cell;
        the cell grows if that would bring two roles too close.
        """
        radius = {role: covalent_radius(element) for role, element in element_of.items()}

        def growth(i: str, j: str) -> float:
            return (radius[i] + radius[j]) / (self.radius[i] + self.radius[j])

        count = sum(weight for _, _, weight in self.bonds)
        mean = sum(growth(i, j) * weight for i, j, weight in self.bonds) / count
        closest = 0.0
        for i, j, distance in self.contacts:
            least = min(
                _CLOSEST,
                _CLOSER_THAN_PROTOTYPE * distance / (self.radius[i] + self.radius[j]),
            )
            closest = max(closest, least * (radius[i] + radius[j]) / distance)
        return max(mean, closest)

    def deviation(self, cell: tuple[float, ...]) -> float:
        """Return the metric's relative deviation from a more symmetric one; inf if none is near."""
        if not len(self.near_symmetries):
            return np.inf
        basis = sites.orthogonalisation(cell) @ self.primitive
        return float(_metric_deviation(basis, self.near_symmetries).min())


@functools.cache
def geometry(kind: StructureType) -> TypeGeometry:
    """Return the geometry of a structure type."""
    free_directions = np.array(
        [kind.rotations[mask].mean(axis=0) for mask in kind.stabilisers], np.float64
    )
    bonds, contacts = _neighbourhood(kind)
    primitive = _reduced_primitive_basis(kind)
    return TypeGeometry(
        free_directions=free_directions,
        bonds=bonds,
        contacts=contacts,
        radius={r: covalent_radius(e) for r, e in prototype_elements(kind).items()},
        primitive=primitive,
        near_symmetries=_near_symmetries(kind, primitive),
    )


@functools.cache
def covalent_radius(element: str) -> float:
    """Return the covalent radius in Å (Cordero et al. 2008, as gemmi has it)."""
    return gemmi.Element("H" if element == "D" else element).covalent_r


def _neighbourhood(kind: StructureType) -> tuple[tuple, tuple]:
    """Return the bonds and contacts of the prototype."""
    group = operations.operation_group(kind.rotations, kind.translations)
    content = sites.expand(group, kind.fractional, kind.stabilisers)
    site_index, atoms = content.site_index, content.fractional
    to_cartesian = sites.orthogonalisation(kind.cell)
    # Enough cells around the first to hold every atom within reach.
    heights = 1 / np.linalg.norm(np.linalg.inv(to_cartesian), axis=1)
    ranges = [range(-int(np.ceil(9 / h)), int(np.ceil(9 / h)) + 1) for h in heights]
    shifts = np.array(list(itertools.product(*ranges)), np.float64)
    around = (atoms[:, None] + shifts).reshape(-1, 3) @ to_cartesian.T
    role_index = np.repeat(site_index, len(shifts))
    multiplicity = np.bincount(site_index)

    bonds: dict[tuple[str, str], float] = {}
    contacts: dict[tuple[str, str], float] = {}
    for site, position in enumerate(kind.fractional @ to_cartesian.T):
        distances = np.linalg.norm(around - position, axis=1)
        distances[distances < 1e-6] = np.inf
        for neighbour in np.flatnonzero(distances < _FIRST_SHELL * distances.min()):
            pair = _pair(kind, site, role_index[neighbour])
            bonds[pair] = bonds.get(pair, 0.0) + float(multiplicity[site])
        for neighbour in np.flatnonzero(distances < _CONTACT_ANGSTROM):
            pair = _pair(kind, site, role_index[neighbour])
            contacts[pair] = min(contacts.get(pair, np.inf), float(distances[neighbour]))
    return (
        tuple((*pair, weight) for pair, weight in bonds.items()),
        tuple((*pair, distance) for pair, distance in contacts.items()),
    )


def _pair(kind: StructureType, site: int, other: int) -> tuple[str, str]:
    first, second = sorted((kind.roles[site], kind.roles[other]))
    return first, second


def _reduced_primitive_basis(kind: StructureType) -> np.ndarray:
    """Return three shortest independent lattice vectors as columns; in three dimensions a basis."""
    to_cartesian = sites.orthogonalisation(kind.cell)
    identity = (kind.rotations == np.eye(3, dtype=np.int64)).all(axis=(1, 2))
    steps = np.array(list(itertools.product(range(-3, 4), repeat=3)), np.float64)
    vectors = (kind.translations[identity][:, None] + steps).reshape(-1, 3)
    lengths = np.linalg.norm(vectors @ to_cartesian.T, axis=1)
    basis: list[np.ndarray] = []
    for vector in vectors[np.argsort(lengths, kind="stable")]:
        if np.linalg.matrix_rank(np.array([*basis, vector]), tol=1e-6) > len(basis):
            basis.append(vector)
        if len(basis) == 3:
            break
    return np.array(basis).T


@functools.cache
def _changes_of_basis() -> np.ndarray:
    """Return every matrix [k, 3, 3], up to sign, that a symmetry of a reduced basis can be."""
    matrices = np.array(list(itertools.product((-1, 0, 1), repeat=9)), np.float64).reshape(-1, 3, 3)
    determinants = np.round(np.linalg.det(matrices))
    return matrices[determinants == 1]  # the inversion is a symmetry of every lattice


def _metric_deviation(basis: np.ndarray, changes: np.ndarray) -> np.ndarray:
    """Return max |Wᵀ G W - G| / (|i| |j|) of each change of basis W [k, 3, 3], G = BᵀB: [k]."""
    metric = basis.T @ basis
    lengths = np.sqrt(np.diag(metric))
    difference = changes.transpose(0, 2, 1) @ metric @ changes - metric
    return np.abs(difference / np.outer(lengths, lengths)).max(axis=(1, 2))


def _near_symmetries(kind: StructureType, primitive: np.ndarray) -> np.ndarray:
    changes = _changes_of_basis()
    prototype = sites.orthogonalisation(kind.cell) @ primitive
    # A symmetry of the Bravais lattice survives every deformation that the crystal system allows.
    generic = kind.deformed_cell(np.array([1.037, 0.953, 1.009]), np.array([1.3, -2.1, 2.9]))
    deformed = sites.orthogonalisation(generic) @ primitive
    near = _metric_deviation(prototype, changes) < _NEARLY_SYMMETRIC
    accidental = _metric_deviation(deformed, changes) > 1e-9
    return changes[near & accidental]
