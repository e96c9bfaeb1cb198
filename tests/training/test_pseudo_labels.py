"""FixMatch's and FreeMatch's rules, each on a small example calculated by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sgan_jax.training import pseudo_labels
from sgan_jax.training.state import AXIS

PREDICTIONS = np.array([[0.9, 0.1, 0.0], [0.6, 0.3, 0.1], [0.2, 0.5, 0.3], [0.7, 0.2, 0.1]])
PREDICTIONS = PREDICTIONS.astype(np.float32)


def on_devices(function, *arguments, devices=1):
    """Call the function on the devices, among which the arguments' first axis is divided."""
    cut = [np.reshape(x, (devices, -1, *np.shape(x)[1:])) for x in arguments]
    return jax.tree.map(lambda x: x[0], jax.pmap(function, AXIS)(*cut))


def statistics(confidence, distribution, histogram):
    return pseudo_labels.Statistics(
        jnp.float32(confidence), jnp.array(distribution), jnp.array(histogram)
    )


def assert_close(tree, expected):
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5), tree, expected)


@pytest.mark.parametrize("devices", [1, 4])
def test_statistics_move_towards_the_means_of_all_devices(devices):
    old = statistics(0.4, [0.5, 0.3, 0.2], [0.2, 0.2, 0.6])

    def update(predictions):
        return pseudo_labels.update(old, predictions, predictions, 0.9)

    new = on_devices(update, PREDICTIONS, devices=devices)
    # Means: of the maxima 0.675; of q (0.6, 0.275, 0.125); of the winners (3/4, 1/4, 0).
    expected = statistics(
        0.36 + 0.0675,
        [0.45 + 0.06, 0.27 + 0.0275, 0.18 + 0.0125],
        [0.18 + 0.075, 0.18 + 0.025, 0.54],
    )
    assert_close(new, expected)


def test_a_classifier_that_knows_nothing_starts_even():
    assert_close(
        pseudo_labels.start(4), statistics(0.25, [0.25, 0.25, 0.25, 0.25], [0.25, 0.25, 0.25, 0.25])
    )


def test_thresholds_of_the_three_rules():
    known = statistics(0.8, [0.5, 0.3, 0.2], [0.5, 0.3, 0.2])
    np.testing.assert_allclose(pseudo_labels.thresholds(known, "fixed", 0.95), [0.95] * 3)
    np.testing.assert_allclose(pseudo_labels.thresholds(known, "global", 0.95), [0.8] * 3)
    np.testing.assert_allclose(
        pseudo_labels.thresholds(known, "adaptive", 0.95), [0.8, 0.48, 0.32], rtol=1e-6
    )


def test_a_prediction_is_accepted_by_the_threshold_of_its_own_class():
    labels, accepted = pseudo_labels.accept(PREDICTIONS, jnp.array([0.7, 0.5, 0.1]))
    assert labels.tolist() == [0, 0, 1, 0]
    assert accepted.tolist() == [1, 0, 1, 1]  # reaching the threshold is enough


def test_alignment_makes_the_mean_prediction_the_prior():
    prior = np.array([0.2, 0.3, 0.5], np.float32)
    distribution = jnp.array([0.5, 0.25, 0.25])
    aligned = pseudo_labels.align(PREDICTIONS, distribution, prior)
    # (0.9 · 0.4, 0.1 · 1.2, 0) = (0.36, 0.12, 0), normalised.
    np.testing.assert_allclose(aligned[0], [0.75, 0.25, 0.0], rtol=1e-6)
    np.testing.assert_allclose(aligned.sum(axis=1), 1.0, rtol=1e-6)
    # A classifier that always predicts its own average is corrected exactly.
    np.testing.assert_allclose(
        pseudo_labels.align(distribution[None], distribution, prior)[0], prior, rtol=1e-6
    )


@pytest.mark.parametrize("devices", [1, 2, 4])
def test_fairness_is_eq_11_over_all_devices(devices):
    known = statistics(0.8, [0.5, 0.3, 0.2], [0.5, 0.2, 0.3])
    accepted = np.array([1, 0, 1, 1], np.float32)
    loss = on_devices(
        lambda q, a: pseudo_labels.fairness_loss(known, q, a),
        PREDICTIONS,
        accepted,
        devices=devices,
    )
    expected = np.array([0.5, 0.3, 0.2]) / np.array([0.5, 0.2, 0.3])
    expected /= expected.sum()
    # Accepted: the mean is (0.6, 0.8/3, 0.4/3), the winners are 0, 1, 0; class 2 has none.
    seen = np.array([0.6 / (2 / 3), (0.8 / 3) / (1 / 3), 0.0])
    seen /= seen.sum()
    np.testing.assert_allclose(loss, (expected * np.log(seen + 1e-12)).sum(), rtol=1e-5)


def test_fairness_of_no_accepted_prediction_is_nothing_and_has_no_slope():
    known = statistics(0.8, [0.5, 0.3, 0.2], [0.5, 0.2, 0.3])

    def loss_and_slope(predictions):
        return jax.value_and_grad(lambda q: pseudo_labels.fairness_loss(known, q, jnp.zeros(4)))(
            predictions
        )

    loss, slope = on_devices(loss_and_slope, PREDICTIONS)
    assert loss == 0 and not slope.any()
