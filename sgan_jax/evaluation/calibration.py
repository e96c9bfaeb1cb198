"""Calibration of a trained model's confidence from held-out patterns, and its check."""

import dataclasses
import json
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from sgan_jax.evaluation import conformal, temperature

NAME = "calibration.json"  # in the run's folder
COVERAGES = (0.8, 0.9, 0.95)  # of the prediction sets that are checked on test patterns
LEVELS = (0.001, 0.005, 0.01, 0.05, 0.25, 0.5)  # of the stored energy quantiles
_KEPT_SCORES = 10_000  # more scores are thinned to this number, evenly in rank


@dataclasses.dataclass(frozen=True, eq=False)
class Calibration:
    """Statistics of held-out patterns: those of the validation part, which was never trained on.

    Attributes:
      temperature: divides the logits.
      scores: float64 [n], `conformal.scores` of the held-out patterns, ascending.
      energy_quantiles: of `temperature.energies` of the held-out patterns, at `LEVELS`.
      noise_limit: 99.9 % quantile of `noise_levels` of the held-out patterns.
      first_line_range_angstrom: 0.1 % and 99.9 % quantiles of the d-spacing of the held-out
        patterns' first strong line.
      patterns: number of held-out patterns.
      class_names: of the model, in the order of its logits.
      step: training step of the model.
      made_by: the command that made the calibration.
    """

    temperature: float
    scores: np.ndarray
    energy_quantiles: tuple[float, ...]
    noise_limit: float
    first_line_range_angstrom: tuple[float, float]
    patterns: int
    class_names: tuple[str, ...]
    step: int
    made_by: str

    def energy_quantile(self, level: float) -> float:
        """Return the energy quantile at one of `LEVELS`."""
        return self.energy_quantiles[LEVELS.index(level)]

    def to_json(self) -> dict[str, Any]:
        """Return the JSON-serialisable content that `from_json` reads."""
        return {
            "temperature": self.temperature,
            "patterns": self.patterns,
            "step": self.step,
            "made_by": self.made_by,
            "energy_quantiles": dict(zip(map(str, LEVELS), self.energy_quantiles, strict=True)),
            "noise_limit": self.noise_limit,
            "first_line_range_angstrom": list(self.first_line_range_angstrom),
            "classes": list(self.class_names),
            "scores": [round(float(score), 7) for score in self.scores],
        }

    @classmethod
    def from_json(cls, saved: dict[str, Any]) -> "Calibration":
        """Return the calibration that `to_json` has saved.

        Raises:
          KeyError, TypeError, ValueError: the content has another format.
        """
        low, high = map(float, saved["first_line_range_angstrom"])
        return cls(
            temperature=float(saved["temperature"]),
            scores=np.asarray(saved["scores"], np.float64),
            energy_quantiles=tuple(float(saved["energy_quantiles"][str(x)]) for x in LEVELS),
            noise_limit=float(saved["noise_limit"]),
            first_line_range_angstrom=(low, high),
            patterns=int(saved["patterns"]),
            class_names=tuple(saved["classes"]),
            step=int(saved["step"]),
            made_by=str(saved["made_by"]),
        )


def make(
    logits: np.ndarray,
    labels: np.ndarray,
    levels: np.ndarray,
    first_lines_angstrom: np.ndarray,
    *,
    class_names: Sequence[str],
    step: int,
    made_by: str,
) -> Calibration:
    """Return the calibration of a model from held-out patterns.

    Args:
      logits: [n, K], of the patterns.
      labels: [n], their classes.
      levels: `noise_levels` of the patterns, or of some of them.
      first_lines_angstrom: d-spacings of the first strong lines of the patterns, or of some.
      class_names: of the K classes.
      step: see `Calibration`.
      made_by: see `Calibration`.
    """
    fitted = temperature.fit_temperature(logits, labels)
    scores = np.sort(conformal.scores(temperature.probabilities(logits, fitted), labels))
    if len(scores) > _KEPT_SCORES:
        scores = scores[np.linspace(0, len(scores) - 1, _KEPT_SCORES).round().astype(int)]
    low, high = np.quantile(first_lines_angstrom, [0.001, 0.999])
    return Calibration(
        temperature=fitted,
        scores=scores,
        energy_quantiles=tuple(np.quantile(temperature.energies(logits), LEVELS).tolist()),
        noise_limit=float(np.quantile(levels, 0.999)),
        first_line_range_angstrom=(float(low), float(high)),
        patterns=len(labels),
        class_names=tuple(class_names),
        step=step,
        made_by=made_by,
    )


def check(found: Calibration, logits: np.ndarray, labels: np.ndarray) -> dict[str, Any]:
    """Return how well a model is calibrated on other patterns, JSON-serialisable.

    Its fields: patterns (their number), calibrated_on (number of held-out patterns), temperature,
    ece_before and ece_after (expected calibration error without and with the temperature, 15 bins),
    sets: for each coverage in `COVERAGES`, the fraction of the patterns whose true class is in the
    prediction set (covered), the mean number of classes in it (mean_size), and whether there were
    enough held-out patterns for the coverage (enough).
    """
    after = temperature.probabilities(logits, found.temperature)
    sets = []
    for coverage in COVERAGES:
        at_least = conformal.smallest_probability(found.scores, coverage)
        inside = conformal.prediction_sets(after, at_least)
        sets.append(
            {
                "coverage": coverage,
                "covered": float(np.mean(inside[np.arange(len(labels)), labels])),
                "mean_size": float(np.mean(inside.sum(axis=1))),
                "enough": conformal.is_enough(len(found.scores), coverage),
            }
        )
    before = temperature.probabilities(logits, 1.0)
    return {
        "patterns": len(labels),
        "calibrated_on": found.patterns,
        "temperature": found.temperature,
        "ece_before": temperature.expected_calibration_error(before, labels),
        "ece_after": temperature.expected_calibration_error(after, labels),
        "sets": sets,
    }


def write(path: pathlib.Path, content: dict[str, Any]) -> None:
    """Write JSON, replacing the file atomically."""
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    partial.replace(path)


def read(path: pathlib.Path) -> Calibration | None:
    """Return the calibration in a file; None if the file does not exist.

    Raises:
      ValueError: the file is damaged, or of another version.
    """
    try:
        return Calibration.from_json(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"{path} cannot be read ({error!r}); create it again with --mode=evaluate"
        ) from error
