import fake_data
import numpy as np
import pytest

from sgan_jax import config as configuration
from sgan_jax.training import experiment, methods


@pytest.fixture(autouse=True)
def small_networks(monkeypatch):
    monkeypatch.setattr(experiment, "make_networks", fake_data.make_networks)


def made(config, total_steps=10):
    data = fake_data.load_data(config)
    return experiment.make_state_and_phases(config, data, total_steps=total_steps, global_batch=8)


def test_most_methods_have_one_phase():
    _, phases = made(configuration.base("bl", 50, "supervised"))
    assert [phase.end for phase in phases] == [10]


def test_pretraining_takes_its_share_and_needs_one_for_each_phase():
    config = configuration.base("bl", 50, "pretrain")
    config.pretrain.fraction = 0.3
    start, phases = made(config)
    assert [phase.end for phase in phases] == [3, 10]
    assert start.projector is not None and start.pseudo_labels is None
    with pytest.raises(ValueError, match=r"pretrain.fraction 0.3 of 1 training steps"):
        made(config, total_steps=1)


def test_the_average_starts_as_the_parameters():
    config = configuration.base("bl", 50, "supervised")
    assert made(config)[0].average is None
    config.optim.average_decay = 0.99
    start, _ = made(config)
    assert start.average is start.params


def test_class_frequencies_are_never_zero():
    np.testing.assert_allclose(
        methods.class_frequencies(np.array([0, 3, 6])), np.array([1, 4, 7]) / 12, rtol=1e-6
    )


def test_batches_of_unlabelled_patterns_are_as_many_times_larger_as_asked_for():
    config = configuration.base("bl", 50, "consistency")
    config.train.unlabelled_ratio = 3
    assert experiment.batch_sizes(config, 8) == {"labelled": 8, "unlabelled": 24}
    supervised = configuration.base("bl", 50, "supervised")
    assert experiment.batch_sizes(supervised, 8) == {"labelled": 8}
