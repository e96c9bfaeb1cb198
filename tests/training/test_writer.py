import json

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
