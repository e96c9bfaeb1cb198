"""One step on one device of consistency training, FixMatch or FreeMatch with physical views.

A weak view of an unlabelled pattern is classified; if the prediction is accepted (`pseudo_labels`),
it is the label that a strong view of the same pattern is trained on.
"""

import dataclasses
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import linen as nn
from jax.typing import ArrayLike

from sgan_jax.models import losses
from sgan_jax.training import messages, pseudo_labels, steps
from sgan_jax.training.augment import Augment
from sgan_jax.training.state import ClassifierState, step_key


@dataclasses.dataclass(frozen=True)
class Consistency:
    """Which predictions for unlabelled patterns are accepted, and how much they count.

    Attributes:
      thresholds: 'fixed' (FixMatch), 'global', or 'adaptive' (FreeMatch).
      confidence: the threshold of 'fixed'.
      momentum: of the running statistics.
      weight: of the unlabelled part of the loss, FixMatch's λ_u.
      start_steps: steps before unlabelled patterns count, since an untrained classifier may be
        confident of anything.
      ramp_steps: steps over which `weight` and `fairness_weight` then rise linearly.
      fairness_weight: of FreeMatch's fairness objective, λ_f.
      distribution_alignment: correct predictions towards the labelled part's class frequencies.
    """

    thresholds: str
    confidence: float
    momentum: float
    weight: float
    start_steps: int
    ramp_steps: int
    fairness_weight: float
    distribution_alignment: bool


def make_consistency_step(
    classifier: nn.Module,
    tx: optax.GradientTransformation,
    weak: Augment,
    strong: Augment,
    options: Consistency,
    *,
    prior: np.ndarray,
    first_step: int = 0,
    logit_offset: ArrayLike = 0.0,
) -> Callable[[ClassifierState, steps.Batch], tuple[ClassifierState, steps.Metrics]]:
    """Make the step.

    Its loss is the mean cross-entropy of weak views of labelled patterns, plus weight times the
    mean over all unlabelled patterns of cross-entropy(strong view, pseudo-label), 0 where it is not
    accepted, plus the weighted fairness objective. Pseudo-labels are predicted without dropout and
    carry no gradient.

    Args:
      classifier: takes patterns [B, P].
      tx: its optimiser.
      weak: makes weak views, of labelled and unlabelled patterns.
      strong: makes strong views, of unlabelled patterns.
      options: see `Consistency`.
      prior: [K] class frequencies of the labelled part.
      first_step: of this phase of the run; `start_steps` are counted from it.
      logit_offset: [1, K] added to the logits of labelled patterns in the loss.
    """

    def consistency_step(
        state: ClassifierState, batch: steps.Batch
    ) -> tuple[ClassifierState, steps.Metrics]:
        dropout_key, weak_key, strong_key = jax.random.split(step_key(state), 3)
        labelled, unlabelled = steps.augment_parts(weak, weak_key, batch)
        patterns = jnp.concatenate([labelled, strong(strong_key, batch["unlabelled"])])
        size = len(labelled)

        weak_logits = steps.discriminate(classifier, state.params, unlabelled, None).logits
        predictions = jax.nn.softmax(weak_logits)
        if options.distribution_alignment:
            believed = pseudo_labels.align(predictions, state.pseudo_labels.distribution, prior)
        else:
            believed = predictions
        statistics = pseudo_labels.update(
            state.pseudo_labels, believed, predictions, options.momentum
        )
        threshold = pseudo_labels.thresholds(statistics, options.thresholds, options.confidence)
        targets, accepted = pseudo_labels.accept(believed, threshold)
        ramp = (state.step - first_step - options.start_steps + 1) / max(options.ramp_steps, 1)
        ramp = jnp.clip(ramp, 0.0, 1.0)

        def objective(params):
            logits = steps.discriminate(classifier, params, patterns, dropout_key).logits
            loss = losses.cross_entropy(logits[:size] + logit_offset, batch["labels"])
            unlabelled_loss = accepted * losses.cross_entropy(logits[size:], targets)
            total = jnp.mean(loss) + options.weight * ramp * jnp.mean(unlabelled_loss)
            if options.fairness_weight:
                fairness = pseudo_labels.fairness_loss(
                    statistics, jax.nn.softmax(logits[size:]), accepted
                )
                total = total + options.fairness_weight * ramp * fairness
            return total, (logits[:size], loss, unlabelled_loss)

        gradients, (logits, loss, unlabelled_loss) = jax.grad(objective, has_aux=True)(state.params)
        gradients, sums = messages.average_and_sum(
            gradients,
            steps.sum_examples(
                loss=loss,
                accuracy=jnp.argmax(logits, axis=-1) == batch["labels"],
                unlabelled_loss=steps.mean_per_example(unlabelled_loss, loss),
                accepted=steps.mean_per_example(accepted, loss),
                confidence=steps.mean_per_example(jnp.max(believed, axis=-1), loss),
                threshold=steps.mean_per_example(threshold[targets], loss),
            ),
        )
        sums["gradient_norm"] = sums["examples"] * optax.tree.norm(gradients)
        params, opt_state = steps.update(tx, gradients, state.opt_state, state.params)
        state = state.replace(
            step=state.step + 1, params=params, opt_state=opt_state, pseudo_labels=statistics
        )
        return state, sums

    return consistency_step
