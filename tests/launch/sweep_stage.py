"""A working directory in which launch/sweep.py has four runs of a stand-in for the program."""

import os
import pathlib
import subprocess
import sys
import time

import stand_in_program

ROOT = stand_in_program.ROOT
SWEEP = """
import itertools

def runs():
    for percent, seed in itertools.product((10, 50), (0, 1)):
        overrides = {{"seed": seed, "data.labelled_percent": percent, "train.steps": 4}}
        yield f"p{{percent}}_{{seed}}", "{root}/configs/demo.py:supervised", overrides
"""


class Stage:
    """A working directory with a sweep of four runs, p10_0 to p50_1."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder
        self.runs = folder / "runs/four"
        (folder / "four.py").write_text(SWEEP.format(root=ROOT))
        stand_in_program.install(folder)

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen:
        command = [sys.executable, ROOT / "launch/sweep.py", *arguments]
        return subprocess.Popen(
            command,
            cwd=self.folder,
            env=os.environ | {"PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": ""} | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str, **environment: str) -> tuple[int, str, str]:
        process = self.start(*arguments, **environment)
        out, err = process.communicate(timeout=120)
        return process.returncode, out, err

    def starts(self, name: str) -> list[int]:
        """Return the steps after which the starts of a run resumed it."""
        file = self.runs / name / "starts"
        return [int(line) for line in file.read_text().split()] if file.is_file() else []

    def wait_for(self, path: pathlib.Path) -> None:
        deadline = time.monotonic() + 60
        while not path.exists():
            assert time.monotonic() < deadline, path
            time.sleep(0.02)
