"""What a training step of each method costs, and how many steps fit into twenty minutes.

python benchmarks/method_steps.py [--repeats=15] [--minutes=20] [--rows=supervised,consistency]

The settings are those of the study (configs/study.py); data loading, logging and validation are
left out. The methods' steps are timed in turn, so that a busy machine slows all alike; medians.
`ratio` is relative to a step of 'supervised'. `views` is for the physical views alone
(training/augment.py), of one batch as large as the supervised one. The last line is JSON.
"""

import argparse
import importlib.util
import json
import pathlib
import statistics
import time
from collections.abc import Callable

import jax
import numpy as np

from sgan_jax import config as configuration
from sgan_jax.diffraction import instrument
from sgan_jax.study_rows import ROWS
from sgan_jax.training import augment, experiment, methods, state

TWO_THETA_DEG = instrument.PRESETS["nist2022"].two_theta_deg
CLASSES, STEPS = 14, 10_000


def load_study():
    """Import configs/study.py."""
    path = pathlib.Path(__file__).parents[1] / "configs" / "study.py"
    spec = importlib.util.spec_from_file_location("study", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def patterns(count: int) -> np.ndarray:
    """Return patterns with peaks [count, P]."""
    random = np.random.default_rng(0)
    return random.uniform(size=(count, len(TWO_THETA_DEG))).astype(np.float32) ** 8


def make_phases(config) -> list[tuple[int, Callable, object, dict]]:
    """Return for each phase of the run: its length, its step, a state before it, a batch."""
    given = methods.Given(
        networks=experiment.make_networks(config, CLASSES),
        two_theta_deg=TWO_THETA_DEG,
        class_counts=np.full(CLASSES, 150),
        unlabelled=40_000,
        total_steps=STEPS,
        global_batch=config.train.batch_size,
        layout=None,
    )
    start, phases = methods.make_state_and_phases(config, given)
    sizes = experiment.batch_sizes(config, config.train.batch_size)
    batch = {part: patterns(size)[None] for part, size in sizes.items()}
    batch["labels"] = np.zeros((1, sizes["labelled"]), np.int32)
    ends = [end for end, _ in phases]
    lengths = np.diff([0, *ends]).tolist()
    steps = [step for _, step in phases]
    start, batch = jax.device_get(start), jax.device_put(batch)
    return [(n, step, start, batch) for n, step in zip(lengths, steps, strict=True)]


def make_steps(config) -> list[tuple[int, Callable[[], object]]]:
    """Return for each phase of the run its length and a function that runs one of its steps."""
    found = []
    for length, step, start, batch in make_phases(config):
        call = jax.pmap(step, state.AXIS, in_axes=(None, 0), out_axes=(None, None))
        held = [start]

        def one(call=call, held=held, batch=batch):
            held[0], metrics = call(held[0], batch)
            return jax.block_until_ready(metrics)

        found.append((length, one))
    return found


def make_views(config) -> Callable[[], object]:
    """Return a function that makes strong views of one batch."""
    strengths = augment.Strengths(**config.strong.to_dict())
    views = jax.jit(augment.make_augment(TWO_THETA_DEG, strengths))
    batch, key = jax.device_put(patterns(64)), jax.random.key(0, impl="rbg")
    return lambda: jax.block_until_ready(views(key, batch))


def main() -> None:
    """Print the time of each method's step."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--rows", help="rows of configs/study.py; default: all")
    arguments = parser.parse_args()
    study = load_study()
    rows = list(ROWS)
    if arguments.rows:
        rows = ["supervised", *arguments.rows.split(",")]
    rows = list(dict.fromkeys(rows))  # 'supervised' only once: the others are compared with it
    phases = [(name, n, f) for name in rows for n, f in make_steps(study.get_config(name))]
    phases.append(("views", STEPS, make_views(configuration.base("bl", 5, "consistency"))))
    seconds: list[list[float]] = [[] for _ in phases]
    for repeat in range(arguments.repeats + 2):
        for (_, _, function), times in zip(phases, seconds, strict=True):
            beginning = time.perf_counter()
            function()
            if repeat >= 2:  # the first ones compile
                times.append(time.perf_counter() - beginning)
    mean: dict[str, float] = {}
    for (name, steps, _), times in zip(phases, seconds, strict=True):
        mean[name] = mean.get(name, 0.0) + steps / STEPS * statistics.median(times)
    results = {
        name: {
            "milliseconds": round(1e3 * value, 1),
            "ratio": round(value / mean["supervised"], 3),
            "steps": int(60 * arguments.minutes / value),
        }
        for name, value in mean.items()
    }
    print(json.dumps(results))


if __name__ == "__main__":
    main()
