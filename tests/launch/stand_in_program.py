"""Stands in for sgan_jax.main in tests of sweeps: keeps a run's folder as it does, in no time.

A package sgan_jax in the test's working directory, where `python -m` looks first, holds it; all its
other modules are the real ones. STEP_SECONDS slows it down; runs whose names match FAILS end with
an error halfway; with DEAF it does not end when told to.
"""

import json
import os
import pathlib
import re
import signal
import sys
import time

from sgan_jax import config as configuration
from sgan_jax.evaluation import run_folder
from sgan_jax.sweeps import sweep_file

ROOT = pathlib.Path(__file__).resolve().parents[2]


def install(folder: pathlib.Path) -> None:
    """Make `python -m sgan_jax.main` run this file if `folder` is the working directory."""
    package = folder / "sgan_jax"
    package.mkdir()
    (package / "__init__.py").write_text(f"__path__.append({str(ROOT / 'sgan_jax')!r})\n")
    (package / "main.py").write_text(
        f"import runpy; runpy.run_path({str(pathlib.Path(__file__).resolve())!r}, None, 'main')\n"
    )


def main() -> None:
    signal.signal(signal.SIGTERM, told_to_end)
    signal.signal(signal.SIGINT, told_to_end)
    given = dict(each.lstrip("-").split("=", 1) for each in sys.argv[1:])
    workdir = pathlib.Path(given["workdir"])
    config = sweep_file._parse([each for each in sys.argv[1:] if each.startswith("--config")])
    workdir.mkdir(parents=True, exist_ok=True)
    configuration.save(config, workdir / "config.json")
    (workdir / "pid").write_text(str(os.getpid()))
    with (workdir / "starts").open("a") as starts:
        starts.write(f"{run_folder.last_step(workdir)}\n")
    print("training", workdir.name, flush=True)
    for step in range(run_folder.last_step(workdir) + 1, config.train.steps + 1):
        with (workdir / "metrics.jsonl").open("a") as lines:
            lines.write(json.dumps({"step": step, "kind": "train"}) + "\n")
        time.sleep(float(os.environ.get("STEP_SECONDS", 0)))
        if step > 1 and re.search(os.environ.get("FAILS", "^$"), workdir.name):
            sys.exit("error: loss is not finite")
    measured = {
        "steps": config.train.steps,
        "top1": 0.5 + 0.1 * config.seed,
        "top5": 0.9,
        "config_hash": configuration.config_hash(config),
    }
    (workdir / "test_metrics.json").write_text(json.dumps(measured))


def told_to_end(signum: int, _: object) -> None:
    if "DEAF" not in os.environ:
        print("saved; repeat the command to resume", flush=True)
        sys.exit(75)


if __name__ == "main":
    main()
