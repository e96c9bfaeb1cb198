"""What data loading and logging add to the training steps of a run.

python benchmarks/training_loop.py [--steps=400] [--config=configs/bl_90.py]

Trains for `--steps` steps as the program does, except that each step is waited for; the time
between the end of a step and the start of the next then goes to the batches' indices, the reading
of metrics, the log line, JSON lines and TensorBoard. A real run waits one call later, so this is an
upper bound on the cost. Validation and checkpoints are left out. The last line is JSON.
"""

import argparse
import importlib.util
import itertools
import json
import pathlib
import statistics
import tempfile
import time
from collections.abc import Callable
from typing import Any

import jax

from sgan_jax.training import parallel, train

WARM_UP = 20  # calls that are not counted: compilation, first allocations


def recorded(
    make: Callable[..., Callable[..., Any]], times: list[tuple[float, float]]
) -> Callable[..., Callable[..., Any]]:
    """Return `make`, with its calls waited for and recorded as (beginning, end)."""

    def make_recorded(step):
        call = make(step)

        def recorded_call(*arguments):
            beginning = time.perf_counter()
            result = jax.block_until_ready(call(*arguments))
            times.append((beginning, time.perf_counter()))
            return result

        return recorded_call

    return make_recorded


def main() -> None:
    """Print the fraction of a run outside its steps."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--config", default="configs/bl_90.py")
    arguments = parser.parse_args()
    spec = importlib.util.spec_from_file_location("experiment", arguments.config)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    config = module.get_config()
    config.train.steps = arguments.steps
    config.train.eval_every_steps = config.checkpoint.every_steps = arguments.steps

    times: list[tuple[float, float]] = []
    parallel.make_parallel_step = recorded(parallel.make_parallel_step, times)
    with tempfile.TemporaryDirectory() as workdir:
        train.train(config, pathlib.Path(workdir))
    times = times[WARM_UP:]
    between = sum(after[0] - before[1] for before, after in itertools.pairwise(times))
    whole = times[-1][1] - times[0][0]
    result = {
        "fraction_outside_steps": round(between / whole, 5),
        "step_milliseconds": round(1e3 * statistics.median(b - a for a, b in times), 2),
        "steps": len(times),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
