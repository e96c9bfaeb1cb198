"""Means and deviations calculated by hand; what is missing is stated; folders as in practice."""

import csv
import hashlib
import html.parser
import json
import math

import numpy as np
import pytest

from sgan_jax import config as configuration
from sgan_jax.evaluation import compare, comparison_page, run_folder
from sgan_jax.training import checkpoint

NUMBERS = ("top1_mean", "top1_std", "top5_mean", "top5_std")


def settings(task="bl", percent=5, method="sgan", seed=0, **changes):
    config = configuration.base(task, percent, method)
    config.seed = seed
    config.update_from_flattened_dict({k.replace("__", "."): v for k, v in changes.items()})
    return config


def run(name, top1, *, step=100, **fields):
    flat = configuration.flatten(settings(**fields))
    return compare.Run(name, flat, step, top1, None if top1 is None else min(1.0, top1 + 0.1))


def test_mean_and_deviation_by_hand():
    runs = [run(f"r{seed}", top1, seed=seed) for seed, top1 in enumerate((0.6, 0.7, 0.8))]
    (cell,) = compare.compare(runs).cells
    mean, deviation = cell.mean_and_deviation("top1")
    assert mean == pytest.approx(0.7)
    assert deviation == pytest.approx(0.1)  # √((0.01 + 0 + 0.01) / 2)
    assert cell.mean_and_deviation("top5") == (pytest.approx(0.8), pytest.approx(0.1))
    assert compare.cell_text(cell) == "70.0 ± 10.0 (3)"
    two = compare.compare(runs[:2]).cells[0]
    assert two.mean_and_deviation("top1")[1] == pytest.approx(0.05 * math.sqrt(2))
    one = compare.compare(runs[:1]).cells[0]
    assert one.mean_and_deviation("top1") == (0.6, None)
    assert compare.cell_text(one) == "60.0 (1)"


def test_table_says_what_is_not_run_and_what_is_not_finished():
    runs = [
        run("a", 0.7, percent=5, seed=0),
        run("b", 0.8, percent=5, seed=1),
        run("c", None, percent=5, seed=2),
        run("d", 0.6, percent=5, method="supervised"),
        run("e", None, percent=50, method="supervised"),
        run("f", 0.5, task="sg", percent=10),
    ]
    assert compare.table(compare.compare(runs)) == [
        ["task", "method", "5 %", "10 %", "50 %"],
        ["Bravais lattices", "sgan", "75.0 ± 7.1 (2 of 3)", "not run", "not run"],
        ["Bravais lattices", "supervised", "60.0 (1)", "not run", "unfinished (0 of 1)"],
        ["space groups", "sgan", "not run", "50.0 (1)", "not run"],
    ]


def test_whatever_differs_but_the_seed_is_another_cell():
    runs = [
        run("a", 0.7, model__dropout=0.1),
        run("b", 0.8, model__dropout=0.3),
        run("c", 0.9, model__dropout=0.3, seed=1),
    ]
    comparison = compare.compare(runs)
    assert comparison.fields == (*compare.AXES, "model.dropout")
    lines = {line.label: line.cells[5] for line in compare.lines(comparison)}
    assert {label: len(cell.finished) for label, cell in lines.items()} == {
        "sgan, model.dropout=0.1": 1,
        "sgan, model.dropout=0.3": 2,
    }


def test_what_the_method_decides_is_in_the_csv_and_not_in_the_label():
    runs = [run("a", 0.7), run("b", 0.6, method="supervised")]
    comparison = compare.compare(runs)
    assert [line.label for line in compare.lines(comparison)] == ["sgan", "supervised"]
    header, *rows = compare.csv_rows(comparison)
    learning_rates = [dict(zip(header, row, strict=True))["optim.learning_rate"] for row in rows]
    assert learning_rates == [5e-6, 1e-4]  # Table 2


def test_a_table_of_each_cell_makes_no_line_of_each_cell():
    def of(percent, table, top1):
        changes = {"data__source": "cif+synthetic", "data__synthetic_statistics": table}
        return run(f"{table} {percent}", top1, percent=percent, **changes)

    runs = [run("alone", 0.5), of(5, "bl_05.npz", 0.6), of(10, "bl_10.npz", 0.7)]
    lines = {line.label: line.cells for line in compare.lines(compare.compare(runs))}
    assert lines.keys() == {"sgan, data.source=synthetic", "sgan, data.source=cif+synthetic"}
    assert set(lines["sgan, data.source=cif+synthetic"]) == {5, 10}
    # Two tables in one cell have to be told apart.
    runs.append(of(5, "other.npz", 0.8))
    labels = [line.label for line in compare.lines(compare.compare(runs))]
    assert sum("other.npz" in label for label in labels) == 1


def test_where_data_sets_lie_makes_no_difference():
    (cell,) = compare.compare([run("a", 0.7), run("b", 0.8, seed=1, data__dir="/elsewhere")]).cells
    assert len(cell.finished) == 2


def test_a_run_that_is_there_twice_counts_once():
    runs = [run("new/x", None, step=7), run("old/x", 0.7), run("older/x", 0.7)]
    comparison = compare.compare(runs)
    (cell,) = comparison.cells
    assert [each.name for each in cell.finished] == ["old/x"]
    assert cell.unfinished == ()
    assert comparison.repeated == (("new/x", "old/x"), ("older/x", "old/x"))
    further = compare.compare([run("a", None, step=7), run("b", None, step=8)])
    assert further.cells[0].unfinished[0].name == "b"


def test_csv_by_hand():
    runs = [run("a", 0.6, seed=3), run("b", 0.8, seed=1), run("c", None, seed=2)]
    assert compare.csv_rows(compare.compare(runs)) == [
        [*compare.AXES, "seeds", "finished", "begun", *NUMBERS],
        ["bl", 5, "sgan", "1 3", 2, 3, 0.7, 0.141421, 0.8, 0.141421],
    ]


def write_run(folder, *, step=100, top1=None, **fields):
    """Write what a run leaves; test_metrics.json where `top1` is given."""
    folder.mkdir(parents=True, exist_ok=True)
    config = settings(**fields)
    configuration.save(config, folder / "config.json")
    lines = [json.dumps({"step": s, "kind": "train", "loss": 1.0}) for s in range(1, step + 1)]
    (folder / "metrics.jsonl").write_text("\n".join(lines) + "\n" if lines else "")
    if top1 is not None:
        measured = {
            "steps": step,
            "top1": top1,
            "top5": 0.9,
            "config_hash": configuration.config_hash(config),
        }
        (folder / "test_metrics.json").write_text(json.dumps(measured))


def test_runs_are_found_however_deep_and_linked(tmp_path):
    write_run(tmp_path / "demo", top1=0.5)
    write_run(tmp_path / "sweeps/a/x", top1=0.5)
    write_run(tmp_path / "sweeps/b/x", top1=0.5)
    (tmp_path / "demo/checkpoints").mkdir()
    (tmp_path / "demo/checkpoints/config.json").write_text("{}")
    (tmp_path / "sweeps/b/again").symlink_to(tmp_path / "sweeps")  # a loop
    found = [path.relative_to(tmp_path).as_posix() for path in run_folder.find(tmp_path)]
    assert found == ["demo", "sweeps/a/x", "sweeps/b/x"]
    assert list(run_folder.find(tmp_path / "demo")) == [tmp_path / "demo"]


def test_a_run_is_finished_when_all_its_steps_are_evaluated(tmp_path):
    write_run(tmp_path / "whole", top1=0.5)
    write_run(tmp_path / "begun", step=7)
    write_run(tmp_path / "other", top1=0.5, seed=1)
    (tmp_path / "other/test_metrics.json").write_bytes(
        (tmp_path / "whole/test_metrics.json").read_bytes()  # of another configuration
    )
    write_run(tmp_path / "cut", top1=0.5)
    (tmp_path / "cut/test_metrics.json").write_text('{"steps": 1')
    finished = {path.name: run_folder.read(path).metrics is not None for path in tmp_path.iterdir()}
    assert finished == dict(whole=True, begun=False, other=False, cut=False)
    assert run_folder.read(tmp_path) is None


@pytest.mark.parametrize(("step", "finished"), [(50, False), (100, True)])
def test_a_run_evaluated_on_its_way_is_not_finished(tmp_path, step, finished):
    write_run(tmp_path, top1=0.4, step=step)
    assert run_folder.read(tmp_path).metrics is not None  # its checkpoints were cleared away
    notes = {"progress": {"step": step, "total": 100}}
    with checkpoint.latest(tmp_path, keep=1) as latest:
        latest.save(step, {"x": np.zeros(1)}, notes)
    assert run_folder.total_steps(tmp_path) == 100
    assert (run_folder.read(tmp_path).metrics is not None) == finished


def test_a_run_of_an_older_program_is_still_finished(tmp_path):
    """It has fewer settings, and its hash covers only those."""
    write_run(tmp_path / "old", top1=0.5)
    saved = json.loads((tmp_path / "old/config.json").read_text())
    del saved["augment"]
    (tmp_path / "old/config.json").write_text(json.dumps(saved))
    fields = configuration.flatten(settings())
    kept = {k: v for k, v in fields.items() if not k.startswith("augment.")}
    metrics = json.loads((tmp_path / "old/test_metrics.json").read_text())
    metrics["config_hash"] = _hash(kept)
    (tmp_path / "old/test_metrics.json").write_text(json.dumps(metrics))
    assert run_folder.read(tmp_path / "old").metrics == metrics


def _hash(fields):
    fields = {k: v for k, v in fields.items() if k not in configuration.HARMLESS}
    return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()[:16]


@pytest.mark.parametrize(
    ("text", "step"),
    [
        ("", 0),
        ('{"step": 3}\n{"step": 12}\n', 12),
        ('{"step": 3}\n{"step": 1', 3),
        ('{"ste', 0),
        ('{"step": 3, "x": "' + 9000 * "y" + '"}\n{"step": 4}\n', 4),
    ],
)
def test_last_step_is_that_of_the_last_whole_line(tmp_path, text, step):
    (tmp_path / "metrics.jsonl").write_text(text)
    assert run_folder.last_step(tmp_path) == step


def test_no_file_is_no_step(tmp_path):
    assert run_folder.last_step(tmp_path) == 0


class Links(html.parser.HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.open, self.links, self.images = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        if tag not in ("meta", "img"):
            self.open.append(tag)
        self.links += [value for name, value in attrs if name == "href"]
        self.images += [value for name, value in attrs if name == "src"]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_two_sweeps_in_one_folder_become_one_comparison(tmp_path, caplog):
    for seed, top1 in enumerate((0.6, 0.7)):
        write_run(tmp_path / f"a/sgan_{seed}", top1=top1, seed=seed)
        write_run(tmp_path / f"b/sup_{seed}", top1=top1 - 0.1, method="supervised", seed=seed)
    write_run(tmp_path / "b/<late>", step=12, seed=2)
    write_run(tmp_path / "broken")
    (tmp_path / "broken/config.json").write_text('{"task"')
    said = comparison_page.write_comparison(tmp_path)
    assert "| Bravais lattices | sgan       | 65.0 ± 7.1 (2 of 3) |" in said
    assert "| Bravais lattices | supervised | 55.0 ± 7.1 (2)      |" in said
    assert (tmp_path / "comparison.md").read_text() == said
    with (tmp_path / "comparison.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["method"], row["top1_mean"], row["seeds"]) for row in rows] == [
        ("sgan", "0.65", "0 1"),
        ("supervised", "0.55", "0 1"),
    ]
    assert (tmp_path / "comparison.png").read_bytes().startswith(b"\x89PNG")
    text = (tmp_path / "comparison.html").read_text()
    page = Links(text)
    assert page.open == []
    assert all(image.startswith("data:image/svg+xml;base64,") for image in page.images)
    assert page.links == [
        f"{name}/report.html" for name in ("a/sgan_0", "a/sgan_1", "b/sup_0", "b/sup_1")
    ]
    assert "b/&lt;late&gt;" in text
    assert "broken/config.json cannot be read" in text
    assert not list(tmp_path.glob("*.partial"))
    assert comparison_page.write_comparison(tmp_path) == said  # its own files are no runs


def test_a_folder_without_runs_is_a_users_mistake(tmp_path):
    with pytest.raises(ValueError, match="holds no run"):
        comparison_page.write_comparison(tmp_path)
    with pytest.raises(ValueError, match="holds no run"):
        comparison_page.write_comparison(tmp_path / "nowhere")
