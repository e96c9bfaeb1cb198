"""Train states: everything that a step reads or updates, as arrays and nothing else.

Networks, optimisers and options are static; the steps close over them.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from flax import linen as nn
from flax import struct
from jax import lax

Array = jax.Array

AXIS = "devices"  # the name of the axis over which steps pmean and psum
RNG_IMPLEMENTATIONS = {2: "threefry2x32", 4: "rbg"}  # words in a key -> JAX's name


class Networks(NamedTuple):
    """One item for each of the two networks: modules, parameters, optimisers, ..."""

    discriminator: Any
    generator: Any


class ReleasedOptimizers(NamedTuple):
    """One item for each of the released program's three optimisers."""

    generator: Any
    labelled: Any  # of the discriminator, for the cross-entropy on labelled patterns
    real_fake: Any  # of the discriminator, for the real/fake loss


class ClassifierState(struct.PyTreeNode):
    """A classifier in training; fields with a default are None where the method has none."""

    step: Array  # int32 [], updates made
    key: Array  # uint32 [2 or 4], the root key's data; never advanced
    params: Any
    opt_state: Any
    average: Any = None  # running mean of the parameters (`averaging`)
    pseudo_labels: Any = None  # running statistics (`pseudo_labels.Statistics`)
    projector: Any = None  # parameters of the second network of pre-training
    pretraining_opt_state: Any = None  # for both networks


class SganState(struct.PyTreeNode):
    """A discriminator and a generator in training."""

    step: Array  # int32 [], updates made
    key: Array  # uint32 [2 or 4], the root key's data; never advanced
    params: Networks
    batch_stats: Any  # the generator's running means and variances
    opt_state: Any  # Networks, or ReleasedOptimizers
    average: Any = None  # running mean of the discriminator's parameters (`averaging`)


TrainState = ClassifierState | SganState


def create_classifier_state(
    discriminator: nn.Module,
    tx: optax.GradientTransformation,
    *,
    seed: int,
    points: int,
    rng: str = "rbg",
) -> ClassifierState:
    """Initialise a classifier of patterns with `points` points.

    The parameters depend only on the seed, not on `rng` or the kind of device.
    """
    key, _ = _initialisation_keys(seed)
    params = _initialise(discriminator, key, points)["params"]
    return ClassifierState(
        step=jnp.zeros((), jnp.int32),
        key=_root_key(seed, rng),
        params=params,
        opt_state=jax.jit(tx.init)(params),
    )


def add_projector(
    state: ClassifierState,
    classifier: nn.Module,
    projector: nn.Module,
    tx: optax.GradientTransformation,
    *,
    seed: int,
    points: int,
) -> ClassifierState:
    """Return the state extended by what pre-training needs.

    Args:
      state: of the training that follows pre-training.
      classifier: takes patterns [B, points].
      projector: takes the classifier's features.
      tx: the optimiser of the pair (classifier, projector).
      seed: for the projector's parameters.
      points: of each pattern.
    """
    output = jax.eval_shape(
        lambda params, x: classifier.apply({"params": params}, x, train=False),
        state.params,
        jax.ShapeDtypeStruct((1, points), jnp.float32),
    )
    width = output.features.shape[-1]
    _, key = _initialisation_keys(seed)  # the generator's key; there is no generator here
    params = jax.jit(lambda key: projector.init(key, jnp.zeros((1, width))))(key)["params"]
    return state.replace(
        projector=params, pretraining_opt_state=jax.jit(tx.init)((state.params, params))
    )


def create_sgan_state(
    discriminator: nn.Module,
    generator: nn.Module,
    txs: Networks | ReleasedOptimizers,
    *,
    seed: int,
    points: int,
    latent: int,
    rng: str = "rbg",
) -> SganState:
    """Initialise both networks; the discriminator starts as in `create_classifier_state`.

    Args:
      discriminator: takes patterns [B, points].
      generator: maps latents [B, latent] to patterns.
      txs: the optimisers; their type decides which of the SGAN steps the state is for.
      seed: for the parameters and the root key.
      points: of each pattern.
      latent: dimension of the latent space.
      rng: JAX's name of the root key's implementation, 'rbg' or 'threefry2x32'.
    """
    discriminator_key, generator_key = _initialisation_keys(seed)
    variables = _initialise(generator, generator_key, latent)
    params = Networks(
        _initialise(discriminator, discriminator_key, points)["params"], variables["params"]
    )
    of_tx = {
        name: params.generator if name == "generator" else params.discriminator
        for name in txs._fields
    }
    opt_state = type(txs)(
        **{name: jax.jit(getattr(txs, name).init)(of_tx[name]) for name in txs._fields}
    )
    return SganState(
        step=jnp.zeros((), jnp.int32),
        key=_root_key(seed, rng),
        params=params,
        batch_stats=variables["batch_stats"],
        opt_state=opt_state,
    )


def classifier_params(state: TrainState) -> Any:
    """Return the classifier's parameters after the latest step."""
    return state.params.discriminator if isinstance(state, SganState) else state.params


def evaluated_params(state: TrainState) -> Any:
    """Return the parameters to evaluate: the running mean if there is one, else the latest."""
    return classifier_params(state) if state.average is None else state.average


def root_key(state: TrainState) -> Array:
    """Return the typed key of the state's key data, whose length identifies the implementation."""
    return jax.random.wrap_key_data(state.key, impl=RNG_IMPLEMENTATIONS[state.key.shape[0]])


def step_key(state: TrainState) -> Array:
    """Return the key of this step on this device; call it inside a mapped step."""
    return jax.random.fold_in(jax.random.fold_in(root_key(state), state.step), lax.axis_index(AXIS))


def _root_key(seed: int, rng: str) -> Array:
    if rng not in RNG_IMPLEMENTATIONS.values():
        raise ValueError(
            f"rng {rng!r} is unknown; use one of {', '.join(RNG_IMPLEMENTATIONS.values())}"
        )
    return jax.random.key_data(jax.random.key(seed, impl=rng))


def _initialisation_keys(seed: int) -> Array:
    """Return two threefry keys; 'rbg' draws different numbers on different devices."""
    return jax.random.split(jax.random.key(seed, impl="threefry2x32"), 2)


def _initialise(module: nn.Module, key: Array, width: int) -> Any:
    # Jitted as one program, because op by op it takes seconds.
    return jax.jit(lambda key: module.init(key, jnp.zeros((1, width)), train=False))(key)
