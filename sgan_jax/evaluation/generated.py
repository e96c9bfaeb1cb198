"""What a generator has learnt: whether its patterns are like real ones, and of many kinds.

Distances are Euclidean, between patterns as they are (maximum about 1). A generator whose mode has
collapsed makes patterns that may each look real but resemble one another: its diversity is below
that of real patterns, and its coverage is small.
"""

import numpy as np

NEIGHBOURS = 5  # Naeem et al.'s k


def measures(generated: np.ndarray, real: np.ndarray) -> dict[str, float]:
    """Return the measures of generated patterns [G, P] beside real ones [N, P], for JSON.

    nearest_real: mean distance of a generated pattern to the nearest real one.
    nearest_other_real: the same of a real pattern to the nearest other one: what is to be reached.
    diversity, real_diversity: mean distance of two different patterns.
    density, coverage: Naeem et al., ICML 2020, equations 4 and 5. In how many real patterns'
        neighbourhoods a generated one lies, over k (about 1 when both are alike); and the part of
        the real patterns in whose neighbourhood a generated one lies. A neighbourhood reaches to
        the k-th nearest other real pattern.

    Raises:
      ValueError: fewer than two generated or k + 1 real patterns.
    """
    if len(generated) < 2 or len(real) <= NEIGHBOURS:
        raise ValueError(
            f"{len(generated)} generated and {len(real)} real patterns; give 2 and "
            f"{NEIGHBOURS + 1} at least"
        )
    across = distances(generated, real)
    among_generated, among_real = distances(generated, generated), distances(real, real)
    np.fill_diagonal(among_real, np.inf)
    radius = np.partition(among_real, NEIGHBOURS - 1, axis=1)[:, NEIGHBOURS - 1]
    inside = across < radius[None, :]
    count, real_count = len(generated), len(real)
    return {
        "nearest_real": float(across.min(axis=1).mean()),
        "nearest_other_real": float(among_real.min(axis=1).mean()),
        "diversity": float(among_generated.sum() / (count * (count - 1))),
        "real_diversity": float(
            among_real[np.isfinite(among_real)].sum() / (real_count * (real_count - 1))
        ),
        "density": float(inside.sum() / (NEIGHBOURS * count)),
        "coverage": float(inside.any(axis=0).mean()),
    }


def most_similar(generated: np.ndarray, real: np.ndarray) -> np.ndarray:
    """Return int [G], the real pattern [N, P] that correlates best with each generated [G, P]."""
    return np.argmax(_unit_rows(generated) @ _unit_rows(real).T, axis=1)


def distances(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the Euclidean distances [A, B] of patterns [A, P] and [B, P], float64."""
    first, second = first.astype(np.float64), second.astype(np.float64)
    squared = (first**2).sum(axis=1)[:, None] + (second**2).sum(axis=1)[None, :]
    squared -= 2.0 * first @ second.T
    return np.sqrt(np.maximum(squared, 0.0))  # rounding may leave it a little below 0


def _unit_rows(rows: np.ndarray) -> np.ndarray:
    centred = rows - rows.mean(axis=1, keepdims=True)
    return centred / np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-12)
