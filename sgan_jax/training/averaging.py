"""A running mean of the classifier's parameters, kept during training and used in evaluation."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from sgan_jax.training import steps
from sgan_jax.training.state import TrainState, classifier_params

Step = Callable[[TrainState, steps.Batch], tuple[TrainState, steps.Metrics]]


def make_averaged_step(step: Step, decay: float) -> Step:
    """Make a step that also updates `state.average`, which starts as the initial parameters.

    After update t = 1, 2, ...: average <- m average + (1 - m) params, m = min(decay, t / (t + 9)),
    so that the first parameters are soon forgotten (as in TensorFlow's ExponentialMovingAverage).

    Args:
      step: of any method.
      decay: slightly below 1; the mean is over about the last 1 / (1 - decay) steps.
    """

    def averaged_step(state: Any, batch: steps.Batch) -> tuple[Any, steps.Metrics]:
        state, sums = step(state, batch)
        weight = jnp.minimum(decay, state.step / (state.step + 9.0))
        average = jax.tree.map(
            lambda old, new: weight * old + (1 - weight) * new,
            state.average,
            classifier_params(state),
        )
        return state.replace(average=average), sums

    return averaged_step
