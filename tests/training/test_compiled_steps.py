"""What eight devices execute, read from the compiled program; and the same for CUDA."""

import functools
import re

import jax
import numpy as np
import pytest
import real_networks
from jax import export
from real_networks import BATCH, CLASSES, DEVICES, METHODS, PER_DEVICE, POINTS

from sgan_jax.models import generator, resnet
from sgan_jax.training import parallel, steps

# Elements; BatchNorm of the generator sends 64, the gradients of a network 92 000 or more.
SMALL = 1000
# The numbers of metrics that travel with each message of gradients.
METRICS = {"supervised": (3,), "sgan": (7,), "released": (2, 3, 4)}


@functools.cache
def lowered(method):
    step, shapes = real_networks.step_and_state(method)
    call = parallel.make_parallel_step(step)
    arguments = (shapes, *real_networks.data_and_positions(method))
    return call, arguments


@pytest.fixture(
    scope="module", params=["supervised", "sgan", pytest.param("released", marks=pytest.mark.slow)]
)
def compiled(request):
    """Compile the program of eight devices, which nobody runs, with little optimisation."""
    call, arguments = lowered(request.param)
    hurry = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}
    return request.param, arguments[0], call.lower(*arguments).compile(compiler_options=hurry)


def messages(method, shapes):
    """Return the elements of each message that a step's updates need: gradients and metrics."""
    if method == "supervised":
        gradients = (shapes.params,)
    elif method == "sgan":
        gradients = (shapes.params,)  # both networks', which are computed before either moves
    else:
        gradients = (shapes.params.generator, *2 * (shapes.params.discriminator,))
    counts = (real_networks.parameters(tree) for tree in gradients)
    return sorted(n + extra for n, extra in zip(counts, METRICS[method], strict=True))


def test_one_message_of_gradients_an_update(compiled):
    method, shapes, program = compiled
    sizes = elements(program.as_text(), "all-reduce")
    assert sorted(size for size in sizes if size > SMALL) == messages(method, shapes)
    # Eight BatchNorms: two numbers per channel from each device forward, two backward.
    layers, channels = (0, 0) if method == "supervised" else (len(generator.HIDDEN), 32)
    assert [size for size in sizes if size <= SMALL] == layers * [2 * channels]
    gathered = elements(program.as_text(), "all-gather")
    assert gathered == layers * [DEVICES * 2 * channels]


def test_no_host_no_float64_and_the_state_is_updated_in_place(compiled):
    _, shapes, program = compiled
    text = program.as_text()
    assert "f64[" not in text
    assert not re.search(r"(callback|infeed\(|outfeed\(|send\(|recv\()", text)
    state_bytes = sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(shapes))
    assert program.memory_analysis().alias_size_in_bytes == state_bytes
    aliases = re.search(r"input_output_alias=\{(.*?)\}, entry", text)[1]
    assert aliases.count("alias)") == len(jax.tree.leaves(shapes))


@pytest.mark.parametrize("method", METHODS)
def test_training_steps_are_lowered_for_cuda(method):
    call, arguments = lowered(method)
    exported = export.export(jax.jit(call, donate_argnums=0), platforms=["cuda"])(*arguments)
    assert exported.platforms == ("cuda",) and exported.nr_devices == DEVICES
    sizes = [
        int(np.prod([int(n) for n in shape.split("x")[:-1]]))
        for shape in re.findall(r"all_reduce.*?-> tensor<(.*?)>", exported.mlir_module(), re.DOTALL)
    ]
    large = sorted(size for size in sizes if size > SMALL)
    assert large == messages(method, arguments[0])
    assert "f64" not in exported.mlir_module()


def test_evaluation_is_lowered_for_cuda():
    discriminator = resnet.ResNet1D(CLASSES)
    call = parallel.make_parallel_evaluation(steps.make_evaluation_step(discriminator))
    _, shapes = real_networks.step_and_state("supervised")
    data, positions = real_networks.data_and_positions("supervised")
    where = jax.ShapeDtypeStruct((DEVICES, BATCH), np.int32)
    exported = export.export(jax.jit(call), platforms=["cuda"])(
        shapes.params, data.patterns["labelled"], data.labels["labelled"], where, where
    )
    assert exported.nr_devices == DEVICES
    assert exported.out_avals[-1].shape == (DEVICES, BATCH, CLASSES)
    assert POINTS in exported.in_avals[-4].shape and PER_DEVICE in exported.in_avals[-3].shape
    assert positions["labelled"].shape[0] == DEVICES


def elements(text, operation):
    """Return the elements of each collective of a kind on a device, from a compiled program."""
    sizes = []
    for line in text.splitlines():
        if match := re.search(rf"= (.*?) {operation}(-start)?\(", line):
            shapes = re.findall(r"\w\d+\[([\d,]*)\]", match[1])
            sizes.append(
                sum(int(np.prod([int(n) for n in s.split(",") if n], dtype=int)) for s in shapes)
            )
    return sizes
