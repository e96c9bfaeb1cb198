"""One step on one device of the SGAN training of the authors' released program.

Three optimisers act in turn: on the generator, the labelled loss and the real/fake loss. The last
two update the same discriminator, and the third starts from the second's result.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import optax
from flax import linen as nn
from jax import lax

from sgan_jax.models import losses
from sgan_jax.training import messages, steps
from sgan_jax.training.augment import Augment
from sgan_jax.training.state import (
    AXIS,
    Networks,
    ReleasedOptimizers,
    SganState,
    root_key,
    step_key,
)

Array = jax.Array

SOFTNESS = 0.2  # soft targets: fake in 0-0.2, real in 0.8-1
SOFT_LABELS = 2**32 - 1  # folded into the root key in place of a step; no step has this number


def make_released_sgan_step(
    discriminator: nn.Module,
    generator: nn.Module,
    txs: ReleasedOptimizers,
    latent: int,
    augment: Augment,
    *,
    soft_labels: bool,
    steps_per_epoch: int,
) -> Callable[[SganState, steps.Batch], tuple[SganState, steps.Metrics]]:
    """Make the step of the released program.

    All generated patterns are those of the generator before its update. The real/fake loss uses the
    discriminator's second head, or D = Z/(Z+1) if it has none.

    Args:
      discriminator: takes patterns [B, P].
      generator: maps latents [B, latent] to patterns.
      txs: the three optimisers.
      latent: dimension of the latent space.
      augment: applied to labelled and unlabelled patterns.
      soft_labels: draw the real and fake targets once per epoch instead of using 1 and 0.
      steps_per_epoch: steps for which one draw of soft labels is kept.
    """

    def released_sgan_step(state: SganState, batch: steps.Batch) -> tuple[SganState, steps.Metrics]:
        latent_key, generator_key, labelled_key, real_fake_key, augment_key = jax.random.split(
            step_key(state), 5
        )
        labelled, unlabelled = steps.augment_parts(augment, augment_key, batch)
        size = len(batch["labels"])
        z = steps.draw_latents(latent_key, size, latent)
        real_target, fake_target = jnp.ones(size), jnp.zeros(size)
        if soft_labels:
            real_target, fake_target = soft_targets(state, size, steps_per_epoch)

        def generator_objective(params):
            generated, batch_stats = steps.generate(generator, params, state.batch_stats, z)
            output = steps.discriminate(
                discriminator, state.params.discriminator, generated, generator_key
            )
            loss = losses.real_fake_loss(steps.real_fake_logit(output), real_target)
            sums = steps.sum_examples(generator_loss=loss)
            return jnp.mean(loss), (sums, (generated, batch_stats))

        def labelled_objective(params):
            logits = steps.discriminate(discriminator, params, labelled, labelled_key).logits
            loss = losses.cross_entropy(logits, batch["labels"])
            right = jnp.argmax(logits, axis=-1) == batch["labels"]
            return jnp.mean(loss), (steps.sum_examples(loss=loss, accuracy=right), None)

        def real_fake_objective(params):
            patterns = jnp.concatenate([unlabelled, generated])
            logit = steps.real_fake_logit(
                steps.discriminate(discriminator, params, patterns, real_fake_key)
            )
            targets = jnp.concatenate([real_target, fake_target])
            loss = losses.real_fake_loss(logit, targets)
            is_real = jax.nn.sigmoid(logit)
            sums = steps.sum_examples(
                real_fake_loss=loss[:size] + loss[size:],
                d_unlabelled=is_real[:size],
                d_generated=is_real[size:],
            )
            # As in eq. 3: the mean over real patterns plus the mean over generated ones.
            return jnp.sum(loss) / size, (sums, None)

        params, opt_state = state.params, state.opt_state
        (generator_params, generator_opt), generator_sums, (generated, batch_stats) = _descend(
            generator_objective, txs.generator, opt_state.generator, params.generator
        )
        (discriminator_params, labelled_opt), sums, _ = _descend(
            labelled_objective, txs.labelled, opt_state.labelled, params.discriminator
        )
        (discriminator_params, real_fake_opt), real_fake_sums, _ = _descend(
            real_fake_objective, txs.real_fake, opt_state.real_fake, discriminator_params
        )
        sums["discriminator_loss"] = sums["loss"] + real_fake_sums.pop("real_fake_loss")
        sums["generator_gradient_norm"] = generator_sums.pop("gradient_norm")
        sums["real_fake_gradient_norm"] = real_fake_sums.pop("gradient_norm")
        sums = {**generator_sums, **real_fake_sums, **sums}
        state = state.replace(
            step=state.step + 1,
            params=Networks(discriminator_params, generator_params),
            batch_stats=batch_stats,
            opt_state=ReleasedOptimizers(generator_opt, labelled_opt, real_fake_opt),
        )
        return state, sums

    return released_sgan_step


def soft_targets(state: SganState, size: int, steps_per_epoch: int) -> tuple[Array, Array]:
    """Return real targets [B] in 0.8-1 and fake ones [B] in 0-0.2, the same for a whole epoch."""
    epoch = state.step // steps_per_epoch
    key = jax.random.fold_in(jax.random.fold_in(root_key(state), SOFT_LABELS), epoch)
    draws = jax.random.uniform(
        jax.random.fold_in(key, lax.axis_index(AXIS)), (2, size), maxval=SOFTNESS
    )
    return 1.0 - draws[0], draws[1]


def _descend(objective, tx, opt_state, params):
    """Return (parameters, optimiser state) after one update, summed metrics, and auxiliary output.

    The objective returns (mean loss, (this device's summed metrics, auxiliary output)).
    """
    gradients, (sums, seen) = jax.grad(objective, has_aux=True)(params)
    gradients, sums = messages.average_and_sum(gradients, sums)
    sums["gradient_norm"] = sums["examples"] * optax.tree.norm(gradients)
    return steps.update(tx, gradients, opt_state, params), sums, seen
