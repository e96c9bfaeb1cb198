"""The answer for one measured pattern: what a scientist is told, in numbers and in words."""

import dataclasses
from typing import TYPE_CHECKING

from sgan_jax.measured.model_pattern import ModelPattern
from sgan_jax.measured.pattern import MeasuredPattern

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclasses.dataclass(frozen=True, eq=False)
class Answer:
    """What a classifier says of one measured pattern.

    A refused answer keeps what the model would have said, which is not to be relied on; where there
    is nothing that a model could be shown (`seen` is None), its lists are empty.

    Attributes:
        wavelength_angstrom: of the measured pattern.
        bravais: all Bravais lattices with their probabilities, falling: ('orthorhombic (P)', 0.61).
            Of a model of space groups the sums over these, so that they never contradict each
            other.
        space_groups: numbers with their probabilities, falling; empty where the model tells
            lattices or extinction groups only.
        extinction_groups: symbol, the space groups in it, and its probability, falling; empty where
            the model tells lattices only.
        ranking: the model's own classes, named as people read them, with their probabilities,
            falling.
        prediction_set: names of the classes among which the true one is with probability `coverage`
            (for patterns like those the model was calibrated on), most probable first.
        coverage: of `prediction_set`, between 0 and 1.
        refused: the pattern is unlike what the model has learnt, and `reason` says in what.
        reason: in words; None where the answer is not refused.
        words: how sure the answer is, in one or two sentences.
        measured: the pattern as it was given.
        seen: what the model saw of it; None where it could be shown nothing.
        file: the name of the pattern's file, None where it came from arrays.
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
        """Return the n best of the model's own classes, each with its probability."""
        return self.ranking[:n]

    def plot(self) -> "Figure":
        """Draw the measured pattern with its background, and below it what the model saw.

        Raises:
            ValueError: the model saw nothing of the pattern.
        """
        from sgan_jax.measured import picture  # matplotlib takes a second

        if self.seen is None:
            raise ValueError(f"nothing of the pattern could be shown to the model: {self.reason}")
        return picture.draw(self.seen)
