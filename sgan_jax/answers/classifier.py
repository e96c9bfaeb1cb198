"""A trained model that answers for measured patterns."""

import dataclasses
from collections.abc import Iterable, Iterator

import numpy as np

from sgan_jax.answers.answer import Answer
from sgan_jax.diffraction.instrument import Instrument
from sgan_jax.measured.pattern import MeasuredPattern


@dataclasses.dataclass(frozen=True, eq=False)
class Classifier:
    """A trained model, with what makes its confidence honest.

    Attributes:
        task: 'bl' (Bravais lattices), 'sg' (space groups) or 'eg' (extinction groups).
        classes: names of lattices or extinction groups, or numbers of space groups.
        class_names: the classes as people read them.
        instrument: on whose grid the model sees patterns.
    """

    task: str
    classes: tuple
    class_names: list[str]
    instrument: Instrument

    def logits(self, patterns: np.ndarray) -> np.ndarray:
        """Return the logits [B, K] of patterns [B, P] on the model's own grid, both float32."""
        raise NotImplementedError

    def predict(
        self,
        two_theta_deg: np.ndarray,
        intensity: np.ndarray,
        *,
        wavelength_angstrom: float,
        sigma: np.ndarray | None = None,
        coverage: float = 0.9,
    ) -> Answer:
        """Answer for a pattern in arrays.

        Raises:
            PatternError: the arrays are no powder pattern.
        """
        raise NotImplementedError

    def answer(self, measured: MeasuredPattern, coverage: float = 0.9) -> Answer:
        """Answer for a measured pattern.

        Raises:
            PatternError: the wavelength is unknown; the message says how to give it.
        """
        raise NotImplementedError

    def answer_many(
        self, measured: Iterable[MeasuredPattern], coverage: float = 0.9
    ) -> Iterator[Answer]:
        """Yield the answers for many measured patterns, in their order."""
        raise NotImplementedError
