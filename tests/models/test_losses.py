import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sgan_jax.models import losses


def test_cross_entropy_by_hand():
    logits = jnp.log(jnp.array([[1.0, 3.0], [1.0, 1.0]]))  # probabilities 1/4, 3/4 and 1/2, 1/2
    result = losses.cross_entropy(logits, jnp.array([1, 0]))
    np.testing.assert_allclose(result, [-np.log(0.75), -np.log(0.5)], rtol=1e-6)


def test_discriminator_is_z_over_z_plus_one():
    logits = jnp.log(jnp.array([[1.0, 2.0], [0.5, 0.5]]))  # Z = 3 and 1
    np.testing.assert_allclose(jnp.exp(losses.log_real(logits)), [3 / 4, 1 / 2], rtol=1e-6)
    np.testing.assert_allclose(jnp.exp(losses.log_fake(logits)), [1 / 4, 1 / 2], rtol=1e-6)


def test_objectives_by_hand():
    labelled = jnp.log(jnp.array([[1.0, 3.0]]))  # softmax 3/4 of class 1
    unlabelled = jnp.log(jnp.array([[1.0, 2.0]]))  # D = 3/4
    generated = jnp.log(jnp.array([[2.0, 2.0]]))  # D = 4/5
    loss = losses.discriminator_loss(labelled, jnp.array([1]), unlabelled, generated)
    np.testing.assert_allclose(loss, [-np.log(3 / 4) - np.log(3 / 4) - np.log(1 / 5)], rtol=1e-6)
    np.testing.assert_allclose(losses.generator_loss(generated), [-np.log(4 / 5)], rtol=1e-6)


def test_real_fake_loss_by_hand():
    # sigmoid(log 3) = 3/4
    logit = jnp.full((3,), np.log(3.0), jnp.float32)
    result = losses.real_fake_loss(logit, jnp.array([1.0, 0.0, 0.9]))
    expected = [-np.log(0.75), -np.log(0.25), -0.9 * np.log(0.75) - 0.1 * np.log(0.25)]
    np.testing.assert_allclose(result, expected, rtol=1e-6)


@pytest.mark.parametrize("scale", [1e4, -1e4])
def test_extreme_logits_keep_values_and_gradients_finite(scale):
    logits = scale * jnp.array([[1.0, 0.5, -1.0], [1.0, 1.0, 1.0]])
    labels = jnp.array([2, 0])

    def everything(logits):
        return (
            losses.discriminator_loss(logits, labels, logits, logits)
            + losses.generator_loss(logits)
            + losses.real_fake_loss(logits[:, 0], jnp.array([0.1, 0.9]))
        ).sum()

    value, gradient = jax.value_and_grad(everything)(logits)
    assert np.isfinite(value)
    assert np.isfinite(gradient).all()


def test_gradient_survives_a_certain_discriminator():
    # The non-saturating form: a generator found out (s very low) still gets gradient 1 on s.
    gradient = jax.grad(lambda logits: losses.generator_loss(logits).sum())(jnp.full((1, 4), -1e4))
    np.testing.assert_allclose(gradient, np.full((1, 4), -0.25), rtol=1e-5)
