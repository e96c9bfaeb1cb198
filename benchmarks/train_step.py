"""How fast a training step is, compared with torch and with the floor set by its arithmetic.

python benchmarks/train_step.py [--repeats=20] [--threads=2]    # on the GPU, if jax finds one

Times one supervised step (batch 64, with and without the stem's pool) and one SGAN step (32
labelled, 32 unlabelled, 32 generated) of the program itself, with the optimiser, without data
loading; and, in turn, the same networks in torch's own layers, on as many threads. Medians.
`samples_per_second` counts labelled, unlabelled and generated patterns.

`fraction_of_floor` is the floor over the measured time: the floor is the time that the operations
that XLA counts in a plain version of the network and its gradients would take at the rate of a
product of two large matrices. The last line is JSON.
"""

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import torch
import torch_networks

from sgan_jax.models import generator, resnet
from sgan_jax.training import (
    augment,
    optimizers,
    parallel,
    parts,
    sgan_step,
    state,
    supervised_step,
)

POINTS, CLASSES, LATENT = 3041, 144, 100
SUPERVISED_BATCH, SGAN_BATCH = 64, 32
# Points after the stem and after each stage, without and with the pool.
LENGTHS = {False: (3029, 758, 190, 38, 13), True: (433, 109, 28, 6, 2)}


def make_data(batch: int) -> tuple[np.ndarray, np.ndarray]:
    """Return 2 batches of patterns with peaks [2 B, P] and labels [2 B]."""
    rng = np.random.default_rng(0)
    patterns = rng.uniform(size=(2 * batch, POINTS)).astype(np.float32) ** 8
    return patterns, rng.integers(CLASSES, size=2 * batch).astype(np.int32)


def our_step(method: str, stem_pool: bool, batch: int) -> Callable[[], float]:
    """Return a function that runs one step of the program, state and data on the device."""
    patterns, labels = make_data(batch)
    device = jax.local_devices()[:1]
    two_theta_deg = 3.0 + 0.05 * np.arange(POINTS)
    moved = augment.make_augment(two_theta_deg, augment.Strengths())
    discriminator = resnet.ResNet1D(CLASSES, stem_pool=stem_pool)
    options = {"seed": 0, "points": POINTS, "rng": "rbg"}
    if method == "supervised":
        tx = optimizers.make_adam(1e-4)
        start = state.create_classifier_state(discriminator, tx, **options)
        at_once = parts.examples_at_once(stem_pool)
        step = supervised_step.make_supervised_step(
            discriminator, tx, moved, examples_at_once=at_once
        )
    else:
        networks = state.Networks(discriminator, generator.Generator(axis_name=state.AXIS))
        txs = state.Networks(optimizers.make_adam(5e-6), optimizers.make_adam(1e-6))
        start = state.create_sgan_state(*networks, txs, latent=LATENT, **options)
        step = sgan_step.make_sgan_step(*networks, txs, LATENT, moved)
    call = parallel.make_parallel_step(step)
    both = ("labelled", "unlabelled")
    data = parallel.ResidentData(
        {part: parallel.distribute(patterns[None], device) for part in both},
        {part: parallel.distribute(labels[None], device) for part in both},
    )
    held = [parallel.replicate(start, device)]
    indices = {"labelled": np.arange(batch, dtype=np.int32)[None, None]}
    if method == "sgan":
        indices["unlabelled"] = indices["labelled"] + batch

    def one() -> float:
        held[0], metrics = call(held[0], data, indices)
        return float(metrics["loss"][0])

    return one


def torch_step(method: str, stem_pool: bool, batch: int) -> Callable[[], float]:
    """Return a function that runs the same step in torch."""
    device = torch.get_default_device()
    patterns, labels = (torch.from_numpy(array).to(device) for array in make_data(batch))
    labelled, unlabelled, labels = patterns[:batch], patterns[batch:], labels[:batch].long()
    if method == "supervised":
        return torch_networks.make_supervised_step(labelled, labels, CLASSES, stem_pool)
    return torch_networks.make_sgan_step(labelled, labels, unlabelled, CLASSES, stem_pool)


def operations(method: str, stem_pool: bool, batch: int) -> float:
    """Return the operations (2 per multiplication and addition) of the convolutions of one step.

    Three times a forward pass: itself, and the gradients of kernel and input, the latter for the
    network's own input only where the generator needs it. Counted by XLA from plain convolutions.
    """
    total = 0.0
    examples = batch if method == "supervised" else 3 * batch
    lengths = LENGTHS[stem_pool]
    stem = counted(examples, POINTS, 1, 32, 13, 1, 0)
    total += 2 * stem + (counted(batch, POINTS, 1, 32, 13, 1, 0) if method == "sgan" else 0.0)
    channels = 32
    for before, after, (features, kernel, stride) in zip(
        lengths, lengths[1:], resnet.STAGES, strict=False
    ):
        half = kernel // 2
        total += 3 * counted(examples, before, channels, features, kernel, stride, half)
        total += 3 * counted(examples, before, channels, features, 1, stride, 0)
        total += 9 * counted(examples, after, features, features, kernel, 1, half)
        channels = features
    if method == "sgan":
        length, channels = LATENT, 1
        for kernel, stride in (*generator.HIDDEN, (generator.LAST_KERNEL, 1)):
            features = 1 if (kernel, stride) == (generator.LAST_KERNEL, 1) else 32
            # A transposed convolution costs as much as the gradient of its counterpart.
            after = (length - 1) * stride + kernel
            times = 3 if channels > 1 else 2
            total += times * counted(batch, after, features, channels, kernel, stride, 0)
            length, channels = after, features
    return total


def counted(
    batch: int, length: int, channels: int, features: int, kernel: int, stride: int, padding: int
) -> float:
    """Return the operations XLA counts in one convolution."""
    x = jax.ShapeDtypeStruct((batch, length, channels), jnp.float32)
    w = jax.ShapeDtypeStruct((kernel, channels, features), jnp.float32)

    def conv(x, w):
        numbers = ("NWC", "WIO", "NWC")
        return jax.lax.conv_general_dilated(
            x, w, (stride,), [(padding, padding)], dimension_numbers=numbers
        )

    return jax.jit(conv).lower(x, w).cost_analysis()["flops"]


def product_rate(size: int = 2048, repeats: int = 5) -> float:
    """Return the operations per second of a product of two matrices, the best of several."""
    a = jax.random.normal(jax.random.key(0), (size, size))
    product = jax.jit(jnp.matmul)
    product(a, a).block_until_ready()
    return 2 * size**3 / min(timed(lambda: product(a, a).block_until_ready(), repeats))


def timed(function: Callable[[], object], repeats: int) -> list[float]:
    """Return the seconds of each of several calls."""
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        seconds.append(time.perf_counter() - start)
    return seconds


def compare(method: str, stem_pool: bool, batch: int, repeats: int) -> dict[str, float]:
    """Time both, in turn."""
    ours, theirs = our_step(method, stem_pool, batch), torch_step(method, stem_pool, batch)
    for _ in range(2):  # compilation, first allocations
        ours(), theirs()
    seconds: list[float] = []
    torch_seconds: list[float] = []
    for _ in range(repeats):
        seconds += timed(ours, 1)
        torch_seconds += timed(theirs, 1)
    examples = batch if method == "supervised" else 3 * batch
    median, torch_median = statistics.median(seconds), statistics.median(torch_seconds)
    floor = operations(method, stem_pool, batch) / product_rate()
    return {
        "samples_per_second": round(examples / median, 1),
        "torch_samples_per_second": round(examples / torch_median, 1),
        "ratio": round(torch_median / median, 3),
        "fraction_of_floor": round(floor / median, 3),
        "milliseconds": round(1e3 * median, 1),
        "torch_milliseconds": round(1e3 * torch_median, 1),
        "floor_milliseconds": round(1e3 * floor, 1),
    }


def main() -> None:
    """Print the three comparisons."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    arguments = parser.parse_args()
    # XLA starts as many threads as there are cores that the process may use.
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: arguments.threads])
    torch.set_num_threads(arguments.threads)
    if jax.default_backend() == "gpu":
        torch.set_default_device("cuda")
    jax.config.update("jax_default_prng_impl", "rbg")
    cases = {
        "supervised_pooled": ("supervised", True, SUPERVISED_BATCH),
        "supervised_unpooled": ("supervised", False, SUPERVISED_BATCH),
        "sgan": ("sgan", True, SGAN_BATCH),
    }
    results = {}
    for name, case in cases.items():
        results[name] = compare(*case, arguments.repeats)
        print(name, results[name], flush=True)
    print(json.dumps(results))


if __name__ == "__main__":
    main()
