import numpy as np
import pytest

from sgan_jax.evaluation import conformal


def test_sets_by_hand():
    """Ten patterns: for 80 % the ⌈11 · 0.8⌉ = 9th score counts, 0.8."""
    scores = np.arange(10)[::-1] / 10.0
    at_least = conformal.smallest_probability(scores, 0.8)
    assert at_least == pytest.approx(0.2)
    probabilities = np.array([[0.5, 0.3, 0.15, 0.05], [0.19, 0.27, 0.27, 0.27]])
    inside = conformal.prediction_sets(probabilities, at_least)
    assert inside.tolist() == [[True, True, False, False], [False, True, True, True]]
    found = conformal.scores(probabilities, np.array([2, 0]))
    np.testing.assert_allclose(found, [0.85, 0.81])


def test_the_best_class_is_in_every_set():
    inside = conformal.prediction_sets(np.array([[0.4, 0.6], [0.9, 0.1]]), 0.8)
    assert inside.tolist() == [[False, True], [True, False]]


@pytest.mark.parametrize(
    ("coverage", "least"), [(0.5, 1), (0.8, 4), (0.9, 9), (0.95, 19), (0.99, 99)]
)
def test_how_many_patterns_a_coverage_needs(coverage, least):
    """The required one of n + 1 exchangeable scores must be among the n: n >= c / (1 - c)."""
    assert conformal.is_enough(least, coverage)
    assert not conformal.is_enough(least - 1, coverage)
    assert conformal.smallest_probability(np.zeros(least - 1), coverage) == 0.0
    everything = conformal.prediction_sets(np.array([[1.0, 0.0]]), 0.0)
    assert everything.all()


@pytest.mark.parametrize("coverage", [0.0, 1.0, -0.1, 90.0, float("nan")])
def test_a_coverage_that_is_none_is_an_error(coverage):
    with pytest.raises(ValueError, match=r"give 0\.9 for 90 %"):
        conformal.smallest_probability(np.zeros(10), coverage)


@pytest.mark.parametrize(("held_out", "coverage"), [(19, 0.8), (50, 0.9), (99, 0.95)])
def test_exchangeable_patterns_are_covered_as_often_as_asked(held_out, coverage):
    """The coverage is ⌈(n + 1) c⌉ / (n + 1) for any model: this one's probabilities are random."""
    random = np.random.default_rng(held_out)
    trials, classes = 4000, 30
    covered = 0
    for _ in range(trials):
        probabilities = random.dirichlet(np.full(classes, 0.3), held_out + 1)
        labels = random.choice(classes, held_out + 1, p=np.arange(classes) / 435.0)
        at_least = conformal.smallest_probability(
            conformal.scores(probabilities[1:], labels[1:]), coverage
        )
        covered += conformal.prediction_sets(probabilities[:1], at_least)[0, labels[0]]
    exact = np.ceil((held_out + 1) * coverage - 1e-9) / (held_out + 1)
    error = np.sqrt(exact * (1 - exact) / trials)
    assert exact - 4 * error < covered / trials < exact + 4 * error
