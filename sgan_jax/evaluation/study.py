"""The tables of the study from its records (`sweeps.records`): cells, and differences with errors.

A cell is a row (method), a task, a split and a labelled percentage; its runs differ in the seed.
"""

import json
import math
import pathlib
import shlex
import statistics
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sgan_jax import config as configuration

_SAME_IN_ALL = (
    *(".data.cif_path", ".data.synthetic_statistics", ".train.steps"),
    *(f".{key}" for key in configuration.HARMLESS),
)
Runs = Sequence[Mapping[str, Any]]
Key = tuple[str, str, str, float]  # row, task, split, percent
Cells = Mapping[Key, Runs]


class Difference(NamedTuple):
    """Difference of two cells' means, as fractions; `error` is its standard error over seeds."""

    value: float
    error: float

    def is_clear(self) -> bool:
        """Say whether the difference is more than twice its standard error."""
        return self.value > 2 * self.error


def read(folder: pathlib.Path) -> dict[Key, list[Mapping[str, Any]]]:
    """Return the records of a folder by cell, sorted by seed.

    Raises:
      ValueError: two records of a cell have the same seed.
    """
    cells: dict[Key, list[Mapping[str, Any]]] = {}
    for path in sorted(folder.glob("*.json")):
        record = json.loads(path.read_text())
        key = (record["row"], record["task"], record["split"], record["percent"])
        if any(other["seed"] == record["seed"] for other in cells.get(key, ())):
            raise ValueError(
                f"{path}: seed {record['seed']} of {key} occurs twice; remove one record"
            )
        cells.setdefault(key, []).append(record)
    return {key: sorted(runs, key=lambda run: run["seed"]) for key, runs in cells.items()}


def read_all(folder: pathlib.Path) -> list[Mapping[str, Any]]:
    """Return a folder's records with a validation accuracy, by row, the most accurate first."""
    records = [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]
    told = [record for record in records if record["validation_top1"] is not None]
    return sorted(told, key=lambda record: (record["row"], -record["validation_top1"]))


def difference(better: Runs, worse: Runs, metric: str = "top1") -> Difference | None:
    """Return mean(better) - mean(worse) and its error; None if either has fewer than two seeds."""
    if min(len(better), len(worse)) < 2:
        return None
    a, b = ([run[metric] for run in runs] for runs in (better, worse))
    error = math.sqrt(statistics.variance(a) / len(a) + statistics.variance(b) / len(b))
    return Difference(statistics.fmean(a) - statistics.fmean(b), error)


def mean_and_deviation(values: Sequence[float]) -> tuple[float, float | None]:
    """Return the mean and the sample standard deviation (n - 1), which is None for one value."""
    return statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else None


def cell_text(runs: Runs, metric: str = "top1") -> str:
    """Return '44.1 ± 0.9 (3)': per cent, standard deviation, seeds; or 'not run'."""
    if not runs:
        return "not run"
    mean, deviation = mean_and_deviation([100 * run[metric] for run in runs])
    spread = "" if deviation is None else f" ± {deviation:.1f}"
    return f"{mean:.1f}{spread} ({len(runs)})"


def table(
    cells: Cells,
    rows: Mapping[str, str],
    columns: Sequence[tuple[str, str, float]],
) -> str:
    """Return a Markdown table of top-1 accuracy.

    Args:
      cells: from `read`.
      rows: name -> title of each row, in order.
      columns: task, split and percentage of each column.
    """
    titles = [f"`{task}` {percent:g} %" for task, _, percent in columns]
    lines = [f"| | {' | '.join(titles)} |", "|---" * (len(columns) + 1) + "|"]
    for row, title in rows.items():
        texts = [cell_text(cells.get((row, *column), ())) for column in columns]
        lines.append(f"| {title} | {' | '.join(texts)} |")
    return "\n".join(lines)


def changes_table(runs: Runs, tested: bool = False) -> str:
    """Return a Markdown table of runs that vary the settings of a row, in the order given.

    Args:
      runs: from `read_all`.
      tested: whether to add the accuracy on the test part: only if these runs select nothing.
    """
    if not runs:
        return "Not run yet."
    titles = ("row", "settings of its own", "steps", "validation, %", *["test, %"] * tested)
    lines = [f"| {' | '.join(titles)} |", "|---" * len(titles) + "|"]
    for run in runs:
        changed = [
            word.removeprefix("--config.")
            for word in shlex.split(run["command"])
            if word.startswith("--config.") and not word.split("=")[0].endswith(_SAME_IN_ALL)
        ]
        settings = ", ".join(f"`{word}`" for word in changed) or "the row's"
        numbers = [run["validation_top1"], *[run["top1"]] * tested]
        texts = " | ".join(f"{100 * number:.1f}" for number in numbers)
        lines.append(f"| `{run['row']}` | {settings} | {run['steps']} | {texts} |")
    return "\n".join(lines)


def fill(page: str, name: str, content: str) -> str:
    """Return the page with new content between <!-- NAME --> and <!-- /NAME -->.

    Raises:
      ValueError: the page lacks one of these markers.
    """
    before, opening, rest = page.partition(f"<!-- {name} -->")
    _, closing, after = rest.partition(f"<!-- /{name} -->")
    if not (opening and closing):
        raise ValueError(f"the page has no <!-- {name} --> ... <!-- /{name} -->")
    return f"{before}{opening}\n{content}\n{closing}{after}"
