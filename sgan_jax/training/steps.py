"""The building blocks of all methods' training steps, and the evaluation step.

A training step runs on each device under the axis `state.AXIS`: gradients are averaged over it and
metrics summed, both in one message (`messages`). All metrics are sums over the examples of the
step; divided by 'examples' they are means. A step that fails has a metric that is not finite.
"""

from collections.abc import Callable, Mapping
from typing import Any, cast

import jax
import jax.numpy as jnp
import optax
from flax import linen as nn
from jax import lax

from sgan_jax.evaluation import metrics
from sgan_jax.models.resnet import DiscriminatorOutput
from sgan_jax.training.augment import Augment
from sgan_jax.training.state import AXIS

Array = jax.Array
# 'labelled' [B, P], 'labels' int32 [B] and, for methods that use it, 'unlabelled' [U, P]
Batch = Mapping[str, Array]
Metrics = dict[str, Array]  # sums over the devices' examples, float32 []


def make_evaluation_step(
    discriminator: nn.Module,
) -> Callable[[Any, Array, Array, Array], tuple[metrics.Counts, Array]]:
    """Make (params, patterns [B, P], labels [B], mask [B]) -> (counts over all devices, logits)."""

    def evaluation_step(params, patterns, labels, mask):
        logits = discriminate(discriminator, params, patterns, None).logits
        return lax.psum(metrics.count(logits, labels, mask), AXIS), logits

    return evaluation_step


def draw_latents(key: Array, size: int, latent: int) -> Array:
    """Return latents z ~ N(0, 1) [B, Z] (section 2.4)."""
    return jax.random.normal(key, (size, latent))


def augment_parts(view: Augment, key: Array, batch: Batch) -> tuple[Array, Array]:
    """Return the labelled and the unlabelled patterns, each augmented with its own key."""
    labelled_key, unlabelled_key = jax.random.split(key)
    return view(labelled_key, batch["labelled"]), view(unlabelled_key, batch["unlabelled"])


def discriminate(
    discriminator: nn.Module, params: Any, patterns: Array, dropout_key: Array | None
) -> DiscriminatorOutput:
    """Return the discriminator's output for patterns [B, P]; no key means no dropout."""
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
    """Return r [B], D = sigmoid(r): the real/fake head's, else logsumexp of the class logits."""
    if output.real_fake is not None:
        return output.real_fake
    return jax.nn.logsumexp(output.logits, axis=-1)


def update(
    tx: optax.GradientTransformation, gradients: Any, opt_state: Any, params: Any
) -> tuple[Any, Any]:
    """Return the updated parameters and optimiser state."""
    updates, opt_state = tx.update(gradients, opt_state, params)
    return optax.apply_updates(params, updates), opt_state


def sum_examples(**per_example: Array) -> Metrics:
    """Sum each array [B] over this device's examples; 'examples' is their number."""
    size = len(next(iter(per_example.values())))
    sums = {name: jnp.sum(value, dtype=jnp.float32) for name, value in per_example.items()}
    return {"examples": jnp.float32(size), **sums}


def mean_per_example(values: Array, like: Array) -> Array:
    """Return the mean of all values, repeated for each example of `like` [B], as a metric."""
    return jnp.full_like(like, jnp.mean(values))
