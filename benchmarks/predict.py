"""How long a prediction takes: for one file from a cold start, and for many files in a batch.

python benchmarks/predict.py [--workdir=RUN] [--files=600] [--starts=3]

Both time the whole command, `python -m sgan_jax.main --mode=predict`, in a fresh process, with the
packaged models (or those of a run) and all outputs: tables, pages, answers.json.

The cold start is for one file: `first_start` with nothing compiled, neither Python's modules nor
the network, and `cold_start`, the median of further starts that find what the first one cached. The
batch's patterns per minute include its start. Processor seconds are summed over all processes; on a
machine that is also doing other work they are more reliable than the clock. Aims: 5 seconds, 1000
patterns per minute; the last line is JSON, with the ratios to these aims.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np

from sgan_jax.crystals import prototypes
from sgan_jax.diffraction.instrument import PRESETS
from sgan_jax.diffraction.profile import simulate

AIM_SECONDS, AIM_PER_MINUTE = 5.0, 1000.0
WAVELENGTH = PRESETS["d1a"].wavelength_angstrom


def main() -> None:
    """Print seconds, patterns per minute, and the ratios of both to their aims."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workdir", help="a trained run to use instead of the package's models")
    parser.add_argument("--files", type=int, default=600)
    parser.add_argument("--starts", type=int, default=3)
    arguments = parser.parse_args()
    model = [f"--workdir={arguments.workdir}"] if arguments.workdir else []
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        data = folder / "data"
        one = write_files(data, arguments.files)[0]
        first, *later = (
            predict(folder, [*model, f"--input={one}"]) for _ in range(1 + arguments.starts)
        )
        batch, batch_processor = predict(folder, [*model, f"--input={data}"])
    seconds, processor_seconds = map(statistics.median, zip(*later, strict=True))
    per_minute = 60.0 * arguments.files / batch
    result = {
        "cold_start_seconds": round(seconds, 2),
        "cold_start_processor_seconds": round(processor_seconds, 2),
        "first_start_seconds": round(first[0], 2),
        "first_start_processor_seconds": round(first[1], 2),
        "patterns_per_minute": round(per_minute),
        "batch_files": arguments.files,
        "batch_processor_seconds": round(batch_processor, 2),
        "patterns_per_processor_minute": round(60.0 * arguments.files / batch_processor),
        "cold_start_over_aim": round(seconds / AIM_SECONDS, 2),
        "first_start_over_aim": round(first[0] / AIM_SECONDS, 2),
        "batch_over_aim": round(per_minute / AIM_PER_MINUTE, 2),
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
    }
    print(json.dumps(result))


def write_files(folder: pathlib.Path, count: int) -> list[pathlib.Path]:
    """Write text files of simulated counts: crystals on d1a, with a background."""
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


def predict(folder: pathlib.Path, arguments: list[str]) -> tuple[float, float]:
    """Return the wall-clock seconds of the command and the processor seconds of its processes."""
    command = [sys.executable, "-m", "sgan_jax.main", "--mode=predict", *arguments]
    command += [f"--wavelength={WAVELENGTH}", f"--output={folder / 'answers.json'}"]
    # Its own caches, empty at first; Python keeps what it compiles unless told otherwise.
    kept = {name: x for name, x in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    caches = {"XDG_CACHE_HOME": str(folder / "cache"), "PYTHONPYCACHEPREFIX": str(folder / "pyc")}
    before, beginning = os.times(), time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=kept | caches)
    seconds, after = time.perf_counter() - beginning, os.times()
    processor_seconds = sum(after[2:4]) - sum(before[2:4])  # of children that have ended
    return seconds, processor_seconds


if __name__ == "__main__":
    main()
