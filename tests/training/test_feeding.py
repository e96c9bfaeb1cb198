"""Patterns on the devices and patterns read from disk give the same batches and the same run."""

import time

import fake_data
import jax
import numpy as np
import pytest
from test_train import final, settings

from sgan_jax.training import experiment, feeding, parallel, train


class Disk:
    """An array that records which rows were read."""

    def __init__(self, patterns):
        self.patterns, self.shape, self.rows = patterns, patterns.shape, []

    def __getitem__(self, rows):
        self.rows += rows.tolist()
        return self.patterns[rows]


@pytest.fixture
def data():
    data = fake_data.load_data(settings("sgan"))
    patterns = Disk(data.dataset.patterns)
    return data._replace(dataset=type(data.dataset)(data.dataset.catalogue, patterns, None))


SIZES = {"labelled": 1, "unlabelled": 2}


def make_feed(data, device_bytes, total_steps=9):
    return experiment.make_feed(
        data, SIZES, seed=5, offset=0.5, device_bytes=device_bytes, total_steps=total_steps
    )


def gathered(feed, first_step, steps):
    """Return the batches that the devices make of a feed, [devices, steps, batch, ...]."""
    given, positions = feed.training(first_step, steps)
    batch = jax.vmap(parallel.gather_batch)(jax.device_get(given), positions)
    return jax.device_get(batch)


def test_both_ways_give_the_same_batches(data):
    resident, streamed = make_feed(data, 10**9), make_feed(data, 1)
    assert isinstance(resident, feeding.Resident) and isinstance(streamed, feeding.Streamed)
    for call in ((0, 2), (2, 2), (4, 3), (7, 2), (1, 1)):  # also calls that were not foreseen
        expected, got = gathered(resident, *call), gathered(streamed, *call)
        jax.tree.map(np.testing.assert_array_equal, got, expected)
        assert got["labelled"].shape == (8, call[1], 1, 3041)
        assert got["unlabelled"].shape == (8, call[1], 2, 3041)
    positions = np.tile(np.arange(1, dtype=np.int32), (8, 1))
    for feed in (resident, streamed):
        patterns, labels, here = feed.evaluation("validation", positions)
        taken = np.take_along_axis(np.asarray(labels), here, axis=1)[:, 0]
        wanted = np.resize(data.split.validation, 8)
        np.testing.assert_array_equal(taken, data.labels[wanted])
        seen = np.asarray(patterns)[np.arange(8), here[:, 0]]
        np.testing.assert_array_equal(seen, data.dataset.patterns[wanted] + np.float32(0.5))
    streamed.close()


def test_batches_are_read_ahead_and_none_after_the_last_step(data):
    feed = make_feed(data, 1, total_steps=5)
    patterns = data.dataset.patterns
    feed.training(0, 2)
    a_step = 8 * (1 + 2)
    for _ in range(100):
        if len(patterns.rows) == 5 * a_step:
            break
        time.sleep(0.05)
    assert len(patterns.rows) == 5 * a_step
    feed.training(2, 2), feed.training(4, 1)
    feed.close()
    assert len(patterns.rows) == 5 * a_step


def test_an_error_of_the_disk_comes_out(data, monkeypatch):
    def gone(self, rows):
        raise OSError("the disk is gone")

    feed = make_feed(data, 1)
    monkeypatch.setattr(Disk, "__getitem__", gone)
    with pytest.raises(OSError, match="the disk is gone"):
        feed.training(0, 1)
    feed.close()


@pytest.mark.parametrize("method", ["supervised", "sgan"])
def test_both_ways_train_the_same_parameters_bit_for_bit(tmp_path, monkeypatch, method):
    monkeypatch.setattr(experiment, "load_data", fake_data.load_data)
    monkeypatch.setattr(experiment, "make_networks", fake_data.make_networks)
    ends = []
    for device_bytes in (10**9, 1):
        workdir = tmp_path / str(device_bytes)
        train.train(
            settings(method, data__device_bytes=device_bytes, train__steps_per_call=2), workdir
        )
        bits, notes, metrics = final(workdir)
        del notes["config"]
        ends.append((bits, notes, metrics))
    assert ends[0] == ends[1]


def test_what_a_device_holds_decides(data, monkeypatch):
    # Eight devices share each part; of the unlabelled part, each takes two at a time.
    parts = {name: len(part) for name, part in data.split._asdict().items()}
    assert parts["validation"] <= 8
    a_device = -(-parts["labelled"] // 8) + 2 * -(-parts["unlabelled"] // 16) + 1
    needed = a_device * 3041 * 4
    assert isinstance(make_feed(data, needed), feeding.Resident)
    assert isinstance(make_feed(data, needed - 1), feeding.Streamed)
    assert isinstance(make_feed(data, 0), feeding.Resident)
    monkeypatch.setattr(feeding, "available_bytes", lambda device: needed - 1)
    assert isinstance(make_feed(data, 0), feeding.Streamed)
