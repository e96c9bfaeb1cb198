"""Runs of `tiny_run`, each in its own process, and their outcomes."""

import contextlib
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).parent
SETTINGS = {
    "train.steps": 60,
    "train.batch_size": 4,
    "train.log_every_steps": 3,
    "train.eval_every_steps": 8,
    "checkpoint.every_steps": 5,
    "data.labelled_percent": 50,
}


class Run:
    """A run of the program in a workdir."""

    def __init__(self, runs, workdir, phase, changes):
        folder = workdir.parent
        if folder.is_mount():  # a small disk, on which a run's last words would find no room
            folder = folder.parent
        self._runs, self._said = runs, folder / f"{workdir.name}.stderr"
        self._announced = folder / f"{workdir.name}.stdout"
        for path in (self._said, self._announced):
            path.write_text("")
        settings = SETTINGS | {name.replace("__", "."): value for name, value in changes.items()}
        given = [f"--config.{name}={value}" for name, value in settings.items()]
        self.pid = runs.ask(
            start=["--config=configs/demo.py", f"--workdir={workdir}", *given],
            phase=phase,
            stdout=str(self._announced),
            stderr=str(self._said),
        )
        self.status = None

    def poll(self):
        """Return the status, None while it runs."""
        if self.status is None:
            self.status = self._runs.ask(wait=self.pid)
        return self.status

    def wait_for_phase(self, seconds=60):
        """Wait until it is in the phase for which it was started."""
        until = time.monotonic() + seconds
        while not self._announced.read_text():
            assert self.poll() is None and time.monotonic() < until, self._said.read_text()
            time.sleep(0.01)

    def send_signal(self, number):
        """Send a signal to it if it still runs."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def finish(self, seconds=60):
        """Return status and stderr at its end; kill it if it does not end in time."""
        until = time.monotonic() + seconds
        while self.poll() is None:
            if time.monotonic() > until:
                os.kill(self.pid, signal.SIGKILL)
            time.sleep(0.01)
        return self.status, self._said.read_text()


class Runs:
    """Start runs."""

    def __init__(self, nursery):
        self._nursery = nursery

    def ask(self, **job):
        """Return what `tiny_run` answers."""
        print(json.dumps(job), file=self._nursery.stdin, flush=True)
        return json.loads(self._nursery.stdout.readline())

    def start(self, workdir, phase="none", **changes):
        """Start a run; phase as in `tiny_run`, changes of SETTINGS with __ for the dot."""
        return Run(self, workdir, phase, changes)

    def train_to_the_end(self, workdir, **changes):
        """Run to the end, which must succeed; return stderr."""
        status, said = self.start(workdir, **changes).finish()
        assert status == 0, said
        return said


@contextlib.contextmanager
def nursery(compiled):
    """Yield `Runs`, which share a folder of compiled programs."""
    paths = [str(HERE.parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])]
    settings = {
        "PYTHONPATH": os.pathsep.join(paths),
        "OPENBLAS_NUM_THREADS": "1",  # no thread, so that it can fork
        "OMP_NUM_THREADS": "1",
        "JAX_COMPILATION_CACHE_DIR": str(compiled),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
    }
    with (
        compiled.with_suffix(".stderr").open("w") as log,  # jax warns of every fork
        subprocess.Popen(
            [sys.executable, str(HERE / "tiny_run.py")],
            cwd=HERE.parents[1],
            env=os.environ | settings,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        ) as process,
    ):
        yield Runs(process)


def outcome(workdir):
    """Return all that two equal runs have in common: the numbers, not the times."""
    measured = json.loads((workdir / "test_metrics.json").read_text())
    del measured["seconds"]
    return {
        "test_metrics": measured,  # params_sha256 of the last step's parameters among them
        "metrics.jsonl": (workdir / "metrics.jsonl").read_text(),
        "predictions": (workdir / "test_predictions.csv").read_text(),
        "split": (workdir / "split.tsv").read_text(),
    }


def latest_step(workdir):
    """Return the step of the newest whole checkpoint, 0 if there is none."""
    folder = workdir / "checkpoints/latest"
    return max([0, *(int(path.name) for path in folder.glob("*") if path.name.isdigit())])


def metrics(workdir):
    """Return the whole lines of a run's metrics.jsonl."""
    path = workdir / "metrics.jsonl"
    text = path.read_text() if path.is_file() else ""
    return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]
