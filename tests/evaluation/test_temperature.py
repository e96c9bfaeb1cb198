import math

import numpy as np
import pytest

from sgan_jax.evaluation import temperature


def draw_labels(random, probabilities):
    """Draw one class per row, by inverting the cumulative distribution."""
    return (probabilities.cumsum(axis=1) < random.uniform(size=(len(probabilities), 1))).sum(axis=1)


@pytest.mark.parametrize("true", [0.4, 1.0, 3.0])
def test_the_temperature_of_a_model_that_is_wrong_by_a_known_one_is_found(true):
    random = np.random.default_rng(0)
    honest = random.normal(0.0, 2.0, (40_000, 6))
    weights = np.exp(honest)
    labels = draw_labels(random, weights / weights.sum(axis=1, keepdims=True))
    found = temperature.fit_temperature((true * honest).astype(np.float32), labels)
    assert found == pytest.approx(true, rel=0.02)  # four standard errors
    after = temperature.probabilities(true * honest, found)
    assert temperature.expected_calibration_error(after, labels) < 0.01
    if true > 1.0:
        before = temperature.probabilities(true * honest, 1.0)
        assert temperature.expected_calibration_error(before, labels) > 0.1


def test_a_model_that_is_always_right_gets_the_lowest_temperature():
    logits = np.array([[3.0, 0.0], [0.0, 1.0]])
    found = temperature.fit_temperature(logits, np.array([0, 1]))
    assert found == pytest.approx(temperature.TEMPERATURES[0], rel=1e-2)


def test_calibration_error_by_hand():
    """Two bins: (0, 1/2] with 0.4 wrong; (1/2, 1] with 0.6 right, 0.8 right, 0.8 wrong."""
    probabilities = np.array([[0.4, 0.3, 0.3], [0.6, 0.2, 0.2], [0.1, 0.8, 0.1], [0.8, 0.1, 0.1]])
    labels = np.array([2, 0, 1, 1])
    by_hand = 1 / 4 * abs(0.0 - 0.4) + 3 / 4 * abs(2 / 3 - 2.2 / 3)
    found = temperature.expected_calibration_error(probabilities, labels, bins=2)
    assert found == pytest.approx(by_hand)


def test_a_probability_on_the_edge_of_two_bins_belongs_to_the_lower_one():
    """2/3 is in (1/3, 2/3] and 0.7 is not: |1 - 2/3| + |0 - 0.7| over two patterns."""
    probabilities = np.array([[2 / 3, 1 / 3], [0.7, 0.3]])
    found = temperature.expected_calibration_error(probabilities, np.array([0, 1]), bins=3)
    assert found == pytest.approx((1 / 3 + 0.7) / 2)


def test_energy_by_hand():
    logits = np.array([[0.0, math.log(3.0)], [1000.0, 1000.0]], np.float32)
    np.testing.assert_allclose(
        temperature.energies(logits), [math.log(4.0), 1000.0 + math.log(2.0)], rtol=1e-7
    )
