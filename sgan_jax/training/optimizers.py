"""Optimisers: Adam, its learning-rate schedule, weight decay of kernels, gradient clipping."""

import jax
import jax.numpy as jnp
import optax

SCHEDULES = ("constant", "cosine")


def make_adam(
    learning_rate: float,
    *,
    eps: float = 1e-8,
    weight_decay: float = 0.0,
    clip_norm: float = 0.0,
    schedule: str = "constant",
    warmup_steps: int = 0,
    total_steps: int = 0,
) -> optax.GradientTransformation:
    """Make Adam (Table 2) with betas 0.9 and 0.999; the paper has no decay, schedule or clipping.

    Args:
      learning_rate: the peak learning rate.
      eps: added to the square root of the second moment.
      weight_decay: decoupled: each step scales kernels by 1 - learning rate x this (Loshchilov &
        Hutter 2019); biases and the scales of normalisation layers do not decay.
      clip_norm: gradients of a larger global norm are scaled to this norm, so that one step in
        which they explode does not dominate Adam's second moments for the next thousand; 0 is off.
      schedule: 'constant', or 'cosine': half a cosine down to 0 at `total_steps`.
      warmup_steps: steps over which the learning rate first rises linearly.
      total_steps: of the run; needed for 'cosine'.
    """
    rate = learning_rate_schedule(
        learning_rate, schedule=schedule, warmup_steps=warmup_steps, total_steps=total_steps
    )
    decay = optax.add_decayed_weights(weight_decay, mask=is_kernel) if weight_decay else None
    clip = optax.clip_by_global_norm(clip_norm) if clip_norm else None
    parts = (clip, optax.scale_by_adam(eps=eps), decay, optax.scale_by_learning_rate(rate))
    return optax.chain(*(part for part in parts if part is not None))


def learning_rate_schedule(
    learning_rate: float, *, schedule: str, warmup_steps: int, total_steps: int
) -> optax.Schedule:
    """Make (updates made) -> learning rate of the next; n warm-up steps begin with 1/n of it.

    Raises:
      ValueError: the schedule is unknown, or 'cosine' has no steps left after the warm-up.
    """
    if schedule not in SCHEDULES:
        raise ValueError(f"optim.schedule is {schedule!r}; use one of {', '.join(SCHEDULES)}")
    if schedule == "cosine" and total_steps <= warmup_steps:
        raise ValueError(
            f"optim.warmup_steps {warmup_steps} leaves none of the {total_steps} training steps "
            "for the cosine; use fewer"
        )

    def rate(count: jax.typing.ArrayLike) -> jax.Array:
        count = jnp.asarray(count)
        factor = jnp.minimum(1.0, (count + 1) / max(warmup_steps, 1))
        if schedule == "cosine":
            done = jnp.clip((count - warmup_steps) / (total_steps - warmup_steps), 0.0, 1.0)
            factor = factor * 0.5 * (1.0 + jnp.cos(jnp.pi * done))
        return learning_rate * factor

    return rate


def is_kernel(params: optax.Params) -> optax.Params:
    """Say for each parameter whether weight decay applies: to kernels, with two or more axes."""
    return jax.tree.map(lambda leaf: leaf.ndim >= 2, params)
