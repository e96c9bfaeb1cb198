"""The page: well formed, self-contained, and with the numbers it was given."""

import html.parser
import re

import numpy as np
import pytest

from sgan_jax import symmetry
from sgan_jax.evaluation import page, report, results

TWO_THETA = 3 + 0.05 * np.arange(301)


def contents(task="bl", generated=False, history=True, examples=300, **changes):
    rng = np.random.default_rng(0)
    classes = symmetry.class_list(task, "paper", np.zeros(0, int), 50)
    names = symmetry.class_names(task, classes)
    labels = rng.integers(1, len(names), examples)  # class 0 has no test examples
    logits = rng.normal(size=(examples, len(names))).astype(np.float32)
    logits[np.arange(examples), labels] += 2
    metrics = results.split_metrics(
        logits,
        labels,
        class_names=names,
        task=task,
        method="sgan" if generated else "supervised",
        split="random",
        labelled_fraction=0.05,
        seed=0,
        steps=100,
        seconds=3725.0,
        devices=["1 x cpu"],
        config_hash="c0ffee",
        params_sha256="f" * 64,
    )
    patterns = rng.uniform(size=(5, len(TWO_THETA)))
    counts = np.bincount(labels, minlength=len(names))
    lines = [
        {"step": s, "kind": kind, "loss": 1 / s, "accuracy": 0.5, "d_unlabelled": 0.7}
        for s in range(1, 101)
        for kind in ("train", "validation")
    ]
    values = {
        "title": "A <title> & more",
        "metrics": metrics,
        "history": lines if history else [],
        "best_step": 50,
        "config": {"seed": 1, "data.cif_path": "", "instrument.u": None},
        "reference_config": {"seed": 0, "data.cif_path": "", "instrument.u": None},
        "class_counts": {"labelled": counts, "unlabelled": 0 * counts, "test": counts},
        "two_theta_deg": TWO_THETA,
        "examples": [("cubic (F)", "NaCl <1>", patterns[0])],
        "generated": patterns[:2] if generated else None,
        "real": patterns,
        "facts": [("instrument", "nist2022")],
    }
    return report.Contents(**{**values, **changes})


class Page(html.parser.HTMLParser):
    VOID = ("meta", "img", "br", "link", "input", "hr")

    def __init__(self, path):
        super().__init__()
        self.open, self.sources, self.headings, self.text = [], [], [], []
        self.feed(path.read_text(encoding="utf-8"))
        self.text = " ".join(self.text)

    def handle_starttag(self, tag, attrs):
        self.sources += [value for name, value in attrs if name in ("src", "href")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] == "h2":
            self.headings.append(data)
        self.text.append(" ".join(data.split()))


@pytest.mark.parametrize(("task", "generated"), [("bl", True), ("sg", False)])
def test_page_is_well_formed_and_needs_nothing_else(tmp_path, task, generated):
    made = contents(task, generated)
    report.write_report(tmp_path / "report.html", made)
    page = Page(tmp_path / "report.html")
    assert page.open == []
    assert page.sources
    assert all(source.startswith("data:image/svg+xml;base64,") for source in page.sources)
    assert "@import" not in page.text
    assert not re.search(r"url\(", page.text)
    assert ("Generated patterns" in page.headings) == generated
    assert "A <title> & more" in page.text  # escaped, so read back as it was
    assert f"{100 * made.metrics['top1']:.1f} %" in page.text
    assert "f" * 64 in page.text
    assert "1 h 02 min" in page.text
    for name in made.metrics["classes"]:
        assert name in page.text
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


def test_the_same_contents_give_the_same_bytes(tmp_path):
    for name in ("a.html", "b.html"):
        report.write_report(tmp_path / name, contents())
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()


def test_a_run_without_history_or_examples_has_a_page(tmp_path):
    bare = contents(history=False, examples=0, best_step=None, facts=[])
    report.write_report(tmp_path / "report.html", bare)
    assert "Learning curves" not in Page(tmp_path / "report.html").headings


def test_most_confused_by_hand():
    confusion = np.array([[5, 3, 0], [1, 4, 0], [0, 3, 0]])
    pairs = report.most_confused(confusion, ["a", "b", "c"], 2)
    assert pairs == [
        {"true": "a", "predicted": "b", "count": 3, "share": 3 / 8},
        {"true": "c", "predicted": "b", "count": 3, "share": 1.0},
    ]
    assert len(report.most_confused(confusion, ["a", "b", "c"], 9)) == 3


def test_class_rows_by_hand():
    confusion = np.array([[5, 3, 0], [1, 4, 0], [0, 0, 0]])
    rows = report.class_rows(confusion, ["a", "b", "c"], [5 / 8, 4 / 5, None])
    assert [row["precision"] for row in rows] == [5 / 6, 4 / 7, None]
    assert [row["mistaken_for"] for row in rows] == ["b", "a", ""]
    assert report.majority_share(confusion) == 8 / 13


@pytest.mark.parametrize(("accuracy", "examples"), [(0.5, 100), (0.9, 4635), (1.0, 20)])
def test_margin_is_half_of_scipys_wilson_interval(accuracy, examples):
    stats = pytest.importorskip("scipy.stats")
    interval = stats.binomtest(round(accuracy * examples), examples).proportion_ci(method="wilson")
    margin = report.accuracy_margin(round(accuracy * examples) / examples, examples)
    assert margin == pytest.approx((interval.high - interval.low) / 2, rel=1e-3)


def test_only_what_differs_is_marked():
    rows = report.config_rows({"a": 1, "b": "x", "c": None}, {"a": 2, "b": "x", "c": None})
    assert rows == [
        {"field": "a", "value": "1", "reference": "2"},
        {"field": "b", "value": "x", "reference": None},
    ]


def test_a_generated_pattern_stands_above_the_most_similar_real_one():
    peaks = np.eye(4, 301)
    pictures = report.generated_pictures(TWO_THETA, peaks[[2]], peaks)
    expected = report.generated_pictures(TWO_THETA, peaks[[2]], peaks[[2]])
    assert pictures == expected
    assert report.generated_pictures(TWO_THETA, None, peaks) == []


@pytest.mark.parametrize(
    ("seconds", "text"), [(4.2, "4 s"), (130, "2 min"), (3599, "1 h 00 min"), (7500, "2 h 05 min")]
)
def test_durations_in_words(seconds, text):
    assert page.duration(seconds) == text
