"""A run's metrics: log lines, metrics.jsonl, TensorBoard files, and a progress bar on a terminal.

metrics.jsonl holds one JSON object per line, without times, so that the file of a run that was
interrupted and resumed equals that of an uninterrupted one.
"""

import json
import os
import pathlib
import sys
import time
from collections.abc import Mapping
from typing import Any

import tqdm
from absl import logging
from tensorboardX import event_file_writer, summary
from tensorboardX.proto import event_pb2

_EVENTS: Any = event_pb2  # its classes are created at run time, unknown to type checkers


class MetricsWriter:
    """Write a run's metrics; lines that an interrupted run wrote after `first_step` are deleted.

    Args:
      workdir: the run's folder.
      first_step: the step of the checkpoint from which the run resumes; 0 for a new run.
      total_steps: of the whole run.
      unevaluated: the validation at `first_step` is still to be done; its line is deleted, too.
    """

    def __init__(
        self,
        workdir: pathlib.Path,
        *,
        first_step: int,
        total_steps: int,
        unevaluated: bool = False,
    ) -> None:
        self._path = workdir / "metrics.jsonl"
        _keep_lines_until(self._path, first_step, unevaluated)
        self._lines = self._path.open("a")
        self._board = _open_board(workdir / "tensorboard", first_step)
        self._bar = tqdm.tqdm(
            total=total_steps,
            initial=first_step,
            unit="step",
            disable=not sys.stderr.isatty(),
            dynamic_ncols=True,
        )

    def write(self, step: int, kind: str, values: Mapping[str, float], **clock: float) -> None:
        """Write values; `kind` is 'train' or 'validation'; `clock` is not in metrics.jsonl."""
        line = {"step": step, "kind": kind, **values}
        self._lines.write(json.dumps(line) + "\n")
        self._lines.flush()
        shown, now = {**values, **clock}, time.time()
        for name, value in shown.items():
            scalar = summary.scalar(f"{kind}/{name}", value)
            self._board.write_event(_EVENTS.Event(wall_time=now, step=step, summary=scalar))
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

    def sync(self) -> None:
        """Flush everything to disk, before a checkpoint that relies on it is saved."""
        self._board.flush()
        os.fsync(self._lines.fileno())

    def close(self) -> None:
        """Flush and close everything."""
        self._bar.close()
        self._board.close()
        self._lines.close()


class SilentWriter:
    """Replaces `MetricsWriter` in the processes that do not write."""

    def write(self, step: int, kind: str, values: Mapping[str, float], **clock: float) -> None:
        """Write nothing."""

    def progress(self, step: int) -> None:
        """Show nothing."""

    def sync(self) -> None:
        """Sync nothing."""

    def close(self) -> None:
        """Close nothing."""


def read_metrics(path: pathlib.Path) -> list[dict[str, Any]]:
    """Return the lines of a metrics.jsonl, without a last line that a kill cut short."""
    lines = []
    for text in path.read_text().splitlines() if path.is_file() else []:
        try:
            lines.append(json.loads(text))
        except json.JSONDecodeError:
            break
    return lines


def _open_board(folder: pathlib.Path, first_step: int) -> event_file_writer.EventsWriter:
    """Open a new TensorBoard file that hides what an interrupted run wrote after `first_step`.

    Not tensorboardX's SummaryWriter: it writes in a thread, which dies silently when the disk is
    full; its queue then fills up, and the run hangs.
    """
    folder.mkdir(exist_ok=True)
    board = event_file_writer.EventsWriter(str(folder / "events"), f".{first_step}")
    if first_step:
        start = _EVENTS.SessionLog(status=_EVENTS.SessionLog.START)
        board.write_event(
            _EVENTS.Event(wall_time=time.time(), step=first_step + 1, session_log=start)
        )
    return board


def _keep_lines_until(path: pathlib.Path, step: int, unevaluated: bool) -> None:
    kept = [line for line in read_metrics(path) if line["step"] <= step]
    if unevaluated:
        kept = [line for line in kept if (line["step"], line["kind"]) != (step, "validation")]
    partial = path.with_suffix(".partial")
    partial.write_text("".join(json.dumps(line) + "\n" for line in kept))
    partial.replace(path)
