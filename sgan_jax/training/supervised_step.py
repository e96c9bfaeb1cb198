"""One step on one device of supervised training, the paper's control."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import optax
from flax import linen as nn
from jax.typing import ArrayLike

from sgan_jax.models import losses
from sgan_jax.training import messages, parts, steps
from sgan_jax.training.augment import Augment
from sgan_jax.training.state import ClassifierState, step_key


def make_supervised_step(
    classifier: nn.Module,
    tx: optax.GradientTransformation,
    augment: Augment,
    *,
    logit_offset: ArrayLike = 0.0,
    examples_at_once: int | None = None,
) -> Callable[[ClassifierState, steps.Batch], tuple[ClassifierState, steps.Metrics]]:
    """Make the step: its loss is the cross-entropy of the labelled patterns.

    Args:
      classifier: takes patterns [B, P].
      tx: its optimiser.
      augment: applied to the labelled patterns.
      logit_offset: [1, K] added to the logits in the loss (logit adjustment).
      examples_at_once: number to compute the gradient from at a time; None: the whole batch.
    """

    def supervised_step(
        state: ClassifierState, batch: steps.Batch
    ) -> tuple[ClassifierState, steps.Metrics]:
        dropout_key, augment_key = jax.random.split(step_key(state))
        patterns = augment(augment_key, batch["labelled"])

        def objective(params, patterns, labels, dropout_key):
            logits = steps.discriminate(classifier, params, patterns, dropout_key).logits
            loss = losses.cross_entropy(logits + logit_offset, labels)
            return jnp.mean(loss), (logits, loss)

        gradients, (logits, loss) = parts.mean_gradient(
            objective,
            state.params,
            patterns,
            batch["labels"],
            dropout_key,
            examples=examples_at_once,
        )
        right = jnp.argmax(logits, axis=-1) == batch["labels"]
        gradients, sums = messages.average_and_sum(
            gradients, steps.sum_examples(loss=loss, accuracy=right)
        )
        sums["gradient_norm"] = sums["examples"] * optax.tree.norm(gradients)
        params, opt_state = steps.update(tx, gradients, state.opt_state, state.params)
        return state.replace(step=state.step + 1, params=params, opt_state=opt_state), sums

    return supervised_step
