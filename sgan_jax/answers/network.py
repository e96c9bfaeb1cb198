"""The compiled network: one program for all models that differ only in their classes.

A process has to wait for the compiler before its first prediction. The lattice and group models
differ only in the last layer, so the program ends at the features, and numpy applies that layer, a
product with [F, K].
"""

import functools
from collections.abc import Callable, Mapping
from typing import Any, cast

import jax
import numpy as np
from flax import linen as nn

from sgan_jax.models.resnet import DiscriminatorOutput

HEAD = "class_head"  # name of the last layer's parameters: logits = features @ kernel + bias
BATCH = 8  # patterns in the only compiled shape; eight take little longer than one


def logits(model: nn.Module, params: Mapping[str, Any], patterns: np.ndarray) -> np.ndarray:
    """Return the logits [n, K] of patterns [n, P], both float32."""
    head = params[HEAD]
    without = {**params, HEAD: {name: leaf[..., :0] for name, leaf in head.items()}}
    parts = [np.zeros((0, head["kernel"].shape[0]), np.float32)]
    for begin in range(0, len(patterns), BATCH):
        some = patterns[begin : begin + BATCH]
        padded = np.pad(some, ((0, BATCH - len(some)), (0, 0)))
        features = _program()(model.clone(classes=0), without, padded)
        parts.append(np.asarray(features)[: len(some)])
    return np.concatenate(parts) @ np.asarray(head["kernel"]) + np.asarray(head["bias"])


@functools.cache
def _program() -> Callable[[nn.Module, Any, np.ndarray], jax.Array]:
    """Return the compiled function (model, params, patterns [BATCH, P]) -> features [BATCH, F]."""

    def features(model, params, patterns):
        output = model.apply({"params": params}, patterns, train=False)
        return cast(DiscriminatorOutput, output).features

    # XLA's optimisation takes longer than it would save on the network's 2 ms a pattern, which are
    # negligible beside reading, background and regridding.
    quick = {"xla_backend_optimization_level": 0} if jax.default_backend() == "cpu" else None
    return jax.jit(features, static_argnums=0, compiler_options=quick)
