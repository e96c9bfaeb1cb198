"""Train states: everything that a step changes or starts from, as arrays and nothing else.

Networks, optimisers and options are static; they are closed over by the steps.
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
RNG_IMPLEMENTATIONS = {2: "threefry2x32", 4: "rbg"}  # words of a key -> JAX's name


class Networks(NamedTuple):
    """One of a kind for each of the two networks: modules, parameters, optimisers, ..."""

    discriminator: Any
    generator: Any


class ReleasedOptimizers(NamedTuple):
    """One of a kind for each of the released program's three optimisers."""

    generator: Any
    labelled: Any  # of the discriminator, for the cross-entropy of labelled patterns
    real_fake: Any  # of the discriminator, for real against generated


class ClassifierState(struct.PyTreeNode):
    """A classifier in training; the fields with a default are None where a method has none."""

    step: Array  # int32 [], updates made
    key: Array  # uint32 [2 or 4], the root key's data; never advanced
    params: Any
    opt_state: Any
    average: Any = None  # running mean of the parameters (`averaging`)
    pseudo_labels: Any = None  # what is known of them (`pseudo_labels.Statistics`)
    projector: Any = None  # parameters of pre-training's second network
    pretraining_opt_state: Any = None  # of both networks


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
    """Initialise a classifier of patterns of that many points.

    The parameters depend on the seed only, not on `rng` nor on the kind of device.
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
    """Return the state of a classifier that is to be pre-trained, too.

    Args:
      state: of the training that follows.
      classifier: of patterns [B, points].
      projector: of the classifier's features.
      tx: the optimiser of the pair (classifier, projector).
      seed: of the projector's parameters.
      points: of a pattern.
    """
    output = jax.eval_shape(
        lambda params, x: classifier.apply({"params": params}, x, train=False),
        state.params,
        jax.ShapeDtypeStruct((1, points), jnp.float32),
    )
    width = output.features.shape[-1]
    _, key = _initialisation_keys(seed)  # the generator's, of which there is none
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
    """Initialise both networks; the discriminator is the one `create_classifier_state` makes.

    Args:
      discriminator: of patterns [B, points].
      generator: of patterns from latents [B, latent].
      txs: the optimisers; their kind decides which of the SGAN steps the state is for.
      seed: of the parameters and of the root key.
      points: of a pattern.
      latent: numbers a pattern is generated from.
      rng: JAX's name of the root key's generator, 'rbg' or 'threefry2x32'.
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
    """Return the parameters that are trained to classify, those of the latest step."""
    return state.params.discriminator if isinstance(state, SganState) else state.params


def evaluated_params(state: TrainState) -> Any:
    """Return the parameters to classify with: their running mean where there is one."""
    return classifier_params(state) if state.average is None else state.average


def root_key(state: TrainState) -> Array:
    """Return the typed key whose data the state holds; its length says which generator it is of."""
    return jax.random.wrap_key_data(state.key, impl=RNG_IMPLEMENTATIONS[state.key.shape[0]])


def step_key(state: TrainState) -> Array:
    """Return the key of this step on this device; call it inside a mapped step."""
    return jax.random.fold_in(jax.random.fold_in(root_key(state), state.step), lax.axis_index(AXIS))


def _root_key(seed: int, rng: str) -> Array:
    if rng not in RNG_IMPLEMENTATIONS.values():
        raise ValueError(f"rng {rng!r}; use one of {', '.join(RNG_IMPLEMENTATIONS.values())}")
    return jax.random.key_data(jax.random.key(seed, impl=rng))


def _initialisation_keys(seed: int) -> Array:
    """Return two keys; threefry, because 'rbg' gives other numbers on other devices."""
    return jax.random.split(jax.random.key(seed, impl="threefry2x32"), 2)


def _initialise(module: nn.Module, key: Array, width: int) -> Any:
    # Jitted, as one program: op by op it takes seconds.
    return jax.jit(lambda key: module.init(key, jnp.zeros((1, width)), train=False))(key)
