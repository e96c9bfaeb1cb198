"""Two networks with the interface of the real ones, small enough to compile in a second."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from sgan_jax.models.resnet import DiscriminatorOutput
from sgan_jax.training import parallel

CLASSES, POINTS, LATENT = 3, 16, 5


class Discriminator(nn.Module):
    real_fake_head: bool = False
    dropout: float = 0.0

    @nn.compact
    def __call__(self, x, *, train):
        x = nn.Dense(8, name="hidden")(x)
        x = nn.Dropout(self.dropout, deterministic=not train)(x)
        features = jnp.tanh(x)
        logits = nn.Dense(CLASSES, name="class_head")(features)
        real_fake = None
        if self.real_fake_head:
            real_fake = nn.Dense(1, name="real_fake_head")(features)[:, 0]
        return DiscriminatorOutput(logits, features, real_fake)


class Generator(nn.Module):
    axis_name: str | None = None

    @nn.compact
    def __call__(self, z, *, train):
        x = nn.Dense(8, name="hidden")(z)
        x = nn.BatchNorm(use_running_average=not train, axis_name=self.axis_name)(jax.nn.relu(x))
        return jax.nn.sigmoid(nn.Dense(POINTS, name="last")(x))


def no_augment(key, patterns):
    return patterns


def known_noise(key, patterns, most):
    """Return patterns with noise that has its highest value at every point."""
    return patterns + most


class Examples(NamedTuple):
    patterns: np.ndarray
    labels: np.ndarray


def resident(examples, devices):
    """Put all examples on every device, as both parts: positions are then indices of examples."""

    def everywhere(array):
        where = jax.local_devices()[:devices]
        return parallel.distribute(np.broadcast_to(array, (devices, *array.shape)), where)

    return parallel.ResidentData(
        *({part: everywhere(array) for part in ("labelled", "unlabelled")} for array in examples)
    )


def patterns_and_labels(count, seed=0):
    """Return patterns whose class is the third in which they are highest."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(CLASSES, size=count).astype(np.int32)
    centre = (labels[:, None] + 0.5) * POINTS / CLASSES
    patterns = np.exp(-((np.arange(POINTS)[None, :] - centre) ** 2) / 4) + 0.1 * rng.random(
        (count, POINTS)
    )
    return Examples(patterns.astype(np.float32), labels)


def indices(devices, steps, batch, count, seed=0, parts=("labelled", "unlabelled")):
    rng = np.random.default_rng(seed)
    shape = (devices, steps, batch)
    return {part: rng.integers(count, size=shape).astype(np.int32) for part in parts}


def run(step, state, data, index_arrays, devices):
    """Make one call on the first devices; return the state and the metrics, on these."""
    where = jax.local_devices()[:devices]
    call = parallel.make_parallel_step(step)
    return call(parallel.replicate(state, where), resident(data, devices), index_arrays)


def assert_trees_close(tree, expected, **tolerance):
    leaves = jax.tree_util.tree_leaves_with_path(jax.device_get(expected))
    for (path, right), left in zip(leaves, jax.tree.leaves(jax.device_get(tree)), strict=True):
        np.testing.assert_allclose(left, right, err_msg=jax.tree_util.keystr(path), **tolerance)


def assert_trees_equal(tree, expected):
    jax.tree.map(np.testing.assert_array_equal, jax.device_get(tree), jax.device_get(expected))
