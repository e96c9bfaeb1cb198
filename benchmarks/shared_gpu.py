"""How much more several runs do in the same time if they share a GPU.

python benchmarks/shared_gpu.py [--processes=1,4,12] [--rows=supervised,sgan] [--seconds=5]

So many processes at once train the study's networks (configs/study.py) on one batch each, 50 steps
in one call; data loading, logging and validation are left out. `ratio` is the steps of all of them
relative to those of one process by itself. It is what `--per_gpu` of launch/sweep.py can gain. With
NVIDIA's Multi-Process Service (`nvidia-cuda-mps-control -d`) their kernels run side by side,
without it they take turns. The last line is JSON.
"""

import argparse
import json
import os
import subprocess
import sys
import time

PER_CALL = 50


def train(row: str, seconds: float) -> None:
    """Compile, say so, wait for a line, train for `seconds` and print the steps per second."""
    import jax
    import method_steps
    from jax import lax

    from sgan_jax.training import state

    jax.config.update("jax_default_prng_impl", "rbg")
    _, step, start, batch = method_steps.make_phases(method_steps.load_study().get_config(row))[0]

    def steps(carry, batch):
        return lax.scan(lambda carry, _: step(carry, batch), carry, length=PER_CALL)

    call = jax.pmap(steps, state.AXIS, in_axes=(None, 0), out_axes=(None, None))
    carry, _ = call(start, batch)  # this compiles
    carry, metrics = call(carry, batch)  # from arrays that are on the device
    jax.block_until_ready(metrics)
    print("ready", flush=True)
    sys.stdin.readline()
    beginning, done = time.perf_counter(), 0
    while (passed := time.perf_counter() - beginning) < seconds or not done:
        carry, metrics = call(carry, batch)
        jax.block_until_ready(metrics)
        done += PER_CALL
    print(done / passed, flush=True)


def measure(row: str, processes: int, seconds: float) -> float:
    """Return the steps per second of all processes together."""
    share = {"XLA_CLIENT_MEM_FRACTION": f"{0.9 / processes:.3f}"}
    command = [sys.executable, __file__, f"--train={row}", f"--seconds={seconds}"]
    children = [
        subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **share},
        )
        for _ in range(processes)
    ]
    for child in children:
        if child.stdout.readline() != "ready\n":
            raise SystemExit(f"error: a process of {processes} ended before it could train")
    for child in children:
        child.stdin.write("go\n")
        child.stdin.flush()
    return sum(float(child.stdout.readline()) for child in children)


def main() -> None:
    """Print the steps per second of each number of processes, and the ratio to one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--processes", default="1,4,12", help="the first is compared with")
    parser.add_argument("--rows", default="supervised,sgan")
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--train", default="", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.train:
        train(arguments.train, arguments.seconds)
        return
    results = {}
    for row in arguments.rows.split(","):
        first = None
        for processes in map(int, arguments.processes.split(",")):
            rate = measure(row, processes, arguments.seconds)
            first = first or rate
            results[f"{row}, {processes} at once"] = {
                "steps_per_second": round(rate, 1),
                "milliseconds_of_each": round(1e3 * processes / rate, 2),
                "ratio": round(rate / first, 2),
            }
            print(list(results)[-1], list(results.values())[-1], flush=True)
    print(json.dumps(results))


if __name__ == "__main__":
    main()
