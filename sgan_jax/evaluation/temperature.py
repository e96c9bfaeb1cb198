"""Probabilities that mean what they say: temperature scaling, its error, and what is familiar.

A network's logits are too large for how often it is right. Divided by one temperature T, which
makes held-out patterns the most likely (Guo, Pleiss, Sun & Weinberger 2017, ICML), they rank the
classes as before and give probabilities that are right about as often as they say.
"""

import numpy as np

from sgan_jax.evaluation import results

BINS = 15  # of the expected calibration error, as Guo et al. have them
TEMPERATURES = (0.05, 20.0)  # beyond which no temperature is sought


def fit_temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """Return the temperature T of logits [n, K] whose true classes are labels [n].

    T minimises the mean of logsumexp(l / T) - l_true / T, which is convex in 1 / T. Where every
    pattern is classified right there is no minimum, and the smallest of `TEMPERATURES` is returned.
    """
    from scipy import optimize  # takes half a second; answers do without

    logits = logits.astype(np.float64)
    true = np.take_along_axis(logits, np.asarray(labels)[:, None], axis=1)[:, 0]

    def loss(log_temperature: float) -> float:
        beta = np.exp(-log_temperature)
        return float(np.mean(energies(beta * logits) - beta * true))

    found = optimize.minimize_scalar(
        loss, bounds=np.log(TEMPERATURES), method="bounded", options={"xatol": 1e-5}
    )
    return float(np.exp(found.x))


def probabilities(logits: np.ndarray, temperature: float) -> np.ndarray:
    """Return softmax(l / T) [n, K] of logits [n, K], in float64."""
    return results.softmax(logits.astype(np.float64) / temperature)


def expected_calibration_error(
    probabilities: np.ndarray, labels: np.ndarray, bins: int = BINS
) -> float:
    """Return by how much confidence and accuracy differ, on average over patterns.

    The patterns are put into bins of equal width by the probability of their best class; of each
    bin, |share that is right - mean probability| counts as often as it has patterns.

    Args:
      probabilities: [n, K].
      labels: [n].
      bins: number of them; (0, 1/bins], (1/bins, 2/bins], ...
    """
    confidence = probabilities.max(axis=1)
    right = np.argmax(probabilities, axis=1) == labels
    index = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    difference = np.bincount(index, weights=right - confidence, minlength=bins)
    return float(np.abs(difference).sum() / len(confidence))


def energies(logits: np.ndarray) -> np.ndarray:
    """Return logsumexp(l) [n] of logits [n, K]: minus the free energy, low for the unfamiliar.

    Liu, Wang, Owens & Li 2020, NeurIPS. Of an SGAN's discriminator it is log D / (1 - D), the
    log-odds of a pattern being real.
    """
    return np.logaddexp.reduce(logits.astype(np.float64), axis=1)
