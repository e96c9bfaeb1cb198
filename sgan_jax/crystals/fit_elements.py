"""The chemistry in the table of statistics: which elements occur together, how large atoms are.

Part of `fit_synthetic`; all arrays are indexed by `elements`, the names of the frequent ones.
"""

import collections
import itertools

import gemmi
import numpy as np

from sgan_jax import symmetry
from sgan_jax.crystals import sites
from sgan_jax.crystals.crystal import Crystal
from sgan_jax.crystals.scattering_lengths import scattering_length_fm
from sgan_jax.crystals.synthetic_statistics import MOST_KINDS

_LEAST_OCCURRENCES = 20  # crystals, for an element to be drawn
_CONTACT_QUANTILE = 0.08  # of the closest approaches of a pair in the crystals that have it
_PRIOR = 6  # weight, in crystals, of the closest approach expected from the radii
_MOST_ATOMS = 120  # crystals with more are not searched for contacts
_SHIFTS = np.array(list(itertools.product((-1, 0, 1), repeat=3)), np.float64)


def fit(crystals: list[Crystal]) -> dict[str, np.ndarray]:
    """Return the arrays of `SyntheticStatistics` from `elements` on.

    Raises:
      ValueError: no crystal consists of elements that many crystals contain.
    """
    occurrences = collections.Counter(e for crystal in crystals for e in set(crystal.elements))
    elements = sorted(
        element
        for element, count in occurrences.items()
        if count >= _LEAST_OCCURRENCES and scattering_length_fm(element) is not None
    )
    index = {element: i for i, element in enumerate(elements)}
    usable = [crystal for crystal in crystals if set(crystal.elements) <= set(index)]
    if not usable:
        raise ValueError(
            f"{len(crystals)} crystals are too few for a table: none consists only of elements "
            f"that occur in {_LEAST_OCCURRENCES} or more; give several hundred different crystals"
        )
    amounts = np.array([_amounts(crystal, index) for crystal in usable])
    present = amounts > 0
    kinds = np.minimum(present.sum(axis=1), MOST_KINDS)
    frequency = np.zeros((MOST_KINDS + 1, len(elements)), np.int32)
    shares = np.zeros((MOST_KINDS + 1, len(elements)), np.float32)
    fraction = amounts / amounts.sum(axis=1, keepdims=True)
    for k in range(1, MOST_KINDS + 1):
        frequency[k] = present[kinds == k].sum(axis=0)
        # Shrunk towards an equal share where an element is rare.
        shares[k] = (fraction[kinds == k].sum(axis=0) + 3 / k) / (frequency[k] + 3)
    lattices = np.array([symmetry.bravais_index(c.space_group_number) for c in usable])
    of_lattice = [present[lattices == i].sum(axis=0) for i in range(len(symmetry.BRAVAIS_LATTICES))]
    closest = _closest_approaches(usable, index)
    volumes, spread = _atom_volumes(amounts, np.array([crystal.volume for crystal in usable]))
    return {
        "elements": np.array(elements),
        "element_counts": frequency,
        "lattice_counts": np.array(of_lattice, np.int32),
        "element_shares": shares.astype(np.float16),
        "pair_counts": (present.T.astype(np.int32) @ present).astype(np.int32),
        "atom_volumes": volumes.astype(np.float32),
        "volume_spread": np.array(spread),
        "contacts": _distances(closest, index, _CONTACT_QUANTILE).astype(np.float16),
        "usual_distances": _distances(closest, index, 0.5).astype(np.float16),
    }


def _amounts(crystal: Crystal, index: dict[str, int]) -> np.ndarray:
    amounts = np.zeros(len(index))
    multiplicities = np.bincount(crystal.content.site_index, minlength=len(crystal.elements))
    for element, amount in zip(crystal.elements, multiplicities * crystal.occupancies, strict=True):
        amounts[index[element]] += amount
    return amounts


def _atom_volumes(amounts: np.ndarray, volumes: np.ndarray) -> tuple[np.ndarray, float]:
    """Return each element's volume in Å³, and the standard deviation of ln V about their sums.

    Least squares of relative deviations, repeated without outliers.
    """
    kept = np.ones(len(volumes), bool)
    fitted = np.full(amounts.shape[1], 15.0)
    deviation = np.zeros(len(volumes))
    for _ in range(4):
        relative = amounts[kept] / volumes[kept, None]
        ridge = 0.5 * np.eye(len(fitted))
        normal = relative.T @ relative + 1e-4 * ridge
        fitted = np.linalg.solve(normal, relative.sum(axis=0) + 1e-4 * ridge @ fitted)
        fitted = np.clip(fitted, 3.0, 80.0)
        deviation = np.log(volumes / (amounts @ fitted))
        kept = np.abs(deviation) < 0.5
    return fitted, float(np.std(deviation[kept]))


def _closest_approaches(
    crystals: list[Crystal], index: dict[str, int]
) -> dict[tuple[int, int], list[float]]:
    """Return the closest approaches (Å) of each pair of elements, one per ordered crystal."""
    closest: dict[tuple[int, int], list[float]] = collections.defaultdict(list)
    for crystal in crystals:
        if len(crystal.content.site_index) <= _MOST_ATOMS and (crystal.occupancies == 1).all():
            for pair, distance in _approaches_in(crystal, index).items():
                closest[pair].append(distance)
    return closest


def _distances(
    closest: dict[tuple[int, int], list[float]], index: dict[str, int], quantile: float
) -> np.ndarray:
    """Return a quantile of the closest approaches of two elements, Å [n, n].

    Shrunk towards the value expected from their radii, the more so the fewer crystals there are.
    """
    radii = np.array([gemmi.Element("H" if e == "D" else e).covalent_r for e in index])
    sums = radii[:, None] + radii
    factors = {pair: np.quantile(d, quantile) / sums[pair] for pair, d in closest.items()}
    # A median per element, because the factor depends on whether both are anions or one a cation.
    mean = np.ones(len(index))
    for i in range(len(index)):
        mean[i] = np.median([f for pair, f in factors.items() if i in pair])
    found = np.maximum(mean[:, None], mean) * sums
    for (i, j), distances in closest.items():
        weight = len(distances) / (len(distances) + _PRIOR)
        value = weight * np.quantile(distances, quantile) + (1 - weight) * found[i, j]
        found[i, j] = found[j, i] = value
    return found


def _approaches_in(crystal: Crystal, index: dict[str, int]) -> dict[tuple[int, int], float]:
    atoms = crystal.content.fractional
    difference = crystal.fractional[:, None] - atoms
    difference -= np.round(difference)
    vectors = (difference[:, :, None] + _SHIFTS) @ sites.orthogonalisation(crystal.cell).T
    distances = np.sqrt((vectors**2).sum(axis=-1))
    distances[distances < 0.05] = np.inf
    distances = distances.min(axis=2)
    kind = np.array([index[element] for element in crystal.elements])
    kind_of_atom = kind[crystal.content.site_index]
    found = {}
    for i in np.unique(kind):
        for j in np.unique(kind):
            if i <= j:
                found[int(i), int(j)] = distances[np.ix_(kind == i, kind_of_atom == j)].min()
    return found
