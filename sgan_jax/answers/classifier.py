"""A trained model that answers for measured patterns."""

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

_GROUP = 64  # patterns that are answered for together


@dataclasses.dataclass(frozen=True, eq=False)
class Classifier:
    """A trained model, with what makes its confidence honest.

    Attributes:
        task: 'bl' (Bravais lattices), 'sg' (space groups) or 'eg' (extinction groups).
        classes: names of lattices or extinction groups, or numbers of space groups.
        class_names: the classes as people read them.
        instrument: on whose grid the model sees patterns.
        model: the network, patterns [B, P] to `models.resnet.DiscriminatorOutput`, with a last
            layer as `network` has it.
        params: its parameters.
        intensity_offset: that the training added to every pattern.
        calibration: of held-out patterns; None where there is none. Then the probabilities are
            the network's own, the prediction set is the fewest classes whose probabilities sum up
            to the coverage, and no pattern is refused for what the model thinks of it.
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
        """What the logits are divided by to become those of honest probabilities."""
        return 1.0 if self.calibration is None else self.calibration.temperature

    def logits(self, patterns: np.ndarray) -> np.ndarray:
        """Return the logits [B, K] of patterns [B, P] on the model's own grid, both float32.

        The patterns go into the network as they are: they should have a maximum of 1, with
        `intensity_offset` added.
        """
        patterns = np.asarray(patterns, np.float32)
        if patterns.ndim != 2 or patterns.shape[1] != self.instrument.points:
            raise ValueError(
                f"patterns of shape {patterns.shape}; give [B, {self.instrument.points}], the "
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
        """Answer for a pattern in arrays.

        Args:
            two_theta_deg: [n], ascending or descending.
            intensity: [n], on any scale, with its background.
            wavelength_angstrom: that it was measured with.
            sigma: [n], standard errors of the intensities; None where they are unknown.
            coverage: probability with which the true class is in `prediction_set`.

        Raises:
            PatternError: the arrays are no powder pattern.
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
        """Answer for a measured pattern.

        Raises:
            PatternError: the wavelength is unknown; the message says how to give it.
        """
        return next(self.answer_many([measured], coverage))

    def answer_many(
        self, measured: Iterable[MeasuredPattern], coverage: float = 0.9
    ) -> Iterator[Answer]:
        """Yield the answers for many measured patterns, in their order.

        Raises:
            PatternError: the wavelength of one is unknown; the message says how to give it.
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
        """Return the answers for measured patterns, each with what `seeing.look` makes of it."""
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
        """Return for each pattern why not to answer, None where there is no reason."""
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
        """Return the energies with other wavelengths, where these leave most of the pattern."""
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
        """Return the logits [n, K] of n intensities [P] and where they were measured."""
        given = [seeing.network_input(*one, self.intensity_offset) for one in seen]
        return self.logits(np.asarray(given).reshape(len(seen), self.instrument.points))

    def _say(
        self, seen: ModelPattern, probabilities: np.ndarray, reason: str | None, coverage: float
    ) -> Answer:
        """Return the answer that goes with probabilities [K]."""
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
