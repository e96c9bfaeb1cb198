import functools

import jax
import numpy as np
import pytest
from fake_data import load_data, make_networks

from sgan_jax import config as configuration
from sgan_jax.training import checkpoint, experiment, loop, train, writer


class Killed(BaseException):
    """Stands for a signal."""


def settings(method, **changes):
    config = configuration.base("bl", 50, method)
    config.train.batch_size = 1
    config.train.steps = 6
    config.train.eval_every_steps = 3
    config.train.log_every_steps = 2
    config.eval.batch_size = 1
    config.checkpoint.every_steps = 2
    config.update_from_flattened_dict({k.replace("__", "."): v for k, v in changes.items()})
    return config


def final(workdir):
    """Return the bits of the last state, the notes without the clock, and the metrics."""
    config = configuration.load(workdir / "config.json")
    data = load_data(config)
    like, _ = experiment.make_state_and_phases(config, data, total_steps=6, global_batch=8)
    with checkpoint.latest(workdir, keep=2) as latest:
        restored = latest.restore(like)
    del restored.notes["progress"]["seconds"]
    bits = [np.asarray(leaf).tobytes() for leaf in jax.tree.leaves(restored.state)]
    return bits, restored.notes, (workdir / "metrics.jsonl").read_text()


def run_settings(method):
    """Return the settings of a run of six steps; of pre-training, with all that can follow it."""
    if method != "pretrain":
        return settings(method)
    config = settings(method, pretrain__then="consistency", optim__average_decay=0.9)
    for name in config.strong:  # each would take its time to compile
        config.strong[name] = 0.02 if name == "strain" else 0.0
    return config


@pytest.mark.parametrize("networks", ["small", pytest.param("real", marks=pytest.mark.slow)])
@pytest.mark.parametrize("method", ["supervised", "sgan", "pretrain"])
def test_a_killed_run_ends_bit_identical_to_one_that_was_not(
    tmp_path, monkeypatch, method, networks
):
    monkeypatch.setattr(experiment, "load_data", load_data)
    if networks == "small":
        monkeypatch.setattr(experiment, "make_networks", make_networks)
    settings = functools.partial(run_settings, method)
    train.train(settings(), tmp_path / "whole")

    def killed_in_validation(self, state, before, evaluating):
        if self._progress.step == 3:
            raise Killed
        look(self, state, before, evaluating)

    look = loop.Loop._look
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(loop.Loop, "_look", killed_in_validation)
        train.train(settings(), tmp_path / "killed")
    train.train(settings(), tmp_path / "killed")
    assert final(tmp_path / "killed") == final(tmp_path / "whole")
    kinds = [line["kind"] for line in writer.read_metrics(tmp_path / "whole/metrics.jsonl")]
    assert kinds == ["train", "validation", "train", "train", "validation"]


def test_a_run_that_has_begun_keeps_its_configuration(tmp_path):
    configuration.save(settings("supervised"), tmp_path / "config.json")
    with checkpoint.best(tmp_path) as best:
        best.save(3, {"x": np.ones(2)}, {})
    changed = settings("supervised", seed=1, optim__learning_rate=1.0)
    with pytest.raises(ValueError, match=r"optim.learning_rate: 0.0001 -> 1.0; seed: 0 -> 1"):
        train.train(changed, tmp_path)


def test_a_run_that_has_not_begun_takes_any_configuration(tmp_path, monkeypatch):
    """Its data could not be read, say, and the user mends the path."""
    configuration.save(settings("supervised"), tmp_path / "config.json")
    monkeypatch.setattr(train, "_train", lambda *arguments: None)
    train.train(settings("supervised", seed=1), tmp_path)
    assert configuration.load(tmp_path / "config.json").seed == 1


def test_a_finished_run_is_not_trained_again(tmp_path, monkeypatch):
    config = settings("supervised")
    with checkpoint.latest(tmp_path, keep=2) as latest:
        latest.save(6, {"x": np.ones(2)}, {"progress": {"step": 6, "total": 6}})
    configuration.save(config, tmp_path / "config.json")
    monkeypatch.setattr(experiment, "load_data", lambda config: pytest.fail("trained again"))
    train.train(config, tmp_path)
