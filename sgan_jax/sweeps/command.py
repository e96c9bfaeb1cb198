"""The command line of launch/sweep.py: read and check a sweep, then show, run or submit it."""

import pathlib
import re
import shlex
import sys
from typing import NamedTuple

import yaml
from absl import app, flags, logging

from sgan_jax import config as configuration
from sgan_jax.evaluation import run_folder
from sgan_jax.sweeps import here, indexed_job, records, slurm_array, sweep_file

_RUNS_DIR = flags.DEFINE_string(
    "runs_dir", None, "Folder for the runs' folders. Default: runs/<sweep file>."
)
_RECORDS = flags.DEFINE_string(
    "records", "", "Folder for a small JSON record of each finished run, to keep in a repository."
)
_PARALLEL = flags.DEFINE_integer(
    "parallel", 1, "Number of runs at once; with --backend=here they share the GPUs.", lower_bound=1
)
_PER_GPU = flags.DEFINE_integer(
    "per_gpu",
    1,
    "With --backend=here: how many runs may share a GPU; networks as small as these leave most of "
    "one idle.",
    lower_bound=1,
)
_BACKEND = flags.DEFINE_enum(
    "backend",
    "here",
    ["here", "slurm", "k8s"],
    "here: on this machine. slurm: submit a job array. k8s: write an Indexed Job to <sweep>.yaml.",
)
_DRY_RUN = flags.DEFINE_boolean("dry_run", False, "Show what would be done, and do nothing.")
_ONLY = flags.DEFINE_string(
    "only", "", "Regular expression: only runs whose name contains a match."
)
_SLURM = flags.DEFINE_list(
    "slurm", [], "With --backend=slurm: submitit's options, e.g. partition=gpu,time=720."
)
_IMAGE = flags.DEFINE_string("image", "sgan_jax:latest", "With --backend=k8s: the container image.")
_CLAIM = flags.DEFINE_string(
    "claim", "sgan-jax", "With --backend=k8s: the claim for the volume with --runs_dir."
)
_MOUNT = flags.DEFINE_string(
    "mount", "/scratch", "With --backend=k8s: where that volume is mounted."
)
_GPUS = flags.DEFINE_integer("gpus", 1, "With --backend=k8s: GPUs per run.", lower_bound=0)


class State(NamedTuple):
    """A run of the sweep and its progress."""

    run: sweep_file.Run
    step: int
    finished: bool

    def text(self) -> str:
        """Return 'finished', 'to resume after step 150' or 'to start'."""
        if self.finished:
            return "finished"
        return f"to resume after step {self.step}" if self.step else "to start"


def states(runs: list[sweep_file.Run], runs_dir: pathlib.Path) -> list[State]:
    """Return the progress of each run.

    Raises:
      ValueError: a folder holds a run with another configuration.
    """
    found = []
    for run in runs:
        there = run_folder.read(runs_dir / run.name)
        if there is None:
            found.append(State(run, step=0, finished=False))
            continue
        if changed := configuration.differences(there.config, run.config):
            raise ValueError(
                f"{there.path} holds a run of another configuration ({'; '.join(changed)}); "
                "use another --runs_dir, or move that run"
            )
        found.append(State(run, there.step, finished=there.metrics is not None))
    return found


def main(argv: list[str]) -> None:
    """Do what the flags say; exit with one line for errors that the user can fix."""
    try:
        sys.exit(run_sweep(argv[1:]))
    except (ValueError, OSError) as error:
        sys.exit(f"error: {error}")


def run_sweep(arguments: list[str]) -> int:
    """Run or submit the sweep; return the exit status."""
    settings = [each for each in arguments if each.startswith("--config.")]
    files = [each for each in arguments if each not in settings]
    if len(files) != 1:
        raise ValueError(
            "give one sweep file, like configs/sweeps/smoke.py, and settings as --config.KEY=VALUE"
        )
    path = pathlib.Path(files[0])
    runs_dir = pathlib.Path(_RUNS_DIR.value or pathlib.Path("runs", path.stem))
    every = states(_chosen(sweep_file.read(path, settings)), runs_dir)
    to_do = [state for state in every if not state.finished]
    logging.info("%d runs in %s, %d finished", len(every), runs_dir, len(every) - len(to_do))
    if _DRY_RUN.value:
        for state in every:
            print(f"# {state.run.name}: {state.text()}")
            if not state.finished:
                print(shlex.join(state.run.command(runs_dir)))
        return 0
    if _RECORDS.value:
        _record([state.run for state in every], runs_dir)
    if _BACKEND.value == "here":
        return _run_here(to_do, runs_dir, done=len(every) - len(to_do))
    if not to_do:
        logging.info("all runs are finished")
    elif _BACKEND.value == "slurm":
        _submit_to_slurm(to_do, runs_dir, path.stem)
    else:
        _write_indexed_job(to_do, runs_dir, path.stem)
    return 0


def _chosen(runs: list[sweep_file.Run]) -> list[sweep_file.Run]:
    try:
        chosen = [run for run in runs if re.search(_ONLY.value, run.name)]
    except re.error as error:
        raise ValueError(f"--only={_ONLY.value} is not a regular expression: {error}") from error
    if not chosen:
        raise ValueError(f"--only={_ONLY.value} matches none of {', '.join(r.name for r in runs)}")
    return chosen


def _run_here(to_do: list[State], runs_dir: pathlib.Path, *, done: int) -> int:
    jobs = [
        here.Job(run.name, run.command(runs_dir), runs_dir / run.name, steps=run.config.train.steps)
        for run, _, _ in to_do
    ]
    runs = {state.run.name: state.run for state in to_do}
    outcome = here.run_all(
        jobs,
        parallel=_PARALLEL.value,
        gpus=here.visible_gpus(),
        per_gpu=_PER_GPU.value,
        done=done,
        ended=lambda name: _record([runs[name]], runs_dir),
    )
    if outcome.stopped:
        print("stopped; repeat the command to resume", file=sys.stderr)
        return here.STOPPED
    failed = outcome.failed()
    if done or len(failed) < len(jobs):
        from sgan_jax.evaluation import comparison_page  # late: matplotlib takes a second

        print(comparison_page.write_comparison(runs_dir))
    if failed:
        print(
            f"{len(failed)} of {len(jobs)} runs failed: {', '.join(failed)}; "
            "repeat the command to retry them",
            file=sys.stderr,
        )
    return 1 if failed else 0


def _record(runs: list[sweep_file.Run], runs_dir: pathlib.Path) -> None:
    """Write the records of the finished runs if --records is given."""
    for run in runs if _RECORDS.value else ():
        if path := records.write(run, runs_dir, pathlib.Path(_RECORDS.value)):
            logging.info("wrote %s", path)


def _submit_to_slurm(to_do: list[State], runs_dir: pathlib.Path, name: str) -> None:
    pairs = [option.partition("=") for option in _SLURM.value]
    if wrong := [key for key, sign, _ in pairs if not sign]:
        raise ValueError(f"--slurm={wrong[0]} is not KEY=VALUE")
    folder = runs_dir / "slurm"
    job = slurm_array.submit(
        [state.run.command(runs_dir.resolve()) for state in to_do],
        folder=folder,
        name=name,
        parallel=_PARALLEL.value,
        options={key: value for key, _, value in pairs},
    )
    print(
        f"submitted {len(to_do)} runs as the Slurm array {job}: squeue --me; output in {folder}. "
        "When it has ended, the same command submits the unfinished runs; "
        f"python -m sgan_jax.main --mode=compare --workdir={runs_dir} compares all"
    )


def _write_indexed_job(to_do: list[State], runs_dir: pathlib.Path, name: str) -> None:
    job = indexed_job.manifest(
        [state.run.command(runs_dir, ("python", "-m", "sgan_jax.main")) for state in to_do],
        name=name,
        image=_IMAGE.value,
        claim=_CLAIM.value,
        mount=_MOUNT.value,
        gpus=_GPUS.value,
        parallel=_PARALLEL.value,
    )
    file = pathlib.Path(f"{name}.yaml")
    file.write_text(yaml.safe_dump(job, sort_keys=False, width=1000))
    print(f"wrote {file} with {len(to_do)} runs: kubectl apply -f {file}")


def parse_flags(argv: list[str]) -> list[str]:
    """Parse the flags; leave --config.KEY=VALUE, which are for the runs, as arguments."""
    settings = [each for each in argv if each.startswith("--config.")]
    try:
        rest = flags.FLAGS([each for each in argv if each not in settings])
    except flags.Error as error:
        sys.exit(f"error: {error} (--help lists the flags)")
    return rest + settings


def run() -> None:
    """Start the program."""
    logging.set_verbosity(logging.INFO)
    app.run(main, flags_parser=parse_flags)
