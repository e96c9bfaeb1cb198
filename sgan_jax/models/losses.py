"""The losses: cross-entropy, the SGAN's with D = Z / (Z + 1) in log space, the released variant.

Z(x) = sum_k exp l_k(x) over the K class logits, so D = sigmoid(s) with s = logsumexp(l). Z itself
is never computed.
Every function returns one number per example, [B]; the caller sums, weights and averages.
"""

import jax
import jax.numpy as jnp

Array = jax.Array


def cross_entropy(logits: Array, labels: Array) -> Array:
    """Return -log softmax(logits)[label]; logits [B, K], labels int [B] in 0..K-1."""
    log_probabilities = jax.nn.log_softmax(logits, axis=-1)
    return -jnp.take_along_axis(log_probabilities, labels[:, None], axis=-1)[:, 0]


def log_real(logits: Array) -> Array:
    """Return log D(x) = -softplus(-s) from class logits [B, K]."""
    return -jax.nn.softplus(-jax.nn.logsumexp(logits, axis=-1))


def log_fake(logits: Array) -> Array:
    """Return log(1 - D(x)) = -softplus(s) from class logits [B, K]."""
    return -jax.nn.softplus(jax.nn.logsumexp(logits, axis=-1))


def discriminator_loss(
    labelled_logits: Array, labels: Array, unlabelled_logits: Array, generated_logits: Array
) -> Array:
    """Return the negated eq. 3, -[log D(x_unlab) + log(1 - D(G(z))) + sum t log softmax(l(x_lab))].

    All three sets of logits are [B, K], with the same B.
    """
    return (
        cross_entropy(labelled_logits, labels)
        - log_real(unlabelled_logits)
        - log_fake(generated_logits)
    )


def generator_loss(generated_logits: Array) -> Array:
    """Return the negated eq. 2 (non-saturating), -log D(G(z)); logits [B, K]."""
    return -log_real(generated_logits)


def real_fake_loss(real_fake_logit: Array, target: Array) -> Array:
    """Return the released program's binary cross-entropy; logit [B], target [B] in 0..1.

    A target of 1 means real; soft labels (0.8-1 and 0-0.2) are allowed.
    -t log sigmoid(l) - (1 - t) log(1 - sigmoid(l)) = softplus(l) - t l
    """
    return jax.nn.softplus(real_fake_logit) - target * real_fake_logit
