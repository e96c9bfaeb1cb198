"""A run that starts from another's weights has exactly these, and its own heads for its task."""

import jax
import numpy as np
import optax
import pytest
from fake_data import SmallDiscriminator, SmallGenerator, load_data, make_networks

from sgan_jax import config as configuration
from sgan_jax.training import checkpoint, experiment, integrity, state, train, warm_start

TASK, OTHER_TASK = {"name": "bl"}, {"name": "sg"}


def fresh(classes: int, seed: int, points: int = 200) -> state.ClassifierState:
    network = SmallDiscriminator(classes)
    return state.create_classifier_state(network, optax.sgd(0.1), seed=seed, points=points)


def leaves(one) -> dict[str, np.ndarray]:
    return integrity.leaves_by_name(state.classifier_params(one))


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Return the folder of a run of three classes, and its state."""
    folder, trained = tmp_path_factory.mktemp("run"), fresh(3, seed=1)
    with checkpoint.best(folder) as best:
        best.save(7, trained, {"config": {"task": TASK}})
    return folder, trained


def test_the_same_task_takes_every_array(run):
    folder, trained = run
    own = fresh(3, seed=2)
    own = own.replace(average=own.params)
    started = warm_start.from_run(own, folder, TASK)
    for name, leaf in leaves(trained).items():
        np.testing.assert_array_equal(leaves(started)[name], leaf)
    jax.tree.map(np.testing.assert_array_equal, started.average, started.params)
    assert started.step == 0


@pytest.mark.parametrize("classes", [3, 5])
def test_another_task_keeps_its_own_heads(run, classes):
    folder, trained = run
    own = fresh(classes, seed=2)
    started = leaves(warm_start.from_run(own, folder, OTHER_TASK))
    heads = {name for name in started if "head" in name}
    assert len(heads) == 2
    for name, leaf in started.items():
        source = leaves(own) if name in heads else leaves(trained)
        np.testing.assert_array_equal(leaf, source[name])


def test_a_discriminator_starts_from_a_classifier(run):
    folder, trained = run
    networks = SmallDiscriminator(3), SmallGenerator(200)
    own = state.create_sgan_state(
        *networks, state.Networks(optax.sgd(0.1), optax.sgd(0.1)), seed=2, points=200, latent=100
    )
    started = warm_start.from_run(own, folder, TASK)
    for name, leaf in leaves(trained).items():
        np.testing.assert_array_equal(leaves(started)[name], leaf)
    jax.tree.map(np.testing.assert_array_equal, started.params.generator, own.params.generator)


def test_another_network_and_no_run_are_errors(run, tmp_path):
    other = fresh(3, seed=2, points=300)
    with pytest.raises(
        ValueError, match=r"\(6, 8\) here and \(4, 8\) in .* same settings of `model`"
    ):
        warm_start.from_run(other, run[0], TASK)
    with pytest.raises(ValueError, match="which holds no checkpoint"):
        warm_start.from_run(other, tmp_path / "none", TASK)


def test_a_run_trains_on_from_the_best_checkpoint_of_another(tmp_path, monkeypatch):
    monkeypatch.setattr(experiment, "load_data", load_data)
    monkeypatch.setattr(experiment, "make_networks", make_networks)
    config = configuration.base("bl", 50, "supervised")
    config.train.batch_size, config.eval.batch_size, config.train.steps = 1, 1, 20
    config.optim.learning_rate = 1e-2
    train.train(config, tmp_path / "first")
    with checkpoint.best(tmp_path / "first", read_only=True) as best:
        expected = best.newest().state

    config.train.start_from, config.train.steps = str(tmp_path / "first"), 1
    config.optim.learning_rate = 1e-30
    train.train(config, tmp_path / "second")
    with checkpoint.latest(tmp_path / "second", keep=1, read_only=True) as latest:
        found = latest.newest().state
    for name in (name for name in expected if name.startswith("params/")):
        np.testing.assert_array_equal(found[name], expected[name])


def test_patterns_that_the_other_run_has_seen_may_not_be_tested_on(tmp_path):
    (tmp_path / "split.tsv").write_text("id\tpart\na\ttest\nb\tlabelled\nc\tunlabelled\n")
    warm_start.check_unseen(tmp_path, ["a", "of another data set"])
    for seen in "bc":
        with pytest.raises(ValueError, match=f"trained on 1 of this run.s test patterns.*{seen}"):
            warm_start.check_unseen(tmp_path, ["a", seen])
