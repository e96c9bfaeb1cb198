import contextlib
import dataclasses
import functools
import shutil

import jax
import numpy as np
import pytest
from fake_data import load_data, make_networks

from sgan_jax import config as configuration
from sgan_jax.training import (
    checkpoint,
    experiment,
    loop,
    parallel,
    resume,
    train,
    workdir,
    writer,
)


class Killed(BaseException):
    """Stands in for a signal."""


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
    """Return the settings of a run of six steps; for pre-training, with all that can follow it."""
    if method != "pretrain":
        return settings(method)
    config = settings(method, pretrain__then="consistency", optim__average_decay=0.9)
    for name in config.strong:  # each would take time to compile
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

    def killed_in_validation(self, state, **what):
        if self._progress.step == 3:
            raise Killed
        return look(self, state, **what)

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
    """Its data could not be read, say, and the user corrects the path."""
    configuration.save(settings("supervised"), tmp_path / "config.json")
    monkeypatch.setattr(train, "_train", lambda *arguments: None)
    train.train(settings("supervised", seed=1), tmp_path)
    assert configuration.load(tmp_path / "config.json").seed == 1


def test_a_finished_run_is_not_trained_again(tmp_path, monkeypatch):
    config = settings("supervised")
    with checkpoint.latest(tmp_path, keep=2) as latest:
        progress = loop.Progress(step=6, total=6)
        latest.save(6, {"x": np.ones(2)}, {"progress": dataclasses.asdict(progress)})
    configuration.save(config, tmp_path / "config.json")
    monkeypatch.setattr(experiment, "load_data", lambda config: pytest.fail("trained again"))
    train.train(config, tmp_path)


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(experiment, "load_data", load_data)
    monkeypatch.setattr(experiment, "make_networks", make_networks)


def cut_off(run, kind, step):
    """Cut the end off the arrays of a checkpoint."""
    files = (run / "checkpoints" / kind / str(step) / "state").rglob("*")
    largest = max((path for path in files if path.is_file()), key=lambda path: path.stat().st_size)
    largest.write_bytes(largest.read_bytes()[:-100])


def test_a_run_notes_the_devices_that_it_is_resumed_on(tmp_path, small, monkeypatch):
    look = loop.Loop._look
    for devices, last in (("1 x cpu", 2), ("8 x H200", 4), ("8 x H200", None)):

        def killed(self, state, last=last, **what):
            if self._progress.step == last:
                raise Killed
            return look(self, state, **what)

        monkeypatch.setattr(parallel, "describe_devices", lambda devices=devices: devices)
        monkeypatch.setattr(loop.Loop, "_look", killed)
        with contextlib.nullcontext() if last is None else pytest.raises(Killed):
            train.train(settings("supervised", train__eval_every_steps=1), tmp_path)
    assert final(tmp_path)[1]["progress"]["devices"] == ["1 x cpu", "8 x H200"]


def test_from_before_a_damaged_checkpoint_it_ends_like_a_run_without_one(tmp_path, small, caplog):
    train.train(settings("supervised"), tmp_path / "whole")
    shutil.copytree(tmp_path / "whole", tmp_path / "damaged")
    cut_off(tmp_path / "damaged", "latest", 6)
    train.train(settings("supervised"), tmp_path / "damaged")
    assert "latest/6 is damaged" in caplog.text
    assert "using the newest intact checkpoint, of step 5" in caplog.text
    assert final(tmp_path / "damaged") == final(tmp_path / "whole")

    for step in (5, 6):
        cut_off(tmp_path / "damaged", "latest", step)
    before = sorted((tmp_path / "damaged").rglob("*"))
    with pytest.raises(checkpoint.DamagedError, match=r"all checkpoints in .*latest are damaged"):
        train.train(settings("supervised"), tmp_path / "damaged")
    assert sorted((tmp_path / "damaged").rglob("*")) == before


@pytest.mark.parametrize(("damaged", "best"), [([9], 5), ([5, 9], 0)])
def test_of_a_damaged_best_checkpoint_the_one_before_is_the_best(tmp_path, damaged, best):
    with checkpoint.best(tmp_path) as checkpoints:
        for step in (5, 9):
            progress = loop.Progress(step=step, best_step=step, best_accuracy=step / 10)
            checkpoints.save(step, {"x": np.ones(999)}, {"progress": dataclasses.asdict(progress)})
    for step in damaged:
        cut_off(tmp_path, "best", step)
    progress = loop.Progress(step=10, best_step=9, best_accuracy=0.9)
    with checkpoint.best(tmp_path) as checkpoints:
        resume.compare_best(progress, checkpoints)
    assert (progress.best_step, progress.best_accuracy) == (best, best / 10 or -1)


def test_a_second_run_in_a_workdir_is_refused(tmp_path):
    with (
        workdir.held(tmp_path),
        pytest.raises(workdir.WorkdirError, match="is in use by process"),
    ):
        train.train(settings("supervised"), tmp_path)


@pytest.mark.filterwarnings(  # the ends of orbax's writes, for which it no longer waits
    "ignore:Exception ignored in. None:pytest.PytestUnraisableExceptionWarning"
)
def test_a_workdir_that_vanishes_ends_the_run(tmp_path, small, monkeypatch):
    run = tmp_path / "run"

    def vanish(self, state, **what):
        if self._progress.step == 4:
            self._outlets.best.wait()  # else their writes would recreate the folder
            self._outlets.latest.wait()
            run.rename(tmp_path / "elsewhere")
        return look(self, state, **what)

    look = loop.Loop._look
    monkeypatch.setattr(loop.Loop, "_look", vanish)
    with pytest.raises(workdir.WorkdirError, match=f"{run} has vanished"):
        train.train(settings("supervised"), run)
    assert not list(run.glob("checkpoints/*/[0-9]"))
    with checkpoint.latest(tmp_path / "elsewhere", keep=2, read_only=True) as latest:
        assert latest.notes()["progress"]["step"] == 3
