"""Calibrated probabilities: temperature scaling, the calibration error, and energies.

Networks tend to be overconfident. Dividing the logits by a temperature T that maximises the
likelihood of held-out labels (Guo, Pleiss, Sun & Weinberger 2017, ICML) keeps the ranking of the
classes and gives probabilities that approximately match the accuracy.
"""

import numpy as np

from sgan_jax.evaluation import results

BINS = 15  # of the expected calibration error, as in Guo et al.
TEMPERATURES = (0.05, 20.0)  # range of the search


def fit_temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """Fit the temperature T to logits [n, K] and true classes [n].

    T minimises the mean of logsumexp(l / T) - l_true / T, which is convex in 1 / T. If every
    pattern is classified correctly there is no minimum, and the smallest of `TEMPERATURES` is
    returned.
    """
    from scipy import optimize  # takes half a second to import; predictions do not need it

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
    """Return the expected calibration error: the mean of |accuracy - confidence| over bins.

    The patterns are binned by the probability of their best class, in bins of equal width; each
    bin's |accuracy - mean probability| is weighted with its number of patterns.

    Args:
      probabilities: [n, K].
      labels: [n].
      bins: number of bins: (0, 1/bins], (1/bins, 2/bins], ...
    """
    confidence = probabilities.max(axis=1)
    right = np.argmax(probabilities, axis=1) == labels
    index = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    difference = np.bincount(index, weights=right - confidence, minlength=bins)
    return float(np.abs(difference).sum() / len(confidence))


def energies(logits: np.ndarray) -> np.ndarray:
    """Return logsumexp(l) [n] of logits [n, K]: the negative free energy, low if unfamiliar.

    Liu, Wang, Owens & Li 2020, NeurIPS. For an SGAN's discriminator it is log(D / (1 - D)), the
    log-odds of a pattern being real.
    """
    return np.logaddexp.reduce(logits.astype(np.float64), axis=1)
