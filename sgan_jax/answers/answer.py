"""The answer for one measured pattern, in numbers and in words."""

import dataclasses
from typing import TYPE_CHECKING

from sgan_jax.measured.model_pattern import ModelPattern
from sgan_jax.measured.pattern import MeasuredPattern

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclasses.dataclass(frozen=True, eq=False)
class Answer:
    """A classifier's prediction for one measured pattern, or its refusal.

    A refused answer keeps the model's prediction, which is not reliable; if the pattern could not
    be brought to the model's grid (`seen` is None), its lists are empty.

    Attributes:
        wavelength_angstrom: of the measured pattern.
        bravais: all 14 Bravais lattices, e.g. ('orthorhombic (P)', 0.61), by descending
            probability. Models of space or extinction groups sum over these, so that the two never
            contradict each other.
        space_groups: (number, probability), descending; empty unless the model's classes are space
            groups.
        extinction_groups: (symbol, numbers of its space groups, probability), descending; empty if
            the model's classes are lattices.
        ranking: (display name, probability) of the model's own classes, descending.
        prediction_set: names of classes that include the true one with probability `coverage`
            (for patterns like those of the calibration), most probable first.
        coverage: of `prediction_set`, between 0 and 1.
        refused: whether the prediction is withheld because the measurement is insufficient or
            unlike the training patterns; `reason` says why.
        reason: in words; None if the answer is not refused.
        words: how certain the answer is, in a few sentences.
        measured: the pattern as it was given.
        seen: what the model saw of it; None if it could be shown nothing.
        file: name of the pattern's file; None if it came from arrays.
    """

    wavelength_angstrom: float
    bravais: list[tuple[str, float]]
    space_groups: list[tuple[int, float]]
    extinction_groups: list[tuple[str, tuple[int, ...], float]]
    ranking: list[tuple[str, float]]
    prediction_set: list[str]
    coverage: float
    refused: bool
    reason: str | None
    words: str
    measured: MeasuredPattern
    seen: ModelPattern | None
    file: str | None

    def top(self, n: int) -> list[tuple[str, float]]:
        """Return the n most probable of the model's own classes, with their probabilities."""
        return self.ranking[:n]

    def plot(self) -> "Figure":
        """Draw the measured pattern with its background, and below it what the model saw.

        Raises:
            ValueError: the model could be shown nothing of the pattern.
        """
        from sgan_jax.measured import picture  # matplotlib takes a second

        if self.seen is None:
            raise ValueError(
                f"the model cannot use the pattern, so nothing is drawn: {self.reason}"
            )
        return picture.draw(self.seen)
