"""How long an answer takes: one file from a cold start, and many files in a batch.

python benchmarks/predict.py [--workdir=RUN] [--files=300]

The cold start is the whole command, `python -m sgan_jax.main --mode=predict`, for one file with its
page, once with an empty folder of compiled programs (`first`) and then with what that left there
(`again`). The batch is what the command does with many files, a model of lattices and one of space
groups together: reading, the model's grid, both answers, and with pages on top. The speed does not
depend on what a model has learnt; without --workdir they are networks of the paper's size with
random parameters. Aims: 5 seconds, 1000 patterns a minute; the ratios to them come last, as JSON.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import jax
import jax.numpy as jnp
import numpy as np

from sgan_jax import config as configuration
from sgan_jax import symmetry
from sgan_jax.answers import output, pages, predicting, saved_model
from sgan_jax.answers.classifier import Classifier
from sgan_jax.answers.inputs import Input
from sgan_jax.crystals import prototypes
from sgan_jax.diffraction.instrument import PRESETS
from sgan_jax.diffraction.profile import simulate
from sgan_jax.evaluation.calibration import LEVELS, Calibration
from sgan_jax.training import blueprint

AIM_SECONDS, AIM_PER_MINUTE = 5.0, 1000.0
WAVELENGTH = PRESETS["d1a"].wavelength_angstrom


def main() -> None:
    """Print seconds, patterns a minute, and both over what is aimed at."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workdir", help="a trained run, for the cold start")
    parser.add_argument("--files", type=int, default=300)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        files = write_files(folder / "data", arguments.files)
        classifiers = [random_model(task) for task in ("bl", "sg")]
        where = arguments.workdir
        if where is None:
            where = folder / "model"
            saved_model.write(classifiers[1], where, {})
        result = {
            f"seconds_{when}": round(cold_start(folder, where, files[0]), 2)
            for when in ("first", "again")
        }
        answers = [Input(file, WAVELENGTH, None) for file in files]
        list(predicting.predict_files(classifiers, answers[:2]))  # compiles
        alone, with_pages = (answer(classifiers, answers, to) for to in (None, folder / "pages"))
    per_minute = 60.0 * len(files) / with_pages
    result |= {
        "patterns_a_minute": round(per_minute),
        "patterns_a_minute_without_pages": round(60.0 * len(files) / alone),
        "cold_start_over_aim": round(result["seconds_first"] / AIM_SECONDS, 2),
        "batch_over_aim": round(per_minute / AIM_PER_MINUTE, 2),
        "cores": os.cpu_count(),
    }
    print(json.dumps(result))


def write_files(folder: pathlib.Path, count: int) -> list[pathlib.Path]:
    """Write text files of what d1a would count of crystals on a background."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    crystals = list(prototypes.prototype_crystals(20, 0, "natural"))
    patterns = [simulate(crystal, "d1a") for crystal in crystals]
    files = []
    for number in range(count):
        angles, intensity = patterns[number % len(patterns)]
        counts = rng.poisson(3000.0 * intensity + 200.0 + 200.0 * np.exp(-angles / 30.0))
        files.append(folder / f"{number:04d}.xy")
        np.savetxt(files[-1], np.column_stack([angles, counts]), ("%.3f", "%d"))
    return files


def random_model(task: str) -> Classifier:
    """Return a network of the paper's size with random parameters, calibrated on nothing."""
    config = configuration.base(task, 90, "supervised")
    config.task.classes = "all"
    classes = symmetry.class_list(task, "all", np.zeros(0, int), 0)
    names = symmetry.class_names(task, classes)
    model = blueprint.make_classifier(config, len(classes))
    instrument = PRESETS["nist2022"]
    some = jnp.zeros((1, instrument.points))
    return Classifier(
        task=task,
        classes=classes,
        class_names=names,
        instrument=instrument,
        model=model,
        params=jax.device_get(model.init(jax.random.key(0), some, train=False)["params"]),
        intensity_offset=0.0,
        calibration=Calibration(
            temperature=1.0,
            scores=np.linspace(0.0, 1.0, 1000),
            energy_quantiles=tuple(-1e9 + n for n in range(len(LEVELS))),
            quiet_limit=1e9,
            first_line_range_angstrom=(0.1, 100.0),
            patterns=1000,
            class_names=tuple(names),
            step=0,
            made_by="benchmarks/predict.py",
        ),
    )


def cold_start(folder: pathlib.Path, model: str | pathlib.Path, file: pathlib.Path) -> float:
    """Return the seconds of the whole command for one file."""
    command = [sys.executable, "-m", "sgan_jax.main", "--mode=predict", f"--workdir={model}"]
    command += [f"--input={file}", f"--wavelength={WAVELENGTH}", f"--pages={folder / 'page'}"]
    beginning = time.perf_counter()
    subprocess.run(
        command,
        check=True,
        stdout=subprocess.DEVNULL,
        env=os.environ | {"XDG_CACHE_HOME": str(folder / "cache")},
    )
    return time.perf_counter() - beginning


def answer(classifiers: list[Classifier], files: list[Input], folder: pathlib.Path | None) -> float:
    """Return the seconds for many files, with their pages where a folder is given."""
    beginning = time.perf_counter()
    written = pages.Pages(folder, "random", 0.9) if folder else None
    for outcomes in predicting.predict_files(classifiers, files):
        for outcome in outcomes:
            output.entry(outcome, 0.9)
            if written:
                written.add(outcome)
    if written:
        written.finish()
    return time.perf_counter() - beginning


if __name__ == "__main__":
    main()
