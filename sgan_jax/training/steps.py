"""One step on one device: of supervised training, of the paper's SGAN training, of an evaluation.

A step runs on each device under the axis `state.AXIS`: gradients are averaged over it, metrics
summed, both in one message (`messages`). All metrics are sums over the examples of the step;
divided by 'examples' they are means.
A step that went wrong has a metric that is not finite.
"""

from collections.abc import Callable, Mapping
from typing import Any, cast

import jax
import jax.numpy as jnp
import optax
from flax import linen as nn
from jax import lax

from sgan_jax.evaluation import metrics
from sgan_jax.models import losses
from sgan_jax.models.resnet import DiscriminatorOutput
from sgan_jax.training import messages
from sgan_jax.training.state import AXIS, Networks, SganState, SupervisedState, step_key

Array = jax.Array
Batch = Mapping[str, Array]  # 'labelled' [B, P], 'labels' int32 [B], in SGAN 'unlabelled' [B, P]
Metrics = dict[str, Array]  # sums over the devices' examples, float32 []
Augment = Callable[[Array, Array], Array]  # key, patterns [B, P] -> patterns [B, P]

# Below it the discriminator's gradient, D dr/dx, nears float32's smallest numbers, and exp(-r) its
# largest; the generator is then pushed by less than eq. 2 says instead of by 0 times infinity.
LOWEST_LOGIT = -40.0


def make_supervised_step(
    discriminator: nn.Module, tx: optax.GradientTransformation, augment: Augment
) -> Callable[[SupervisedState, Batch], tuple[SupervisedState, Metrics]]:
    """Make the step of the paper's control: cross-entropy of the labelled patterns."""

    def supervised_step(state: SupervisedState, batch: Batch) -> tuple[SupervisedState, Metrics]:
        dropout_key, augment_key = jax.random.split(step_key(state))
        patterns = augment(augment_key, batch["labelled"])

        def objective(params):
            logits = discriminate(discriminator, params, patterns, dropout_key).logits
            loss = losses.cross_entropy(logits, batch["labels"])
            return jnp.mean(loss), (logits, loss)

        gradients, (logits, loss) = jax.grad(objective, has_aux=True)(state.params)
        gradients, sums = messages.average_and_sum(
            gradients,
            sum_examples(loss=loss, accuracy=jnp.argmax(logits, axis=-1) == batch["labels"]),
        )
        sums["gradient_norm"] = sums["examples"] * optax.tree.norm(gradients)
        params, opt_state = update(tx, gradients, state.opt_state, state.params)
        return state.replace(step=state.step + 1, params=params, opt_state=opt_state), sums

    return supervised_step


def make_sgan_step(
    discriminator: nn.Module, generator: nn.Module, txs: Networks, latent: int, augment: Augment
) -> Callable[[SganState, Batch], tuple[SganState, Metrics]]:
    """Make the paper's step: both networks move at once, each against the other as it was.

    One batch of latents makes the generated patterns of both objectives, eq. 3 and eq. 2; the
    generator's running statistics are updated by that one pass. The discriminator sees labelled,
    unlabelled and generated patterns in one pass (nothing in it mixes examples), with D = Z/(Z+1),
    or with its real/fake head where it has one.

    Both objectives depend on a generated pattern x through one logit r alone, D = sigmoid(r):
        d(-log(1 - D))/dx =  D       dr/dx   (discriminator)
        d(-log D)/dx      = -(1 - D) dr/dx   (generator) = -exp(-r) times the line above,
    so that one backward pass through the discriminator serves both.
    """

    def sgan_step(state: SganState, batch: Batch) -> tuple[SganState, Metrics]:
        latent_key, dropout_key, augment_key = jax.random.split(step_key(state), 3)
        real = augment_parts(augment, augment_key, batch)
        size = len(batch["labels"])
        z = draw_latents(latent_key, size, latent)

        def objective(params, generated):
            patterns = jnp.concatenate([*real, generated])
            output = discriminate(discriminator, params, patterns, dropout_key)
            parts = [jax.tree.map(lambda a, i=i: a[i : i + size], output) for i in part_starts]
            loss = _discriminator_loss(*parts, batch["labels"])
            return jnp.mean(loss), (loss, *parts)

        part_starts = (0, size, 2 * size)
        generated, pull_back, batch_stats = jax.vjp(
            lambda params: generate(generator, params, state.batch_stats, z),
            state.params.generator,
            has_aux=True,
        )
        (discriminator_gradients, pattern_gradients), (loss, labelled, unlabelled, fake) = jax.grad(
            objective, argnums=(0, 1), has_aux=True
        )(state.params.discriminator, generated)
        fake_logit = real_fake_logit(fake)
        to_generator = -jnp.exp(-jnp.maximum(fake_logit, LOWEST_LOGIT))
        (generator_gradients,) = pull_back(to_generator[:, None] * pattern_gradients)
        gradients, sums = messages.average_and_sum(
            Networks(discriminator_gradients, generator_gradients),
            sum_examples(
                loss=losses.cross_entropy(labelled.logits, batch["labels"]),
                accuracy=jnp.argmax(labelled.logits, axis=-1) == batch["labels"],
                discriminator_loss=loss,
                generator_loss=jax.nn.softplus(-fake_logit),
                d_unlabelled=jax.nn.sigmoid(real_fake_logit(unlabelled)),
                d_generated=jax.nn.sigmoid(fake_logit),
            ),
        )
        sums["gradient_norm"], sums["generator_gradient_norm"] = (
            sums["examples"] * optax.tree.norm(of_one) for of_one in gradients
        )

        updated = [
            update(*of_one)
            for of_one in zip(txs, gradients, state.opt_state, state.params, strict=True)
        ]
        params, opt_state = (Networks(*of_both) for of_both in zip(*updated, strict=True))
        state = state.replace(
            step=state.step + 1, params=params, batch_stats=batch_stats, opt_state=opt_state
        )
        return state, sums

    return sgan_step


def make_evaluation_step(
    discriminator: nn.Module,
) -> Callable[[Any, Array, Array, Array], tuple[metrics.Counts, Array]]:
    """Make (params, patterns [B, P], labels [B], mask [B]) -> (counts of all devices, logits)."""

    def evaluation_step(params, patterns, labels, mask):
        logits = discriminate(discriminator, params, patterns, None).logits
        return lax.psum(metrics.count(logits, labels, mask), AXIS), logits

    return evaluation_step


def draw_latents(key: Array, size: int, latent: int) -> Array:
    """Return latents z ~ N(0, 1) [B, Z] (section 2.4)."""
    return jax.random.normal(key, (size, latent))


def augment_parts(augment: Augment, key: Array, batch: Batch) -> tuple[Array, Array]:
    """Return the labelled and the unlabelled patterns, each augmented by a key of its own."""
    labelled_key, unlabelled_key = jax.random.split(key)
    return augment(labelled_key, batch["labelled"]), augment(unlabelled_key, batch["unlabelled"])


def discriminate(
    discriminator: nn.Module, params: Any, patterns: Array, dropout_key: Array | None
) -> DiscriminatorOutput:
    """Return what the discriminator says of patterns [B, P]; without a key, without dropout."""
    train = dropout_key is not None
    rngs = {"dropout": dropout_key} if train else None
    output = discriminator.apply({"params": params}, patterns, train=train, rngs=rngs)
    return cast(DiscriminatorOutput, output)


def generate(generator: nn.Module, params: Any, batch_stats: Any, z: Array) -> tuple[Array, Any]:
    """Generate training patterns [B, P] from latents [B, Z]; also return the running statistics."""
    variables = {"params": params, "batch_stats": batch_stats}
    generated, updated = cast(
        tuple[Array, Any], generator.apply(variables, z, train=True, mutable=["batch_stats"])
    )
    return generated, updated["batch_stats"]


def real_fake_logit(output: DiscriminatorOutput) -> Array:
    """Return r [B], D = sigmoid(r): of the real/fake head, else logsumexp of the class logits."""
    if output.real_fake is not None:
        return output.real_fake
    return jax.nn.logsumexp(output.logits, axis=-1)


def update(
    tx: optax.GradientTransformation, gradients: Any, opt_state: Any, params: Any
) -> tuple[Any, Any]:
    """Return the new parameters and the new state of the optimiser."""
    updates, opt_state = tx.update(gradients, opt_state, params)
    return optax.apply_updates(params, updates), opt_state


def sum_examples(**per_example: Array) -> Metrics:
    """Sum each [B] over the examples of this device; 'examples' counts them."""
    size = len(next(iter(per_example.values())))
    sums = {name: jnp.sum(value, dtype=jnp.float32) for name, value in per_example.items()}
    return {"examples": jnp.float32(size), **sums}


def _discriminator_loss(
    labelled: DiscriminatorOutput,
    unlabelled: DiscriminatorOutput,
    generated: DiscriminatorOutput,
    labels: Array,
) -> Array:
    """Return the negated eq. 3 of each example [B]."""
    if generated.real_fake is None:
        return losses.discriminator_loss(
            labelled.logits, labels, unlabelled.logits, generated.logits
        )
    return (
        losses.cross_entropy(labelled.logits, labels)
        + losses.real_fake_loss(real_fake_logit(unlabelled), jnp.ones(len(labels)))
        + losses.real_fake_loss(real_fake_logit(generated), jnp.zeros(len(labels)))
    )
