"""Run commands on this machine, N at a time; a failure does not stop the others.

Each child has a process group of its own, so that Ctrl-C on the terminal reaches it only once,
through this process, and not a second time while it saves.
"""

import collections
import contextlib
import dataclasses
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from types import FrameType
from typing import NamedTuple

import tqdm

from sgan_jax.evaluation import run_folder

POLL_SECONDS = 0.2
LOG = "output.log"  # in a run's folder: stdout and stderr of all its starts, appended
STOPPED = 75  # exit status (EX_TEMPFAIL) of a run or a sweep: the same command resumes it
SAME_SECONDS = (
    2.0  # `uv run` and others forward signals that the terminal sent to all: one order, twice
)
VISIBLE = "CUDA_VISIBLE_DEVICES"
MEMORY = "XLA_CLIENT_MEM_FRACTION"  # of a GPU's memory that a process may take
OLD_MEMORY = "XLA_PYTHON_CLIENT_MEM_FRACTION"  # jax accepts only one of the two names
SHARED_MEMORY = 0.9  # what jobs share; the rest is for CUDA's own structures in each process
FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclasses.dataclass(frozen=True)
class Job:
    """A command line and the folder of its run; `steps` of the whole run, 0 if unknown."""

    name: str
    command: Sequence[str]
    workdir: pathlib.Path
    steps: int = 0


@dataclasses.dataclass
class Outcome:
    """How the jobs ended."""

    statuses: dict[str, int] = dataclasses.field(default_factory=dict)  # of the jobs that ended
    stopped: bool = False  # by a signal

    def failed(self) -> list[str]:
        """Return the names of the jobs that ended with an error."""
        return [name for name, status in self.statuses.items() if status]


class _Running:
    def __init__(self, job: Job, environment: Mapping[str, str]) -> None:
        job.workdir.mkdir(parents=True, exist_ok=True)
        self.job, self.began = job, time.monotonic()
        self.total = job.steps
        with (job.workdir / LOG).open("ab") as log:
            self.process = subprocess.Popen(
                job.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **environment},
                process_group=0,
            )

    def progress(self) -> str:
        """Return 'NAME 150/300': the last step that the run has logged, and its number of steps."""
        folder = self.job.workdir
        self.total = self.total or run_folder.total_steps(folder) or 0
        return f"{self.job.name} {run_folder.last_step(folder)}/{self.total or '?'}"


def run_all(
    jobs: Sequence[Job],
    *,
    parallel: int,
    gpus: Sequence[str] = (),
    per_gpu: int = 1,
    done: int = 0,
    ended: Callable[[str], None] = lambda name: None,
) -> Outcome:
    """Run the jobs, `parallel` at a time; a failure does not stop the others.

    SIGINT, SIGTERM and SIGHUP are passed on to the children (SIGHUP as SIGTERM), which save and
    end; a second signal kills them.

    Args:
      jobs: in the order in which they start.
      parallel: how many run at once.
      gpus: their ids, divided among the jobs that run at once; if empty, nothing is hidden.
      per_gpu: how many jobs may share a GPU.
      done: runs of the sweep that are finished already, for the progress bar.
      ended: called with the name of each job that succeeded.
    """
    shares = share_out(gpus, parallel, per_gpu)
    waiting, outcome = collections.deque(jobs), Outcome()
    running: dict[int, _Running] = {}
    with _progress_bar(done, len(jobs)) as bar, _caught() as signals:
        while running or (waiting and not outcome.stopped):
            for place in range(parallel):
                if place not in running and waiting and not signals:
                    running[place] = _Running(waiting.popleft(), shares[place])
            for place, child in list(running.items()):
                if (status := child.process.poll()) is not None:
                    del running[place]
                    outcome.statuses[child.job.name] = status
                    bar.update(1)
                    if status == 0:
                        ended(child.job.name)
                    _tell(bar, _ended(child, status))
            if signals and not outcome.stopped:
                outcome.stopped = True
                # A run saves on SIGTERM but not on SIGHUP, which a closing terminal sends.
                first = signals[0].signum
                _send(signal.SIGTERM if first == signal.SIGHUP else first, running)
                _tell(
                    bar,
                    f"stopping {len(running)} runs, which save first; a second signal kills them",
                )
            elif signals and signals[-1].time > signals[0].time + SAME_SECONDS:
                _send(signal.SIGKILL, running)
            bar.set_postfix_str(", ".join(child.progress() for child in running.values()))
            time.sleep(POLL_SECONDS)
    return outcome


def visible_gpus() -> list[str]:
    """Return the ids of the GPUs that runs may use on this machine; empty if there are none."""
    given = os.environ.get(VISIBLE)
    if given is not None:
        return [gpu for gpu in given.split(",") if gpu.strip()]
    if shutil.which("nvidia-smi") is None:
        return []
    listed = subprocess.run(["nvidia-smi", "--list-gpus"], capture_output=True, text=True)
    return [str(k) for k in range(len(listed.stdout.splitlines()))] if not listed.returncode else []


def share_out(gpus: Sequence[str], parallel: int, per_gpu: int = 1) -> list[dict[str, str]]:
    """Return the variables that give each of the jobs that run at once its GPUs; {}: all of them.

    Jobs that share a GPU get equal parts of its memory, of which each would otherwise take most.

    Raises:
      ValueError: there are too few GPUs.
    """
    if not gpus or parallel == 1:
        return [{}] * parallel
    if parallel > len(gpus) * per_gpu:
        raise ValueError(
            f"--parallel={parallel} but there are {len(gpus)} GPUs; use at most "
            f"{len(gpus) * per_gpu}, or let several runs share a GPU (--per_gpu)"
        )
    if parallel > len(gpus):
        memory = {MEMORY: f"{SHARED_MEMORY / -(-parallel // len(gpus)):.3f}", OLD_MEMORY: ""}
        return [{VISIBLE: gpus[k % len(gpus)]} | memory for k in range(parallel)]
    each = len(gpus) // parallel
    return [{VISIBLE: ",".join(gpus[k * each : (k + 1) * each])} for k in range(parallel)]


def _send(signum: int, running: dict[int, _Running]) -> None:
    for child in running.values():
        child.process.send_signal(signum)


def _ended(child: _Running, status: int) -> str:
    seconds = time.monotonic() - child.began
    log = child.job.workdir / LOG
    if status == 0:
        return f"{child.job.name}: done in {seconds:.0f} s"
    said = log.read_text(errors="replace").strip().splitlines()
    word = "stopped" if status == STOPPED else "FAILED"
    return f"{child.job.name}: {word}, status {status}; {said[-1] if said else 'no output'} ({log})"


def _progress_bar(done: int, to_do: int) -> tqdm.tqdm:
    return tqdm.tqdm(
        total=done + to_do,
        initial=done,
        unit="run",
        disable=not sys.stderr.isatty(),
        dynamic_ncols=True,
    )


def _tell(bar: tqdm.tqdm, text: str) -> None:
    bar.write(text, file=sys.stderr)


class _Signal(NamedTuple):
    signum: int
    time: float


@contextlib.contextmanager
def _caught() -> Generator[list[_Signal]]:
    """Collect the signals that arrive while the body runs."""
    signals: list[_Signal] = []

    def note(signum: int, _: FrameType | None) -> None:
        signals.append(_Signal(signum, time.monotonic()))

    before = {signum: signal.signal(signum, note) for signum in FORWARDED}
    try:
        yield signals
    finally:
        for signum, old in before.items():
            signal.signal(signum, old)
