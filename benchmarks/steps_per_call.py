"""Time per step with several steps in one compiled call, relative to one call per step.

python benchmarks/steps_per_call.py [--steps=10] [--repeats=5] [--rows=supervised,sgan]

The settings are those of the study (configs/study.py), the batch is always the same; both ways are
timed in turn, so that a busy machine slows both; medians. `ratio` below 1: one call is faster. The
last line is JSON. The default of `train.steps_per_call` is based on this.
"""

import argparse
import json
import statistics
import time

import jax
import method_steps
from jax import lax

from sgan_jax.training import state


def make_calls(config, steps: int):
    """Yield for each phase of a run two functions that run `steps` steps, one by one and in one."""
    for _, step, start, batch in method_steps.make_phases(config):

        def looped(carry, batch, step=step):
            return lax.scan(lambda carry, _: step(carry, batch), carry, length=steps)

        single = jax.pmap(step, state.AXIS, in_axes=(None, 0), out_axes=(None, None))
        whole = jax.pmap(looped, state.AXIS, in_axes=(None, 0), out_axes=(None, None))

        def one_by_one(single=single, start=start, batch=batch):
            carry = start
            for _ in range(steps):
                carry, metrics = single(carry, batch)
            jax.block_until_ready(metrics)

        def in_one(whole=whole, start=start, batch=batch):
            jax.block_until_ready(whole(start, batch)[1])

        yield one_by_one, in_one


def main() -> None:
    """Print the milliseconds per step of each method both ways, and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=10, help="steps per call")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--rows", default="supervised,sgan,consistency,pretrain_consistency")
    arguments = parser.parse_args()
    study, results = method_steps.load_study(), {}
    for name in arguments.rows.split(","):
        for phase, calls in enumerate(make_calls(study.get_config(name), arguments.steps)):
            seconds = [[], []]
            for repeat in range(arguments.repeats + 1):
                for call, times in zip(calls, seconds, strict=True):
                    beginning = time.perf_counter()
                    call()
                    if repeat:  # the first compiles
                        times.append((time.perf_counter() - beginning) / arguments.steps)
            apart, together = (statistics.median(times) for times in seconds)
            title = f"{name}, phase {phase + 1}"
            results[title] = {
                "one_by_one_milliseconds": round(1e3 * apart, 1),
                "in_one_milliseconds": round(1e3 * together, 1),
                "ratio": round(together / apart, 3),
            }
            print(title, results[title], flush=True)
    print(json.dumps(results))


if __name__ == "__main__":
    main()
