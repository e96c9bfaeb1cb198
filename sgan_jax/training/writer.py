"""What a run tells: a log line, metrics.jsonl, TensorBoard files, and a progress bar on a terminal.

metrics.jsonl holds one JSON object a line and only what the computation decides (no clock), so that
the file of a run that was killed and continued equals the file of a run that was not.
"""

import json
import pathlib
import sys
from collections.abc import Mapping
from typing import Any

import tensorboardX
import tqdm
from absl import logging


class MetricsWriter:
    """Write a run's numbers; lines younger than `first_step` are those of a killed run and go."""

    def __init__(self, workdir: pathlib.Path, *, first_step: int, total_steps: int) -> None:
        self._path = workdir / "metrics.jsonl"
        _keep_lines_until(self._path, first_step)
        self._lines = self._path.open("a")
        self._board = tensorboardX.SummaryWriter(
            str(workdir / "tensorboard"), purge_step=first_step + 1 if first_step else None
        )
        self._bar = tqdm.tqdm(
            total=total_steps,
            initial=first_step,
            unit="step",
            disable=not sys.stderr.isatty(),
            dynamic_ncols=True,
        )

    def write(self, step: int, kind: str, values: Mapping[str, float], **clock: float) -> None:
        """Write values; `kind` is 'train' or 'validation'; `clock` stays out of metrics.jsonl."""
        line = {"step": step, "kind": kind, **values}
        self._lines.write(json.dumps(line) + "\n")
        self._lines.flush()
        shown = {**values, **clock}
        for name, value in shown.items():
            self._board.add_scalar(f"{kind}/{name}", value, step)
        text = ", ".join(f"{name.replace('_', ' ')} {value:.4g}" for name, value in shown.items())
        if self._bar.disable:
            logging.info("step %d of %d, %s: %s", step, self._bar.total, kind, text)
        else:
            self._bar.set_postfix_str(f"{kind} {text}", refresh=False)
            if kind != "train":
                self._bar.write(f"step {step}, {kind}: {text}", file=sys.stderr)

    def progress(self, step: int) -> None:
        """Move the progress bar."""
        self._bar.update(step - self._bar.n)

    def close(self) -> None:
        """Flush and close everything."""
        self._bar.close()
        self._board.close()
        self._lines.close()


class SilentWriter:
    """Stands for a `MetricsWriter` where another process writes."""

    def write(self, step: int, kind: str, values: Mapping[str, float], **clock: float) -> None:
        """Write nothing."""

    def progress(self, step: int) -> None:
        """Show nothing."""

    def close(self) -> None:
        """Close nothing."""


def read_metrics(path: pathlib.Path) -> list[dict[str, Any]]:
    """Return the lines of a metrics.jsonl; a last line cut short by a kill is left out."""
    lines = []
    for text in path.read_text().splitlines() if path.is_file() else []:
        try:
            lines.append(json.loads(text))
        except json.JSONDecodeError:
            break
    return lines


def _keep_lines_until(path: pathlib.Path, step: int) -> None:
    kept = [line for line in read_metrics(path) if line["step"] <= step]
    partial = path.with_suffix(".partial")
    partial.write_text("".join(json.dumps(line) + "\n" for line in kept))
    partial.replace(path)
