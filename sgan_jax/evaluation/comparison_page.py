"""comparison.html, .md, .csv and .png: the runs at and below a folder, side by side."""

import csv
import io
import os
import pathlib
from collections.abc import Sequence

from absl import logging

from sgan_jax import config as configuration
from sgan_jax.evaluation import accuracy_figure, compare, page, run_folder
from sgan_jax.evaluation.figure_style import svg_data_uri

CAPTION = (
    "Accuracy on the test part (top-1, %), mean ± standard deviation over seeds (number of seeds), "
    "by the percentage of labelled patterns."
)


def write_comparison(root: pathlib.Path) -> str:
    """Compare the runs at and below a folder, write the files into it, return the Markdown one.

    Raises:
      ValueError: there is no run.
    """
    runs, unreadable = _read_runs(root)
    if not runs:
        raise ValueError(
            f"{root} holds no run; give the folder that contains the runs, e.g. --workdir=runs"
        )
    comparison = compare.compare(runs)
    picture = accuracy_figure.accuracy_over_labelled(_panels(comparison))
    markdown = "\n".join([CAPTION, "", *_markdown_table(compare.table(comparison)), ""])
    rows = io.StringIO()
    csv.writer(rows, lineterminator="\n").writerows(compare.csv_rows(comparison))
    html = (
        page.environment()
        .get_template("evaluation/comparison.html.j2")
        .render(
            root=str(root),
            caption=CAPTION,
            top1=compare.table(comparison, "top1"),
            top5=compare.table(comparison, "top5"),
            picture=svg_data_uri(picture),
            runs=sorted(runs, key=lambda run: run.name),
            repeated=dict(comparison.repeated),
            unreadable=unreadable,
        )
    )
    png = io.BytesIO()
    picture.savefig(png, format="png", dpi=200)
    for name, content in (
        ("comparison.csv", rows.getvalue().encode()),
        ("comparison.md", markdown.encode()),
        ("comparison.png", png.getvalue()),
        ("comparison.html", html.encode()),
    ):
        _replace(root / name, content)
    finished = sum(run.top1 is not None for run in runs)
    logging.info("%d runs, %d finished; wrote %s", len(runs), finished, root / "comparison.html")
    return markdown


def _read_runs(root: pathlib.Path) -> tuple[list[compare.Run], list[str]]:
    """Return the runs, named by their path relative to the root, and errors for unreadable ones."""
    runs, unreadable = [], []
    for path in run_folder.find(root):
        try:
            found = run_folder.read(path)
        except ValueError as error:
            logging.warning("left out: %s", error)
            unreadable.append(str(error))
            continue
        if found is not None:
            measured = found.metrics or {}
            runs.append(
                compare.Run(
                    name=path.relative_to(root).as_posix(),
                    settings=configuration.flatten(found.config),
                    step=measured.get("steps", found.step),
                    top1=measured.get("top1"),
                    top5=measured.get("top5"),
                )
            )
    return runs, unreadable


def _panels(comparison: compare.Comparison) -> list[accuracy_figure.Panel]:
    panels: dict[str, list[accuracy_figure.Series]] = {}
    for line in compare.lines(comparison):
        points = []
        for percent, cell in sorted(line.cells.items()):
            mean, deviation = cell.mean_and_deviation("top1")
            if mean is not None:
                points.append((percent, mean, deviation))
        series = panels.setdefault(compare.TASK_NAMES.get(line.task, line.task), [])
        series.append(accuracy_figure.Series(line.label, points))
    return [accuracy_figure.Panel(title, series) for title, series in panels.items()]


def _markdown_table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the lines of a Markdown table, padded so that it can also be read as plain text."""
    escaped = [[text.replace("|", "\\|") for text in row] for row in rows]
    widths = [max(len(row[k]) for row in escaped) for k in range(len(rows[0]))]
    rule = ["-" * width for width in widths]
    return [
        "| " + " | ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)) + " |"
        for row in (escaped[0], rule, *escaped[1:])
    ]


def _replace(path: pathlib.Path, content: bytes) -> None:
    partial = path.with_suffix(path.suffix + ".partial")
    partial.write_bytes(content)
    os.replace(partial, path)
