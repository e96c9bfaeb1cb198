"""One step on one device of the paper's SGAN training."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import optax
from flax import linen as nn

from sgan_jax.models import losses
from sgan_jax.models.resnet import DiscriminatorOutput
from sgan_jax.training import instance_noise, messages, steps
from sgan_jax.training.augment import Augment
from sgan_jax.training.state import Networks, SganState, step_key

Array = jax.Array

# Below this the discriminator's gradient, D dr/dx, approaches float32's smallest numbers and
# exp(-r) its largest; the generator's gradient is then smaller than that of eq. 2, not 0 times inf.
LOWEST_LOGIT = -40.0


def make_sgan_step(
    discriminator: nn.Module,
    generator: nn.Module,
    txs: Networks,
    latent: int,
    augment: Augment,
    *,
    noise: float = 0.0,
    real_per_generated: int = 1,
) -> Callable[[SganState, steps.Batch], tuple[SganState, steps.Metrics]]:
    """Make the paper's step: both networks are updated at once, from their old parameters.

    One batch of latents yields the generated patterns of both objectives, eq. 3 and eq. 2; that one
    pass updates the generator's running statistics. The discriminator sees labelled, unlabelled and
    generated patterns in one pass (nothing in it mixes examples), with D = Z/(Z+1), or D from its
    real/fake head if it has one; unlabelled and generated patterns have `noise` added
    (`instance_noise`).

    Both objectives may average over fewer generated patterns, one for every `real_per_generated`
    labelled ones, because the generator takes most of a step's time.

    Both objectives depend on a generated pattern x only through one logit r, D = sigmoid(r):
        d(-log(1 - D))/dx =  D       dr/dx   (discriminator)
        d(-log D)/dx      = -(1 - D) dr/dx   (generator) = -exp(-r) times the line above,
    so that one backward pass through the discriminator serves both.
    """

    def sgan_step(state: SganState, batch: steps.Batch) -> tuple[SganState, steps.Metrics]:
        latent_key, dropout_key, augment_key = jax.random.split(step_key(state), 3)
        real = steps.augment_parts(augment, augment_key, batch)
        size = len(batch["labels"])
        z = steps.draw_latents(latent_key, size // real_per_generated, latent)

        def objective(params, generated):
            patterns = instance_noise.clean_then_noisy(state, *real, generated, noise)
            output = steps.discriminate(discriminator, params, patterns, dropout_key)
            labelled, unlabelled, fake = (
                jax.tree.map(lambda a, part=part: a[part], output) for part in parts
            )
            fake = jax.tree.map(lambda a: jnp.repeat(a, real_per_generated, axis=0), fake)
            loss = discriminator_loss(labelled, unlabelled, fake, batch["labels"])
            return jnp.mean(loss), (loss, labelled, unlabelled, fake)

        parts = (slice(size), slice(size, 2 * size), slice(2 * size, None))
        generated, pull_back, batch_stats = jax.vjp(
            lambda params: steps.generate(generator, params, state.batch_stats, z),
            state.params.generator,
            has_aux=True,
        )
        (discriminator_gradients, pattern_gradients), (loss, labelled, unlabelled, fake) = jax.grad(
            objective, argnums=(0, 1), has_aux=True
        )(state.params.discriminator, generated)
        fake_logit = steps.real_fake_logit(fake)
        of_each = fake_logit[::real_per_generated]
        to_generator = -jnp.exp(-jnp.maximum(of_each, LOWEST_LOGIT))
        (generator_gradients,) = pull_back(to_generator[:, None] * pattern_gradients)
        gradients, sums = messages.average_and_sum(
            Networks(discriminator_gradients, generator_gradients),
            steps.sum_examples(
                **what_it_says(labelled, unlabelled, fake, batch["labels"]),
                discriminator_loss=loss,
                generator_loss=jax.nn.softplus(-fake_logit),
            ),
        )
        sums["gradient_norm"], sums["generator_gradient_norm"] = (
            sums["examples"] * optax.tree.norm(of_one) for of_one in gradients
        )
        params, opt_state = update_both(txs, gradients, state)
        state = state.replace(
            step=state.step + 1, params=params, batch_stats=batch_stats, opt_state=opt_state
        )
        return state, sums

    return sgan_step


def discriminator_loss(
    labelled: DiscriminatorOutput,
    unlabelled: DiscriminatorOutput,
    generated: DiscriminatorOutput,
    labels: Array,
) -> Array:
    """Return the negated eq. 3 for each example, [B]."""
    if generated.real_fake is None:
        return losses.discriminator_loss(
            labelled.logits, labels, unlabelled.logits, generated.logits
        )
    return (
        losses.cross_entropy(labelled.logits, labels)
        + losses.real_fake_loss(steps.real_fake_logit(unlabelled), jnp.ones(len(labels)))
        + losses.real_fake_loss(steps.real_fake_logit(generated), jnp.zeros(len(labels)))
    )


def update_both(txs: Networks, gradients: Networks, state: SganState) -> tuple[Networks, Networks]:
    """Return the updated parameters and optimiser states of the two networks."""
    updated = [
        steps.update(*of_one)
        for of_one in zip(txs, gradients, state.opt_state, state.params, strict=True)
    ]
    params, opt_state = (Networks(*of_both) for of_both in zip(*updated, strict=True))
    return params, opt_state


def what_it_says(
    labelled: DiscriminatorOutput,
    unlabelled: DiscriminatorOutput,
    generated: DiscriminatorOutput,
    labels: Array,
) -> steps.Metrics:
    """Return metrics [B] of the discriminator's output for the three kinds of patterns."""
    return {
        "loss": losses.cross_entropy(labelled.logits, labels),
        "accuracy": jnp.argmax(labelled.logits, axis=-1) == labels,
        "d_unlabelled": jax.nn.sigmoid(steps.real_fake_logit(unlabelled)),
        "d_generated": jax.nn.sigmoid(steps.real_fake_logit(generated)),
    }
