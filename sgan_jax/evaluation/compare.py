"""Many runs as one table: mean ± standard deviation over seeds. Pure; `comparison_page` writes it.

Runs that differ only in the seed (and in `config.HARMLESS`) form a cell. A line of the table or the
figure is a task and a method, with whatever else was varied; its columns are the labelled
percentages.
"""

import dataclasses
import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sgan_jax import config as configuration

_OF_A_CELL = "data.synthetic_statistics"  # a different file for each percentage of a line
TASK, PERCENT, METHOD, SEED = "task.name", "data.labelled_percent", "method", "seed"
AXES = (TASK, PERCENT, METHOD)
TASK_NAMES = {"bl": "Bravais lattices", "sg": "space groups"}
NOT_RUN = "not run"


class Run(NamedTuple):
    """The part of a run that is compared."""

    name: str
    settings: Mapping[str, Any]  # all settings, dotted name -> value
    step: int
    top1: float | None  # accuracy on the test part, a fraction; None until the run is finished
    top5: float | None


@dataclasses.dataclass(frozen=True)
class Cell:
    """Runs that differ only in the seed; `finished` and `unfinished` are sorted by it."""

    settings: Mapping[str, Any]  # those in Comparison.fields
    finished: tuple[Run, ...]
    unfinished: tuple[Run, ...]

    def mean_and_deviation(self, metric: str) -> tuple[float | None, float | None]:
        """Return the mean of 'top1' or 'top5' and the sample standard deviation (n - 1).

        The mean is None without a finished run, the deviation with fewer than two.
        """
        values = [getattr(run, metric) for run in self.finished]
        mean = statistics.fmean(values) if values else None
        return mean, statistics.stdev(values) if len(values) > 1 else None


class Comparison(NamedTuple):
    """Cells, and the settings that distinguish them."""

    fields: tuple[str, ...]  # AXES, then all others that differ between cells
    label_fields: tuple[str, ...]  # the fields that a label has to name beside task and method
    cells: tuple[Cell, ...]
    repeated: tuple[tuple[str, str], ...]  # names of a repeated run and of the run that is kept


class Line(NamedTuple):
    """A row of the table and a line of the figure."""

    task: str
    label: str
    cells: Mapping[float, Cell]  # by labelled percentage


def compare(runs: Sequence[Run]) -> Comparison:
    """Group runs by everything but the seed; of a repeated run, keep the one that got further."""
    kept: dict[tuple, Run] = {}
    repeated = []
    for run in sorted(runs, key=lambda run: (run.top1 is None, -run.step, run.name)):
        first = kept.setdefault(_identity(run.settings, seed=True), run)
        if first is not run:
            repeated.append((run.name, first.name))
    groups: dict[tuple, list[Run]] = {}
    for run in sorted(kept.values(), key=lambda run: (run.settings[SEED], run.name)):
        groups.setdefault(_identity(run.settings, seed=False), []).append(run)
    fields = (*AXES, *_differing([members[0].settings for members in groups.values()]))
    cells = [
        Cell(
            {field: members[0].settings.get(field) for field in fields},
            tuple(run for run in members if run.top1 is not None),
            tuple(run for run in members if run.top1 is None),
        )
        for members in groups.values()
    ]
    cells.sort(key=lambda cell: [_sort_key(cell.settings[field]) for field in fields])
    return Comparison(fields, _label_fields(fields, cells), tuple(cells), tuple(sorted(repeated)))


def lines(comparison: Comparison) -> list[Line]:
    """Return the cells as lines, ordered by task and label."""
    found: dict[tuple[str, str], dict[float, Cell]] = {}
    for cell in comparison.cells:
        more = [f"{field}={cell.settings[field]}" for field in comparison.label_fields]
        key = (cell.settings[TASK], ", ".join([cell.settings[METHOD], *more]))
        found.setdefault(key, {})[cell.settings[PERCENT]] = cell
    return [Line(task, label, cells) for (task, label), cells in sorted(found.items())]


def percents(comparison: Comparison) -> list[float]:
    """Return the labelled percentages that occur, ascending."""
    return sorted({cell.settings[PERCENT] for cell in comparison.cells})


def cell_text(cell: Cell | None, metric: str = "top1") -> str:
    """Return '74.1 ± 0.8 (3)': per cent, with the number of seeds; or what is missing."""
    if cell is None:
        return NOT_RUN
    done, begun = len(cell.finished), len(cell.finished) + len(cell.unfinished)
    seeds = f"{done} of {begun}" if cell.unfinished else f"{done}"
    mean, deviation = cell.mean_and_deviation(metric)
    if mean is None:
        return f"unfinished ({seeds})"
    spread = "" if deviation is None else f" ± {100 * deviation:.1f}"
    return f"{100 * mean:.1f}{spread} ({seeds})"


def table(comparison: Comparison, metric: str = "top1") -> list[list[str]]:
    """Return the rows of the table as text, the header first."""
    columns = percents(comparison)
    header = ["task", "method", *(f"{percent:g} %" for percent in columns)]
    return [header] + [
        [
            TASK_NAMES.get(line.task, line.task),
            line.label,
            *(cell_text(line.cells.get(percent), metric) for percent in columns),
        ]
        for line in lines(comparison)
    ]


def csv_rows(comparison: Comparison) -> list[list[Any]]:
    """Return a header and one row per cell: its settings, seeds, means and standard deviations.

    Accuracies are fractions; missing values are empty.
    """
    numbers = [f"{metric}_{what}" for metric in ("top1", "top5") for what in ("mean", "std")]
    rows: list[list[Any]] = [[*comparison.fields, "seeds", "finished", "begun", *numbers]]
    for cell in comparison.cells:
        seeds = " ".join(str(run.settings[SEED]) for run in cell.finished)
        done = len(cell.finished)
        values = [*cell.mean_and_deviation("top1"), *cell.mean_and_deviation("top5")]
        rows.append(
            [
                *(cell.settings[field] for field in comparison.fields),
                *(seeds, done, done + len(cell.unfinished)),
                *("" if value is None else round(value, 6) for value in values),
            ]
        )
    return rows


def _identity(settings: Mapping[str, Any], *, seed: bool) -> tuple:
    left_out = configuration.HARMLESS if seed else (*configuration.HARMLESS, SEED)
    return tuple(sorted((k, repr(v)) for k, v in settings.items() if k not in left_out))


def _differing(settings: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the fields, other than the axes, in which the settings differ."""
    left_out = {*AXES, SEED, *configuration.HARMLESS}
    names = dict.fromkeys(name for each in settings for name in each if name not in left_out)
    return [name for name in names if len({repr(each.get(name)) for each in settings}) > 1]


def _label_fields(fields: Sequence[str], cells: Sequence[Cell]) -> tuple[str, ...]:
    """Return the fields that task, percentage and method do not determine.

    Each method has its own learning rates and batch sizes, for which its name is enough.
    """
    values: dict[tuple, set[str]] = {}
    for cell in cells:
        axes = tuple(cell.settings[axis] for axis in AXES)
        for field in fields:
            values.setdefault((field, *axes), set()).add(repr(cell.settings[field]))
    varied = {key[0] for key, seen in values.items() if len(seen) > 1}
    labels = tuple(field for field in fields if field in varied)
    shorter = tuple(field for field in labels if field != _OF_A_CELL)

    def told_apart(by: tuple[str, ...]) -> int:
        return len({tuple(repr(cell.settings[f]) for f in (*AXES, *by)) for cell in cells})

    return shorter if told_apart(shorter) == told_apart(labels) else labels


def _sort_key(value: Any) -> tuple[int, float, str]:
    number = isinstance(value, int | float) and math.isfinite(value)
    return (0, float(value), "") if number else (1, 0.0, str(value))
