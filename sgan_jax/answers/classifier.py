"""A trained model that makes predictions for measured patterns."""

import dataclasses
import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from flax import linen as nn

from sgan_jax.answers import network, refusal, seeing, sums, wording
from sgan_jax.answers.answer import Answer
from sgan_jax.diffraction.instrument import Instrument
from sgan_jax.evaluation import conformal, temperature
from sgan_jax.evaluation.calibration import Calibration
from sgan_jax.measured import pattern
from sgan_jax.measured.model_pattern import ModelPattern
from sgan_jax.measured.pattern import MeasuredPattern, PatternError

_GROUP = 64  # patterns that are classified together


@dataclasses.dataclass(frozen=True, eq=False)
class Classifier:
    """A trained model and its calibration.

    Attributes:
        task: 'bl' (Bravais lattices), 'sg' (space groups) or 'eg' (extinction groups).
        classes: names of Bravais lattices or extinction groups, or space-group numbers.
        class_names: the classes, formatted for display.
        instrument: whose 2θ grid the model's input patterns are on.
        model: the network, patterns [B, P] -> `models.resnet.DiscriminatorOutput`; its last layer
            is the linear one that `network` splits off.
        params: parameters of the network.
        intensity_offset: constant that was added to every pattern in training.
        calibration: from held-out patterns; None if there is none. Then the probabilities are the
            plain softmax of the logits, the prediction set is the fewest classes whose
            probabilities sum to the coverage, and only `refusal.of_measurement` refuses patterns.
    """

    task: str
    classes: tuple
    class_names: list[str]
    instrument: Instrument
    model: nn.Module
    params: Any
    intensity_offset: float
    calibration: Calibration | None

    @property
    def temperature(self) -> float:
        """The temperature that divides the logits; 1 without a calibration."""
        return 1.0 if self.calibration is None else self.calibration.temperature

    def logits(self, patterns: np.ndarray) -> np.ndarray:
        """Return the logits [B, K] of patterns [B, P] on the model's own grid, both float32.

        The patterns are passed to the network unchanged: they should have a maximum of 1, plus
        `intensity_offset`.
        """
        patterns = np.asarray(patterns, np.float32)
        if patterns.ndim != 2 or patterns.shape[1] != self.instrument.points:
            raise ValueError(
                f"patterns have shape {patterns.shape}; give [B, {self.instrument.points}], the 2θ "
                f"grid of {self.instrument.name}"
            )
        return network.logits(self.model, self.params, patterns)

    def predict(
        self,
        two_theta_deg: np.ndarray,
        intensity: np.ndarray,
        *,
        wavelength_angstrom: float,
        sigma: np.ndarray | None = None,
        coverage: float = 0.9,
    ) -> Answer:
        """Return the answer for a pattern given as arrays.

        Args:
            two_theta_deg: [n], ascending or descending.
            intensity: [n], on any scale, background included.
            wavelength_angstrom: of the measurement.
            sigma: [n], standard errors of the intensities; None if unknown.
            coverage: probability with which the true class is in `prediction_set`.

        Raises:
            PatternError: the arrays are not a powder pattern.
            ValueError: the coverage is not between 0 and 1.
        """
        measured = pattern.make_pattern(
            "the pattern",
            "columns",
            two_theta_deg,
            intensity,
            sigma,
            wavelength_angstrom=wavelength_angstrom,
        )
        return dataclasses.replace(self.answer(measured, coverage), file=None)

    def answer(self, measured: MeasuredPattern, coverage: float = 0.9) -> Answer:
        """Return the answer for a measured pattern.

        Raises:
            PatternError: the wavelength is unknown; the message says how to give it.
        """
        return next(self.answer_many([measured], coverage))

    def answer_many(
        self, measured: Iterable[MeasuredPattern], coverage: float = 0.9
    ) -> Iterator[Answer]:
        """Yield the answers for many measured patterns, in order.

        Raises:
            PatternError: a pattern's wavelength is unknown; the message says how to give it.
            ValueError: the coverage is not between 0 and 1.
        """
        if not 0.0 < coverage < 1.0:
            raise ValueError(f"coverage {coverage:g} is not between 0 and 1; give 0.9 for 90 %")
        for group in itertools.batched(measured, _GROUP):
            looks = [(measured, seeing.look(measured, self.instrument)) for measured in group]
            yield from self.answer_seen(looks, coverage)

    def answer_seen(
        self,
        looks: Sequence[tuple[MeasuredPattern, ModelPattern | PatternError]],
        coverage: float = 0.9,
    ) -> list[Answer]:
        """Return the answers for measured patterns, each paired with its `seeing.look`."""
        seen = [one for _, one in looks if isinstance(one, ModelPattern)]
        logits = self._look_at([(one.intensity, one.inside) for one in seen])
        reasons = self._reasons(seen, logits)
        probabilities = temperature.probabilities(logits, self.temperature)
        rows = iter(range(len(seen)))
        answers = []
        for measured, one in looks:
            if isinstance(one, ModelPattern):
                row = next(rows)
                answers.append(self._say(one, probabilities[row], reasons[row], coverage))
            else:
                answers.append(_nothing_seen(measured, one, coverage))
        return answers

    def _reasons(self, seen: list[ModelPattern], logits: np.ndarray) -> list[str | None]:
        """Return the reason to refuse each pattern, None where there is none."""
        reasons = [refusal.of_measurement(one) for one in seen]
        if self.calibration is None:
            return reasons
        energies = temperature.energies(logits)
        suspicious = energies < self.calibration.energy_quantile(refusal.SUSPICIOUS)
        for row, one in enumerate(seen):
            if reasons[row] is None:
                others = self._other_energies(one) if suspicious[row] else {}
                reasons[row] = (
                    refusal.of_noise(one, self.calibration)
                    or refusal.of_wavelength(
                        one, self.instrument, self.calibration, energies[row], others
                    )
                    or refusal.of_energy(self.calibration, energies[row])
                )
        return reasons

    def _other_energies(self, seen: ModelPattern) -> dict[float, float]:
        """Return the energies by other wavelength, where `MIN_RANGE` of the grid stays measured."""
        given = seen.measured.known_wavelength()
        scaled = {}
        for other in refusal.other_wavelengths(given):
            intensity, inside = seeing.with_wavelength(
                seen.intensity, seen.inside, self.instrument, other / given
            )
            if inside.mean() >= refusal.MIN_RANGE:
                scaled[other] = intensity, inside
        energies = temperature.energies(self._look_at(list(scaled.values())))
        return dict(zip(scaled, energies.tolist(), strict=True))

    def _look_at(self, seen: list[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
        """Return the logits [n, K] of n pairs (intensity [P], inside [P])."""
        given = [seeing.network_input(*one, self.intensity_offset) for one in seen]
        return self.logits(np.asarray(given).reshape(len(seen), self.instrument.points))

    def _say(
        self, seen: ModelPattern, probabilities: np.ndarray, reason: str | None, coverage: float
    ) -> Answer:
        """Return the answer for class probabilities [K]."""
        order = np.argsort(-probabilities, kind="stable")
        chosen = self._chosen(probabilities, order, coverage)
        bravais = sums.bravais(self.task, self.classes, probabilities)
        best = int(order[0])
        words = wording.confidence(
            self.task,
            self.classes,
            bravais,
            (best, float(probabilities[best])),
            set_size=len(chosen),
            coverage=coverage,
            calibration=self.calibration,
        )
        return Answer(
            wavelength_angstrom=seen.measured.known_wavelength(),
            bravais=bravais,
            space_groups=sums.space_groups(self.task, self.classes, probabilities),
            extinction_groups=sums.extinction_groups(self.task, self.classes, probabilities),
            ranking=[(self.class_names[k], float(probabilities[k])) for k in order],
            prediction_set=[self.class_names[k] for k in chosen],
            coverage=coverage,
            refused=reason is not None,
            reason=reason,
            words=words if reason is None else wording.refused(reason),
            measured=seen.measured,
            seen=seen,
            file=seen.measured.file,
        )

    def _chosen(self, probabilities: np.ndarray, order: np.ndarray, coverage: float) -> list[int]:
        """Return the classes of the prediction set, most probable first."""
        if self.calibration is None:
            needed = np.searchsorted(np.cumsum(probabilities[order]), coverage - 1e-9) + 1
            return order[:needed].tolist()
        at_least = conformal.smallest_probability(self.calibration.scores, coverage)
        inside = conformal.prediction_sets(probabilities[None], at_least)[0]
        return [int(k) for k in order if inside[k]]


def _nothing_seen(measured: MeasuredPattern, error: PatternError, coverage: float) -> Answer:
    return Answer(
        wavelength_angstrom=measured.known_wavelength(),
        bravais=[],
        space_groups=[],
        extinction_groups=[],
        ranking=[],
        prediction_set=[],
        coverage=coverage,
        refused=True,
        reason=error.detail,
        words=wording.refused(error.detail),
        measured=measured,
        seen=None,
        file=measured.file,
    )
