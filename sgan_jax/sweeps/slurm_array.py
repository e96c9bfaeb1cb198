"""A sweep as one Slurm job array, one run per element, submitted by submitit (extra 'slurm')."""

import pathlib
import signal
import subprocess
import time
from collections.abc import Sequence

SAVING_SECONDS = 60.0  # more than a run needs to save and end when it is told to stop
STOP_AHEAD_SECONDS = 180  # how long before its time limit Slurm warns an element


class Resumable:
    """A command that can be requeued: submitit calls it, and `checkpoint` near its time limit."""

    def __init__(self, command: Sequence[str]) -> None:
        self.command = list(command)
        self._process: subprocess.Popen | None = None

    def __call__(self) -> None:
        """Run the command; raise CalledProcessError if it fails."""
        # Slurm's warning reaches all processes of the element: only `checkpoint` is to react to it.
        ignored = signal.signal(signal.SIGUSR2, signal.SIG_IGN)
        try:
            self._process = subprocess.Popen(self.command)
        finally:
            signal.signal(signal.SIGUSR2, ignored)
        while self._process.poll() is None:  # not wait(), whose lock `checkpoint` would meet
            time.sleep(0.2)
        if self._process.returncode:
            raise subprocess.CalledProcessError(self._process.returncode, self.command)

    def checkpoint(self):
        """Let the run save and end; return what submitit requeues: the same command."""
        from submitit.helpers import DelayedSubmission

        if self._process is not None:
            self._process.terminate()
            deadline = time.monotonic() + SAVING_SECONDS
            while self._process.poll() is None and time.monotonic() < deadline:
                time.sleep(0.2)
        return DelayedSubmission(Resumable(self.command))


def submit(
    commands: Sequence[Sequence[str]],
    *,
    folder: pathlib.Path,
    name: str,
    parallel: int,
    options: dict[str, str],
) -> str:
    """Submit the commands and return the array's job id.

    Args:
      commands: one per element.
      folder: for submitit's files and the elements' output; every node must see it.
      name: of the job.
      parallel: how many elements may run at once.
      options: of `sbatch`, by submitit's names: partition, time (minutes), gpus_per_node, ...

    Raises:
      ValueError: submitit or Slurm is not available, or an option does not exist.
    """
    try:
        import submitit
        from submitit.slurm import slurm
    except ImportError:
        raise ValueError("--backend=slurm needs submitit: pip install 'sgan_jax[slurm]'") from None
    known = sorted(slurm.SlurmExecutor._valid_parameters())
    if unknown := sorted(set(options) - set(known)):
        raise ValueError(f"--slurm={unknown[0]}=... does not exist; use one of {', '.join(known)}")
    try:
        # How often submitit requeues an element that runs into its time limit.
        executor = submitit.SlurmExecutor(folder=folder, max_num_timeout=100)
    except RuntimeError as error:
        raise ValueError(f"--backend=slurm: {error}") from error
    executor.update_parameters(
        job_name=name,
        array_parallelism=parallel,
        signal_delay_s=STOP_AHEAD_SECONDS,
        **{key: int(value) if value.isdigit() else value for key, value in options.items()},
    )
    jobs = executor.submit_array([Resumable(command) for command in commands])
    return jobs[0].job_id.partition("_")[0]
