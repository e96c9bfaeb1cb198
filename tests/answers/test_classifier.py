import dataclasses

import made_up
import numpy as np
import pytest
from matplotlib.figure import Figure

from sgan_jax import symmetry
from sgan_jax.measured.pattern import PatternError
from sgan_jax.training.distortions.intensity import MISSING


@pytest.fixture(scope="module")
def classifier():
    return made_up.classifier()


def network(model, patterns):
    return np.asarray(model.model.apply({"params": model.params}, patterns, train=False).logits)


@pytest.mark.parametrize("count", [0, 1, 8, 19])
def test_logits_are_those_of_the_network(classifier, count):
    patterns = np.random.default_rng(0).uniform(size=(count, 3041)).astype(np.float32)
    found = classifier.logits(patterns)
    assert found.shape == (count, 144) and found.dtype == np.float32
    if count:
        np.testing.assert_allclose(found, network(classifier, patterns), atol=1e-4)


def test_patterns_of_another_grid_are_an_error(classifier):
    with pytest.raises(ValueError, match=r"\(2, 3000\); give \[B, 3041\]"):
        classifier.logits(np.zeros((2, 3000), np.float32))


def test_an_answer_is_what_the_network_says_of_what_it_sees():
    classifier = made_up.classifier(offset=1e-3)
    measured = made_up.measure()
    answer = classifier.answer(measured)
    seen = np.where(answer.seen.inside, answer.seen.intensity, MISSING) + 1e-3
    assert not answer.seen.inside.all()  # D1A ends before the model's grid does
    logits = network(classifier, seen[None].astype(np.float32))[0].astype(float) / 2.0
    weights = np.exp(logits - logits.max())
    expected = weights / weights.sum()
    assert dict(answer.ranking) == pytest.approx(
        dict(zip(classifier.class_names, expected, strict=True)), abs=1e-5
    )
    assert dict(answer.space_groups) == pytest.approx(
        dict(zip(classifier.classes, expected, strict=True)), abs=1e-5
    )
    assert answer.top(3) == answer.ranking[:3]
    assert [p for _, p in answer.ranking] == sorted((p for _, p in answer.ranking), reverse=True)
    # The quantile of scores 0, 0.005 ... 0.99 at 180 of 199 is 0.895; so classes from 0.105 on.
    by_hand = {name for name, p in answer.ranking if p >= 0.105} | {answer.ranking[0][0]}
    assert set(answer.prediction_set) == by_hand
    assert (answer.refused, answer.reason, answer.coverage) == (False, None, 0.9)
    assert (answer.file, answer.wavelength_angstrom) == ("d1a.xy", 1.909)
    assert answer.bravais[0][0] in answer.words


def test_lattices_extinction_groups_and_space_groups_do_not_contradict_each_other(classifier):
    answer = classifier.answer(made_up.measure())
    of_groups = dict(answer.space_groups)
    for lattice, probability in answer.bravais:
        inside = [p for n, p in of_groups.items() if symmetry.bravais_lattice(n) == lattice]
        assert sum(inside) == pytest.approx(probability, abs=1e-9)
    for _, numbers, probability in answer.extinction_groups:
        members = [of_groups.get(n, 0.0) for n in numbers]
        assert sum(members) == pytest.approx(probability, abs=1e-9)


def test_arrays_are_answered_for_as_the_file_is(classifier):
    measured = made_up.measure()
    from_file = classifier.answer(measured)
    answer = classifier.predict(
        measured.two_theta_deg[::-1], measured.intensity[::-1], wavelength_angstrom=1.909
    )
    assert answer.ranking == from_file.ranking and answer.file is None
    with pytest.raises(PatternError, match=r"the pattern: .*points"):
        classifier.predict([1.0, 2.0], [1.0, 2.0], wavelength_angstrom=1.5)


def test_many_answers_are_those_one_by_one(classifier):
    few = made_up.measure(made_up.D[:2], made_up.F_SQUARED[:2])
    blind = dataclasses.replace(made_up.measure(), wavelength_angstrom=9.9)
    many = [made_up.measure(seed=1), few, blind, made_up.measure(name="hb2a")] * 20
    answers = list(classifier.answer_many(iter(many)))
    assert [answer.measured for answer in answers] == many
    for measured, answer in zip(many[:4], answers[-4:], strict=True):
        alone = classifier.answer(measured)
        assert dict(answer.ranking) == pytest.approx(dict(alone.ranking), abs=1e-6)
        assert answer.reason == alone.reason
    assert [answer.refused for answer in answers[:4]] == [False, True, True, False]


def test_what_a_model_can_see_nothing_of_is_refused(classifier):
    answer = classifier.answer(dataclasses.replace(made_up.measure(), wavelength_angstrom=9.9))
    assert answer.refused and "Is the wavelength right?" in answer.reason
    assert answer.reason in answer.words.replace("No prediction is given. W", "w")
    assert (answer.bravais, answer.ranking, answer.prediction_set, answer.seen) == (
        [],
        [],
        [],
        None,
    )
    with pytest.raises(ValueError, match="cannot use the pattern"):
        answer.plot()


def test_the_wavelength_is_never_guessed(classifier):
    measured = dataclasses.replace(made_up.measure(), wavelength_angstrom=None)
    with pytest.raises(PatternError, match="wavelength is not in the file"):
        classifier.answer(measured)


def test_coverage(classifier):
    measured = made_up.measure()
    assert len(classifier.answer(measured, coverage=0.99).prediction_set) > 1
    assert len(classifier.answer(measured, coverage=0.2).prediction_set) == 1
    whole = classifier.answer(measured, coverage=0.999)  # 999 held-out patterns would be needed
    assert len(whole.prediction_set) == 144
    assert "199 patterns, too few for a coverage of 99.9 %" in whole.words
    with pytest.raises(ValueError, match=r"coverage 90 .* give 0\.9"):
        classifier.answer(measured, coverage=90)


def test_a_model_without_calibration_says_so():
    classifier = made_up.classifier("bl", calibrated=False)
    answer = classifier.answer(made_up.measure(), coverage=0.6)
    assert "not been calibrated" in answer.words and not answer.refused
    probabilities = dict(answer.ranking)
    inside = [probabilities[name] for name in answer.prediction_set]
    assert sum(inside[:-1]) < 0.6 <= sum(inside) + 1e-9
    assert (answer.space_groups, answer.extinction_groups) == ([], [])
    assert [name for name, _ in answer.bravais] == [name for name, _ in answer.ranking]


def test_the_picture(classifier):
    assert isinstance(classifier.answer(made_up.measure()).plot(), Figure)
