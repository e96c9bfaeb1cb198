"""Quality of a generator: whether its patterns are realistic and diverse.

Distances are Euclidean, between unscaled patterns (maximum about 1). After mode collapse a
generator makes patterns that may each look real but resemble one another: their diversity is below
that of real patterns, and their coverage is small.
"""

import numpy as np

NEIGHBOURS = 5  # Naeem et al.'s k


def measures(generated: np.ndarray, real: np.ndarray) -> dict[str, float]:
    """Return measures of generated patterns [G, P] against real ones [N, P], JSON-serialisable.

    nearest_real: mean distance of a generated pattern to the nearest real one.
    nearest_other_real: mean distance of a real pattern to the nearest other real one, which is the
        target for nearest_real.
    diversity, real_diversity: mean distance between two different patterns.
    density, coverage: Naeem et al., ICML 2020, equations 4 and 5. The mean, over the generated
        patterns, of the number of real patterns whose neighbourhood contains it, divided by k
        (about 1 for equal distributions); and the fraction of the real patterns whose neighbourhood
        contains any. A neighbourhood extends to the k-th nearest other real pattern.

    Raises:
      ValueError: fewer than two generated or k + 1 real patterns.
    """
    if len(generated) < 2 or len(real) <= NEIGHBOURS:
        raise ValueError(
            f"{len(generated)} generated and {len(real)} real patterns; give at least "
            f"2 and {NEIGHBOURS + 1}"
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
    """Return int [G], for each generated pattern [G, P] the best correlated real one of [N, P]."""
    return np.argmax(_unit_rows(generated) @ _unit_rows(real).T, axis=1)


def distances(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the Euclidean distances [A, B] between patterns [A, P] and [B, P], float64."""
    first, second = first.astype(np.float64), second.astype(np.float64)
    squared = (first**2).sum(axis=1)[:, None] + (second**2).sum(axis=1)[None, :]
    squared -= 2.0 * first @ second.T
    return np.sqrt(np.maximum(squared, 0.0))  # rounding errors may make it slightly negative


def _unit_rows(rows: np.ndarray) -> np.ndarray:
    centred = rows - rows.mean(axis=1, keepdims=True)
    return centred / np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-12)
