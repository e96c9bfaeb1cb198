"""Displacement parameters: U, B and beta, isotropic and anisotropic.

A tensor is U11 U22 U33 U12 U13 U23 in Å², on the reciprocal axes, as CIFs have it:
T = exp(-2π² Σ h_i h_j a*_i a*_j U_ij). B = 8π² U.
"""

import numpy as np

from sgan_jax.crystals import operations, sites

EIGHT_PI_SQUARED = 8 * np.pi**2
_MAX_U = 1.0  # Å²; more is a B in the wrong column or a misplaced decimal point, not a vibration

_ROWS = np.array([0, 1, 2, 0, 0, 1])
_COLUMNS = np.array([0, 1, 2, 1, 2, 2])


def usable_u(u_iso: np.ndarray) -> np.ndarray:
    """Return U (Å²) with NaN where it is negative or absurd: such a site counts as having none."""
    return np.where((u_iso >= 0) & (u_iso <= _MAX_U), u_iso, np.nan)


def u_from_beta(beta: np.ndarray, cell: sites.Cell) -> np.ndarray:
    """Return U [n, 6] from β_ij = 2π² a*_i a*_j U_ij."""
    lengths = _reciprocal_lengths(cell)
    return beta / (2 * np.pi**2 * lengths[_ROWS] * lengths[_COLUMNS])


def beta_from_u(u_aniso: np.ndarray, cell: sites.Cell) -> np.ndarray:
    """Return the matrices β_ij = 2π² a*_i a*_j U_ij [n, 3, 3]: T = exp(-h·β·h)."""
    lengths = _reciprocal_lengths(cell)
    return 2 * np.pi**2 * np.outer(lengths, lengths) * _matrices(u_aniso)


def cartesian(u_aniso: np.ndarray, cell: sites.Cell) -> np.ndarray:
    """Return the tensors [n, 3, 3] in Å² on the Cartesian axes of `sites.orthogonalisation`."""
    axes = sites.orthogonalisation(cell) * _reciprocal_lengths(cell)
    return axes @ _matrices(u_aniso) @ axes.T


def from_cartesian(tensors: np.ndarray, cell: sites.Cell) -> np.ndarray:
    """Return U [n, 6], the inverse of `cartesian`."""
    inverse = np.linalg.inv(sites.orthogonalisation(cell) * _reciprocal_lengths(cell))
    return (inverse @ tensors @ inverse.T)[:, _ROWS, _COLUMNS]


def physical(u_aniso: np.ndarray, cell: sites.Cell) -> np.ndarray:
    """Return U [n, 6] with NaN rows where it cannot be a mean-square displacement."""
    given = (np.abs(u_aniso) < 10 * _MAX_U).all(axis=1)
    kept = np.full_like(u_aniso, np.nan)
    if given.any():
        along = np.linalg.eigvalsh(cartesian(u_aniso[given], cell))
        # Rounded and merged tensors of real files may be slightly negative along an axis.
        good = (along[:, 0] > -2e-3) & (along[:, 2] < _MAX_U) & (along.sum(axis=1) >= 0)
        rows = np.flatnonzero(given)[good]
        kept[rows] = u_aniso[rows]
    return kept


def b_equivalent(u_aniso: np.ndarray, cell: sites.Cell) -> np.ndarray:
    """Return B_eq = 8π²/3 trace U in Å² [n], NaN where there is no tensor."""
    return EIGHT_PI_SQUARED / 3 * np.trace(cartesian(u_aniso, cell), axis1=1, axis2=2)


def symmetrised(
    u_aniso: np.ndarray,
    stabilisers: np.ndarray,
    group: operations.OperationGroup,
    cell: sites.Cell,
) -> np.ndarray:
    """Return U [n, 6] averaged over each site's stabiliser, bool [n, m].

    The tensor at a position then does not depend on the operation that generates it.
    """
    lengths = _reciprocal_lengths(cell)
    scale = np.outer(lengths, lengths)
    result = u_aniso.copy()
    for i in np.flatnonzero(np.isfinite(u_aniso[:, 0]) & (stabilisers.sum(axis=1) > 1)):
        rotations = group.rotations[stabilisers[i]]
        beta = _matrices(u_aniso[i : i + 1])[0] * scale
        mean = (rotations @ beta @ rotations.transpose(0, 2, 1)).mean(axis=0) / scale
        result[i] = mean[_ROWS, _COLUMNS]
    return result


def _matrices(u_aniso: np.ndarray) -> np.ndarray:
    tensors = np.empty((len(u_aniso), 3, 3))
    tensors[:, _ROWS, _COLUMNS] = u_aniso
    tensors[:, _COLUMNS, _ROWS] = u_aniso
    return tensors


def _reciprocal_lengths(cell: sites.Cell) -> np.ndarray:
    return np.linalg.norm(np.linalg.inv(sites.orthogonalisation(cell)), axis=1)
