"""One step on one device of the SGAN whose generator matches features (Salimans et al. 2016)."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import optax
from flax import linen as nn
from jax import lax

from sgan_jax.training import instance_noise, messages, sgan_step, steps
from sgan_jax.training.augment import Augment
from sgan_jax.training.state import AXIS, Networks, SganState, step_key

Array = jax.Array


def make_feature_matching_step(
    discriminator: nn.Module,
    generator: nn.Module,
    txs: Networks,
    latent: int,
    augment: Augment,
    *,
    noise: float = 0.0,
) -> Callable[[SganState, steps.Batch], tuple[SganState, steps.Metrics]]:
    """Make the step: the discriminator's loss is that of eq. 3, the generator's a distance.

    The distance is || mean f(x_unlab) - mean f(G(z)) ||², with f the features before the class head
    and means over the batch of all devices (Salimans et al., NeurIPS 2016, section 3.1). Both
    networks are updated at once, from their old parameters. Unlabelled and generated patterns have
    `noise` added (`instance_noise`).
    """

    def feature_matching_step(
        state: SganState, batch: steps.Batch
    ) -> tuple[SganState, steps.Metrics]:
        latent_key, dropout_key, fake_key, augment_key = jax.random.split(step_key(state), 4)
        real = steps.augment_parts(augment, augment_key, batch)
        size = len(batch["labels"])
        z = steps.draw_latents(latent_key, size, latent)
        generated, pull_back, batch_stats = jax.vjp(
            lambda params: steps.generate(generator, params, state.batch_stats, z),
            state.params.generator,
            has_aux=True,
        )

        def eq_3(params):
            patterns = instance_noise.clean_then_noisy(state, *real, generated, noise)
            output = steps.discriminate(discriminator, params, patterns, dropout_key)
            parts = [jax.tree.map(lambda a, i=i: a[i : i + size], output) for i in part_starts]
            loss = sgan_step.discriminator_loss(*parts, batch["labels"])
            return jnp.mean(loss), (loss, *parts)

        def distance(generated):
            params = state.params.discriminator
            noise_key, dropout_key = instance_noise.noise_key(state), fake_key
            patterns = instance_noise.noisy(jax.random.fold_in(noise_key, 1), generated, noise)
            fake = steps.discriminate(discriminator, params, patterns, dropout_key)
            return feature_distance(unlabelled.features, fake.features)

        part_starts = (0, size, 2 * size)
        discriminator_gradients, seen = jax.grad(eq_3, has_aux=True)(state.params.discriminator)
        loss, labelled, unlabelled, fake = seen
        generator_loss, pattern_gradients = jax.value_and_grad(distance)(generated)
        (generator_gradients,) = pull_back(pattern_gradients)
        gradients, sums = messages.average_and_sum(
            Networks(discriminator_gradients, generator_gradients),
            steps.sum_examples(
                **sgan_step.what_it_says(labelled, unlabelled, fake, batch["labels"]),
                discriminator_loss=loss,
                generator_loss=jnp.full_like(loss, generator_loss),
            ),
        )
        sums["gradient_norm"], sums["generator_gradient_norm"] = (
            sums["examples"] * optax.tree.norm(of_one) for of_one in gradients
        )
        params, opt_state = sgan_step.update_both(txs, gradients, state)
        state = state.replace(
            step=state.step + 1, params=params, batch_stats=batch_stats, opt_state=opt_state
        )
        return state, sums

    return feature_matching_step


def feature_distance(real: Array, generated: Array) -> Array:
    """Return the squared distance [] between mean features, from [B, F] on each device."""
    difference = lax.pmean(jnp.mean(real, axis=0) - jnp.mean(generated, axis=0), AXIS)
    return jnp.sum(difference**2)
