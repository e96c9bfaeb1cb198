"""The program's own steps, as shapes: nothing is initialised and no pattern exists."""

import jax
import numpy as np
import stand_ins

from sgan_jax.models import generator, resnet
from sgan_jax.training import (
    optimizers,
    parallel,
    released_sgan_step,
    sgan_step,
    state,
    supervised_step,
)

CLASSES, POINTS = 144, 3041
DEVICES, PER_DEVICE, BATCH = 8, 4, 2
METHODS = ("supervised", "sgan", "released")


def step_and_state(method):
    """Return the step and the shapes of the state it starts from."""
    made = []

    def create():
        step, created = _step_and_state(method)
        made.append(step)
        return created

    shapes = jax.eval_shape(create)
    return made[0], shapes


def _step_and_state(method):
    adam, options = optimizers.make_adam(1e-4), {"seed": 0, "points": POINTS}
    if method == "supervised":
        discriminator = resnet.ResNet1D(CLASSES)
        step = supervised_step.make_supervised_step(discriminator, adam, stand_ins.no_augment)
        return step, state.create_classifier_state(discriminator, adam, **options)
    options["latent"] = generator.LATENT
    make_generator = generator.Generator(axis_name=state.AXIS)
    if method == "sgan":
        networks, txs = (resnet.ResNet1D(CLASSES), make_generator), state.Networks(adam, adam)
        step = sgan_step.make_sgan_step(*networks, txs, generator.LATENT, stand_ins.no_augment)
        return step, state.create_sgan_state(*networks, txs, **options)
    discriminator = resnet.ResNet1D(
        CLASSES, stem_pool=False, projection_shortcuts=True, real_fake_head=True
    )
    networks, txs = (discriminator, make_generator), state.ReleasedOptimizers(adam, adam, adam)
    step = released_sgan_step.make_released_sgan_step(
        *networks,
        txs,
        generator.LATENT,
        stand_ins.no_augment,
        soft_labels=True,
        steps_per_epoch=10,
    )
    return step, state.create_sgan_state(*networks, txs, **options)


def data_and_positions(method):
    """Return the shapes of what eight devices hold and of one call's positions."""
    parts = ("labelled",) if method == "supervised" else ("labelled", "unlabelled")

    def of_each(*shape, dtype):
        return {part: jax.ShapeDtypeStruct((DEVICES, *shape), dtype) for part in parts}

    data = parallel.ResidentData(
        of_each(PER_DEVICE, POINTS, dtype=np.float32), of_each(PER_DEVICE, dtype=np.int32)
    )
    return data, of_each(1, BATCH, dtype=np.int32)


def parameters(tree):
    return sum(leaf.size for leaf in jax.tree.leaves(tree))
