"""One step on one device of contrastive pre-training on all patterns, labelled or not."""

from collections.abc import Callable
from typing import cast

import jax
import jax.numpy as jnp
import optax
from flax import linen as nn
from jax import lax

from sgan_jax.models import contrastive, losses
from sgan_jax.training import messages, steps
from sgan_jax.training.augment import Augment
from sgan_jax.training.state import AXIS, ClassifierState, step_key

Array = jax.Array


def make_contrastive_step(
    classifier: nn.Module,
    projector: nn.Module,
    tx: optax.GradientTransformation,
    view: Augment,
    *,
    temperature: float,
    labelled_weight: float,
) -> Callable[[ClassifierState, steps.Batch], tuple[ClassifierState, steps.Metrics]]:
    """Make the step: SimCLR's loss over the patterns of all devices.

    Args:
      classifier: takes patterns [B, P]; its features before the class head are trained.
      projector: takes features [B, F].
      tx: optimiser of the pair (classifier, projector).
      view: applied twice to each pattern, as if measured on two instruments.
      temperature: of the loss.
      labelled_weight: of the labelled patterns' cross-entropy, added to the loss; with 0 the class
        head is not trained, and the metrics 'loss' and 'accuracy' are meaningless.
    """

    def contrastive_step(
        state: ClassifierState, batch: steps.Batch
    ) -> tuple[ClassifierState, steps.Metrics]:
        dropout_key, first_key, second_key = jax.random.split(step_key(state), 3)
        patterns = jnp.concatenate([batch["labelled"], batch["unlabelled"]])
        views = jnp.concatenate([view(first_key, patterns), view(second_key, patterns)])
        size, count = len(batch["labels"]), len(patterns)

        def objective(both):
            params, projector_params = both
            output = steps.discriminate(classifier, params, views, dropout_key)
            projected = cast(Array, projector.apply({"params": projector_params}, output.features))
            mean = lax.pmean(jnp.mean(projected, axis=0), AXIS)
            projected = contrastive.unit_vectors(projected, mean)
            contrast = compare_over_devices(projected[:count], projected[count:], temperature)
            loss = losses.cross_entropy(output.logits[:size], batch["labels"])
            total = jnp.mean(contrast) + labelled_weight * jnp.mean(loss)
            return total, (output.logits[:size], loss, contrast)

        both = (state.params, state.projector)
        gradients, (logits, loss, contrast) = jax.grad(objective, has_aux=True)(both)
        gradients, sums = messages.average_and_sum(
            gradients,
            steps.sum_examples(
                loss=loss,
                accuracy=jnp.argmax(logits, axis=-1) == batch["labels"],
                contrastive_loss=steps.mean_per_example(contrast, loss),
            ),
        )
        sums["gradient_norm"] = sums["examples"] * optax.tree.norm(gradients)
        both, opt_state = steps.update(tx, gradients, state.pretraining_opt_state, both)
        state = state.replace(
            step=state.step + 1, params=both[0], projector=both[1], pretraining_opt_state=opt_state
        )
        return state, sums

    return contrastive_step


def compare_over_devices(first: Array, second: Array, temperature: float) -> Array:
    """Return the contrastive loss [2 B] of two views [B, E], compared with those of all devices."""
    size = len(first)
    candidates = lax.all_gather(jnp.stack([first, second]), AXIS)  # [devices, 2, B, E]
    candidates = candidates.reshape(-1, first.shape[-1])
    firsts = lax.axis_index(AXIS) * 2 * size + jnp.arange(size, dtype=jnp.int32)
    itself = jnp.concatenate([firsts, firsts + size])
    partner = jnp.concatenate([firsts + size, firsts])
    anchors = jnp.concatenate([first, second])
    return contrastive.contrastive_loss(anchors, candidates, itself, partner, temperature)
