import json
import struct

import pytest
from tensorboardX.proto import event_pb2

from sgan_jax.training import writer


def write(workdir, steps, *, first_step=0):
    metrics = writer.MetricsWriter(workdir, first_step=first_step, total_steps=10)
    for step in steps:
        metrics.write(step, "train", {"loss": 1 / step}, samples_per_second=step * 1.5)
        metrics.progress(step)
    metrics.close()


def test_lines_of_a_run(tmp_path):
    write(tmp_path, [2, 4])
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert lines == [
        {"step": 2, "kind": "train", "loss": 0.5},
        {"step": 4, "kind": "train", "loss": 0.25},
    ]
    assert list((tmp_path / "tensorboard").iterdir())


def test_a_killed_and_continued_run_writes_the_same_file(tmp_path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    whole.mkdir(), killed.mkdir()
    write(whole, [2, 4, 6, 8, 10])
    write(killed, [2, 4, 6, 8])  # its last checkpoint was that of step 5
    with (killed / "metrics.jsonl").open("a") as file:
        file.write('{"step": 10, "ki')  # cut short by the kill
    write(killed, [6, 8, 10], first_step=5)
    assert (killed / "metrics.jsonl").read_bytes() == (whole / "metrics.jsonl").read_bytes()


def test_read_metrics_leaves_out_a_line_cut_short(tmp_path):
    path = tmp_path / "metrics.jsonl"
    assert writer.read_metrics(path) == []
    path.write_text('{"step": 1}\n{"st')
    assert writer.read_metrics(path) == [{"step": 1}]


def test_tensorboard_files_hold_the_numbers(tmp_path):
    write(tmp_path, [2, 4])
    write(tmp_path, [4, 6], first_step=2)
    scalars, hidden_from = [], []
    for path in sorted((tmp_path / "tensorboard").iterdir()):
        content = path.read_bytes()
        while content:  # length, its checksum, an event, its checksum
            (length,) = struct.unpack("<Q", content[:8])
            event = event_pb2.Event.FromString(content[12 : 12 + length])
            content = content[16 + length :]
            scalars += [(event.step, v.tag, v.simple_value) for v in event.summary.value]
            hidden_from += [event.step] if event.HasField("session_log") else []
    losses = [(step, value) for step, tag, value in scalars if tag == "train/loss"]
    assert losses == [(2, 0.5), (4, 0.25), (4, 0.25), (6, pytest.approx(1 / 6))]
    assert {tag for _, tag, _ in scalars} == {"train/loss", "train/samples_per_second"}
    assert hidden_from == [3]
