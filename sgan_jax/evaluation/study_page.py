"""docs/STUDY.md and README's first table: numbers and figures from the records in docs/study/."""

import pathlib
import statistics
from collections.abc import Mapping

import numpy as np

from sgan_jax.evaluation import accuracy_figure, class_figures, study, study_generators
from sgan_jax.study_rows import ROWS

PERCENTS = (5, 10, 25, 50)
MOST = 90  # %; supervised training only, as nothing is left unlabelled
TITLES_OF_ROWS = {name: row.title for name, row in ROWS.items()}
TITLES = {"bl": "Bravais lattices", "sg": "space groups"}
PAPER = {  # Table 4 of the paper, %
    ("bl", "supervised"): (61, 68, 76, 82),
    ("bl", "SGAN"): (70, 74, 80, 85),
    ("sg", "supervised"): (54, 61, 68, 75),
    ("sg", "SGAN"): (60, 65, 72, 78),
}
PAPER_MOST = {"bl": "88", "sg": "80.6"}  # %, of the paper, supervised
SEEDS = 3  # per cell, at least, for a final verdict
# README's table: its rows, and the columns to show once they have runs.
FIRST_ROWS = (
    *("supervised", "augmented", "sgan", "sgan_noise", "sgan_noise_no_dropout"),
    *("synthetic", "synthetic_40000"),
)
FIRST_COLUMNS = (("bl", "random", 5), ("bl", "random", 10), ("sg", "random", 5))
_SGANS = ("sgan", "sgan_noise", "sgan_noise_no_dropout")
# Success criteria: (task, percent, row that should be better, other row, by how many points).
BARS = (
    *(("bl", 5, row, "supervised", 3) for row in _SGANS),
    *(("bl", 5, "best", row, 3) for row in _SGANS),
    ("bl", 5, "best", "augmented", 2),
    ("bl", 5, "augmented", "sgan", 3),
    *(("bl", 10, "best", row, 2) for row in _SGANS),
    *(("sg", 5, row, "supervised", 0) for row in _SGANS),
    *(("sg", 5, "best", row, 0) for row in _SGANS),
    ("sg", 5, "best", "augmented", 0),
)


def write(readme: pathlib.Path, docs: pathlib.Path) -> int:
    """Write the page, its figures and README's table; return the number of runs in the cells."""
    cells = study.read(docs / "study")
    path = docs / "STUDY.md"
    page = path.read_text()
    for split in ("random", "structure_type"):
        columns = [(task, split, percent) for task in ("bl", "sg") for percent in PERCENTS]
        page = study.fill(page, f"{split} table", study.table(cells, TITLES_OF_ROWS, columns))
    page = study.fill(page, "paper table", paper_table(cells))
    page = study.fill(page, "most table", most_labelled_table(cells))
    page = study.fill(page, "rows", rows_table())
    page = study.fill(page, "bars", bars_table(cells))
    for name, tested in (("trials", False), ("ablations", True)):
        runs = study.read_all(docs / "study" / name)
        page = study.fill(page, name, study.changes_table(runs, tested))
    page = study.fill(page, "confusion", _confusion(cells, docs))
    page = study.fill(page, "generators", study_generators.table(cells, TITLES_OF_ROWS))
    path.write_text(page)
    rows = {name: TITLES_OF_ROWS[name].lstrip("0123456789 ") for name in FIRST_ROWS}
    begun = [c for c in FIRST_COLUMNS if any((row, *c) in cells for row in rows)]
    first = study.table(cells, rows, begun or FIRST_COLUMNS)
    readme.write_text(study.fill(readme.read_text(), "study table", first))
    drawn = [(title, series(cells, task)) for task, title in TITLES.items()]
    panels = [accuracy_figure.Panel(*each) for each in drawn if each[1]] or [
        accuracy_figure.Panel(*drawn[0])
    ]
    figure = accuracy_figure.accuracy_over_labelled(panels)
    (docs / "study").mkdir(exist_ok=True)
    figure.savefig(docs / "study/accuracy.png", dpi=150)
    return sum(map(len, cells.values()))


def _confusion(cells: study.Cells, docs: pathlib.Path) -> str:
    """Draw the confusion matrix of the best row, mean over its seeds, and return its Markdown."""
    here = {row: cells.get((row, "bl", "random", 5), ()) for row in ROWS}
    if not (name := best(here)):
        return "The confusion matrix of the best row: not run."
    counts = np.mean([run["confusion"] for run in here[name]], axis=0)
    figure = class_figures.confusion_matrix(counts, here[name][0]["classes"])
    figure.savefig(docs / "study/confusion.png", dpi=110)
    title = f"Confusion matrix of `{name}`, `bl`, 5 %, random split"
    caption = f"{title}, mean of {len(here[name])} seeds, % of each true lattice."
    return f"![{title}](study/confusion.png)\n\n{caption}"


def series(cells: study.Cells, task: str) -> list[accuracy_figure.Series]:
    """Return a line of the figure for each row that has runs on the random split."""
    lines = []
    for row, title in TITLES_OF_ROWS.items():
        points = []
        for percent in (*PERCENTS, MOST):
            if runs := cells.get((row, task, "random", percent)):
                values = [run["top1"] for run in runs]
                points.append((percent, *study.mean_and_deviation(values)))
        if points:
            lines.append(accuracy_figure.Series(title, points))
    return lines


def paper_table(cells: study.Cells) -> str:
    """Return the values of the paper's Table 4 beside ours."""
    lines = ["| | 5 % | 10 % | 25 % | 50 % |", "|---|---|---|---|---|"]
    for (task, method), values in PAPER.items():
        ours = [cells.get((method.lower(), task, "random", percent), ()) for percent in PERCENTS]
        texts = [f"{a} / {study.cell_text(runs)}" for a, runs in zip(values, ours, strict=True)]
        lines.append(f"| {TITLES[task]}, {method}: paper / ours | {' | '.join(texts)} |")
    return "\n".join(lines)


def most_labelled_table(cells: study.Cells) -> str:
    """Return a table of supervised training with `MOST` per cent of the patterns labelled."""
    columns = [(task, split) for split in ("random", "structure_type") for task in TITLES]
    titles = [f"`{task}`, {split.replace('_', ' ')}" for task, split in columns]
    lines = [f"| {MOST} % labelled | {' | '.join(titles)} |", "|---" * (len(titles) + 1) + "|"]
    told = [PAPER_MOST[task] if split == "random" else "" for task, split in columns]
    lines.append(f"| the paper, supervised | {' | '.join(told)} |")
    for row in ("supervised", "augmented"):
        texts = [study.cell_text(cells.get((row, *column, MOST), ())) for column in columns]
        lines.append(f"| {TITLES_OF_ROWS[row]} | {' | '.join(texts)} |")
    return "\n".join(lines)


def rows_table() -> str:
    """Return the table that defines each row of the study, from `study_rows.ROWS`."""
    lines = [
        "| row | `configs/study.py:` | `config.method` | steps | settings of its own |",
        "|---|---|---|---|---|",
    ]
    for name, row in ROWS.items():
        settings = ", ".join(f"`{key}={value}`" for key, value in row.settings.items())
        lines.append(f"| {row.title} | `{name}` | `{row.method}` | {row.steps} | {settings} |")
    return "\n".join(lines)


def bars_table(cells: study.Cells) -> str:
    """Return the table of the success criteria with the results, in points of accuracy."""
    lines = [
        "| task | labelled | difference | at least | measured | |",
        "|---|---|---|---|---|---|",
    ]
    for task, percent, row, other, points in BARS:
        of = {name: cells.get((name, task, "random", percent), ()) for name in ROWS}
        name = best(of) if row == "best" else row
        found = study.difference(of.get(name, ()), of[other])
        if name == other:
            measured, verdict = "the same row", "not met"
        elif found is None:
            measured, verdict = "not run", ""
        else:
            measured = f"{100 * found.value:+.1f} ± {100 * found.error:.1f}"
            verdict = "met" if found.value >= points / 100 else "not met"
            if verdict == "met" and not found.is_clear():
                # Where a sign is all that is asked, it may still be chance.
                verdict = "not met" if points else "sign right, but less than twice its error"
            if (least := min(len(of[name]), len(of[other]))) < SEEDS:
                verdict += f" so far ({least} seeds)"
        title = f"best (`{name}`)" if row == "best" and name else row
        lines.append(
            f"| `{task}` | {percent} % | {title} - {other} | {points} | {measured} | {verdict} |"
        )
    return "\n".join(lines)


def best(cells: Mapping[str, study.Runs]) -> str:
    """Return the row with the best mean validation accuracy of two or more seeds; '' without any.

    Not the test accuracy, which must not influence any choice.
    """
    means = {
        row: statistics.fmean(run["validation_top1"] for run in runs)
        for row, runs in cells.items()
        if len(runs) > 1
    }
    return max(means, key=means.__getitem__, default="")
