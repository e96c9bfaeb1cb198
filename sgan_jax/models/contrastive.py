"""Contrastive pre-training: a projector, and the loss that pulls two views of a pattern together.

SimCLR (Chen, Kornblith, Norouzi & Hinton, ICML 2020): of all views of all patterns, a view's
neighbour in the space of the projector's output should be the other view of the same pattern.
"""

import jax
import jax.numpy as jnp
from flax import linen as nn

from sgan_jax.models import activations, layers

Array = jax.Array


class Projector(nn.Module):
    """Two layers from the classifier's features [B, F] to [B, features].

    The last has no bias, since `unit_vectors` would subtract it again.
    """

    hidden: int = 128
    features: int = 64

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """Project the features."""
        x = activations.gelu(layers.Dense(self.hidden, name="hidden")(x))
        return nn.Dense(self.features, use_bias=False, name="last")(x)


def unit_vectors(x: Array, mean: Array) -> Array:
    """Return the unit vectors [B, E] along x [B, E] - mean [E].

    Features after GELU and a maximum are almost all positive: unless the mean is subtracted (SimCLR
    has a BatchNorm there), all of them point the same way, and the loss has hardly any gradient.
    """
    x = x - mean[None, :]
    return x / jnp.sqrt(jnp.sum(x * x, axis=-1, keepdims=True) + 1e-12)


def contrastive_loss(
    anchors: Array, candidates: Array, itself: Array, partner: Array, temperature: float
) -> Array:
    """Return -log of the partner's share among all candidates except the anchor itself, [B].

    The share of candidate j is exp(anchor · candidate_j / temperature), normalised (NT-Xent).

    Args:
      anchors: unit vectors [B, E].
      candidates: unit vectors [N, E], the anchors among them.
      itself: int [B], indices of the anchors among the candidates.
      partner: int [B], indices of the other views of the anchors' patterns.
      temperature: the smaller it is, the more the nearest candidates count.
    """
    similarity = anchors @ candidates.T / temperature
    own = jnp.arange(len(candidates), dtype=itself.dtype)[None, :] == itself[:, None]
    others = jnp.where(own, -jnp.inf, similarity)
    of_partner = jnp.take_along_axis(similarity, partner[:, None], axis=1)[:, 0]
    return jax.nn.logsumexp(others, axis=-1) - of_partner
