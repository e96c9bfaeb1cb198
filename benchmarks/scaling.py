"""How a training step scales over the devices of this machine, measured and predicted.

python benchmarks/scaling.py [--method=sgan] [--cpu_devices=8] [--repeats=10] [--predict_only]

Compiles the program's own step (the paper's networks and batch, patterns of noise) for 1, 2, 4, ...
devices, times it, and times all-reduces of a small message and of one as large as the gradients.
Once the step on one device has been timed, the prediction for n devices is:

    t(n) = t(1) + A a + 2 (n - 1) / n * S / b

A messages per step (all-reduces, and the all-gathers of BatchNorm, counted as such) with latency a
and S bytes in total, over links of b bytes per second each way: from the table below for the GPUs
in it, else as measured here. One CPU device uses all cores, which n devices share, so that n t(1)
stands for t(1): such a run checks the script, not a GPU. The lines 'predicted for' use only the
figures of the compiled step and the table:

    t(1) = max(operations / peak, bytes / bandwidth) + kernels * 2.6 µs

Operations, bytes and kernels are those of the program compiled for the devices of this machine;
another compiler fuses differently. The last line is JSON.
"""

import argparse
import json
import os
import re
import statistics
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np
from jax import lax

from sgan_jax import config as configuration
from sgan_jax import symmetry
from sgan_jax.datasets import splits
from sgan_jax.training import blueprint, experiment, parallel
from sgan_jax.training.state import AXIS

PER_DEVICE = 1024  # patterns of noise on each device


class Gpu(NamedTuple):
    """Published figures of a GPU in a machine of eight; dense, one way."""

    float32: float  # operations per second, without tensor cores
    memory: float  # bytes per second
    link: float  # bytes per second from one GPU to the others, NVLink
    network: float  # bytes per second from one machine to the others


# Data sheets of V100 SXM2 and DGX-1 (4 x 100 Gb/s), A100 SXM4 80 GB and DGX A100 (8 x 200 Gb/s),
# H100 SXM5 and DGX H100 (8 x 400 Gb/s), H200 SXM5 and DGX H200.
GPUS = {
    "V100": Gpu(15.7e12, 0.90e12, 150e9, 50e9),
    "A100": Gpu(19.5e12, 2.04e12, 300e9, 200e9),
    "H100": Gpu(66.9e12, 3.35e12, 450e9, 400e9),
    "H200": Gpu(66.9e12, 4.8e12, 450e9, 400e9),
}
# Per kernel beside its memory traffic, on one H200: 1.71 ms a supervised step of 581 kernels and
# 0.88 GB, 50 steps in one call (benchmarks/shared_gpu.py).
LAUNCH_SECONDS = 2.6e-6
# Of a small all-reduce. One machine: an assumption, to be replaced by what this script measures.
# 2, 4 and 8 machines of eight V100s: nccl-tests over 100 Gb/s Ethernet (EFA), 2019; InfiniBand has
# a lower one.
LATENCY_SECONDS = {1: 25e-6, 2: 164e-6, 4: 319e-6, 8: 631e-6}


class Step(NamedTuple):
    """A compiled step and what it costs on each device."""

    run: Callable[[], None]
    figures: dict[str, Any]


def compile_step(method: str, devices: int) -> Step:
    """Compile the step of `configs/sg_05.py` for the given number of devices."""
    config = configuration.base("sg", 5, method)
    classes = symmetry.class_list("sg", "paper", np.zeros(0, int), 0)
    instrument = blueprint.make_instrument(config.instrument)
    none = np.zeros(0, np.int64)
    data = experiment.Data(
        None, instrument, classes, [], none, splits.Split(none, none, none, none)
    )
    batch = config.train.batch_size
    state, ((_, step),) = experiment.make_state_and_phases(
        config, data, total_steps=1, global_batch=devices * batch
    )
    where = jax.local_devices()[:devices]
    rng = np.random.default_rng(0)
    parts = ("labelled", "unlabelled") if method == "sgan" else ("labelled",)
    patterns = rng.random((devices, PER_DEVICE, instrument.points), np.float32)
    labels = rng.integers(len(classes), size=(devices, PER_DEVICE)).astype(np.int32)
    resident = parallel.ResidentData(
        {part: parallel.distribute(patterns, where) for part in parts},
        {part: parallel.distribute(labels, where) for part in parts},
    )
    positions = {part: np.tile(np.arange(batch, dtype=np.int32), (devices, 1, 1)) for part in parts}
    held = [parallel.replicate(state, where)]
    compiled = parallel.make_parallel_step(step).lower(held[0], resident, positions).compile()

    def run() -> None:
        held[0], sums = compiled(held[0], resident, positions)
        jax.block_until_ready(sums)

    return Step(run, figures(compiled, state, len(parts) * PER_DEVICE * instrument.points * 4))


def figures(compiled: Any, state: Any, data_bytes: int) -> dict[str, Any]:
    """Return what one device holds and computes, from the compiled program."""
    text, cost, memory = compiled.as_text(), compiled.cost_analysis(), compiled.memory_analysis()
    entry = text[text.index("\nENTRY") :]
    kernels = len(re.findall(r" (?:fusion|dot|convolution|custom-call|reduce|copy|call)\(", entry))
    state_bytes = sum(leaf.nbytes for leaf in jax.tree.leaves(state))
    parameter_bytes = sum(leaf.nbytes for leaf in jax.tree.leaves(state.params))
    return {
        "parameter_bytes": parameter_bytes,
        "optimizer_and_other_state_bytes": state_bytes - parameter_bytes,
        "work_bytes": memory.temp_size_in_bytes,
        "data_bytes_here": data_bytes,
        "operations": cost["flops"],
        "bytes_moved": cost["bytes accessed"],
        "kernels": kernels,
        "message_bytes": message_bytes(text),
    }


def message_bytes(text: str) -> list[int]:
    """Return the bytes of each all-reduce and all-gather of a compiled program."""
    sizes = []
    for match in re.finditer(r"= (.*?) (?:all-reduce|all-gather)(?:-start)?\(", text):
        shapes = re.findall(r"f32\[([\d,]*)\]", match[1])
        sizes.append(
            4 * sum(int(np.prod([int(n) for n in s.split(",") if n], dtype=int)) for s in shapes)
        )
    return sizes


def all_reduce_seconds(size: int, devices: int, repeats: int, chain: int = 20) -> float:
    """Return the seconds of one all-reduce of `size` bytes, from a chain of them in one program."""

    def send(vector):
        for _ in range(chain):
            vector = lax.optimization_barrier(lax.psum(vector, AXIS) / devices)
        return vector

    where = jax.local_devices()[:devices]
    vectors = parallel.distribute(np.ones((devices, size // 4), np.float32), where)
    call = jax.pmap(send, AXIS, devices=where)
    call(vectors).block_until_ready()
    return median_seconds(lambda: call(vectors).block_until_ready(), repeats) / chain


def median_seconds(function: Callable[[], object], repeats: int) -> float:
    """Return the median duration of a call."""
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def message_seconds(sizes: list[int], devices: int, latency: float, link: float) -> float:
    """Return A a + 2 (n - 1) / n * S / b."""
    return len(sizes) * latency + 2 * (devices - 1) / devices * sum(sizes) / link


def predictions(one: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what a step's figures predict for 1 to 8 machines of eight GPUs of each kind."""
    rows = []
    for name, gpu in GPUS.items():
        alone = max(one["operations"] / gpu.float32, one["bytes_moved"] / gpu.memory)
        alone += one["kernels"] * LAUNCH_SECONDS
        for machines, latency in LATENCY_SECONDS.items():
            # Each of the eight GPUs of a machine has an eighth of its network.
            link = gpu.link if machines == 1 else min(gpu.link, gpu.network)
            messages = message_seconds(one["message_bytes"], 8 * machines, latency, link)
            rows.append(
                {
                    "gpus": f"{machines} x 8 {name}",
                    "step_milliseconds": round(1e3 * (alone + messages), 3),
                    "of_it_messages": round(messages / (alone + messages), 3),
                    "times_one_gpu": round(8 * machines * alone / (alone + messages), 1),
                }
            )
    return rows


def main() -> None:
    """Print figures and predictions, and measured against predicted times."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--method", default="sgan", choices=["supervised", "sgan"])
    parser.add_argument("--cpu_devices", type=int, default=8, help="if there is no GPU")
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--predict_only", action="store_true")
    arguments = parser.parse_args()
    jax.config.update("jax_num_cpu_devices", arguments.cpu_devices)
    available = jax.local_device_count()
    kind = jax.local_devices()[0].device_kind
    gpu = next((gpu for name, gpu in GPUS.items() if name in kind), None)
    on_cpu = jax.default_backend() == "cpu"
    cores = len(os.sched_getaffinity(0))
    print(f"{available} devices: {kind}" + (f", sharing {cores} cores" if on_cpu else ""))

    whole = compile_step(arguments.method, available)
    print("each device, each step:", json.dumps(whole.figures))
    predicted = predictions(whole.figures)
    for row in predicted:
        print("predicted for", row)

    measured = []
    sizes = whole.figures["message_bytes"]
    counts = [n for n in (1, 2, 4, 8) if n <= available] if not arguments.predict_only else []
    alone = 0.0
    for devices in counts:
        step = whole if devices == available else compile_step(arguments.method, devices)
        step.run()
        seconds = median_seconds(step.run, arguments.repeats)
        alone = alone or seconds
        latency = small = large = 0.0
        if devices > 1:
            small = all_reduce_seconds(256, devices, arguments.repeats)
            large = all_reduce_seconds(max(sizes), devices, arguments.repeats)
            latency, link = (LATENCY_SECONDS[1], gpu.link) if gpu else (small, max(sizes) / large)
        share = devices if on_cpu else 1
        expected = alone * share + (
            message_seconds(sizes, devices, latency, link) if devices > 1 else 0.0
        )
        measured.append(
            {
                "devices": devices,
                "step_milliseconds": round(1e3 * seconds, 2),
                "predicted_milliseconds": round(1e3 * expected, 2),
                "measured_over_predicted": round(seconds / expected, 3),
                "small_all_reduce_microseconds": round(1e6 * small, 1),
                "gradient_all_reduce_microseconds": round(1e6 * large, 1),
            }
        )
        print("measured", measured[-1], flush=True)
    result = {"method": arguments.method, "device": kind, "cpu_cores_shared": on_cpu and cores}
    result |= {"figures": whole.figures, "measured": measured, "predicted": predicted}
    print(json.dumps(result))


if __name__ == "__main__":
    main()
