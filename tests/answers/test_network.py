"""One program for several models gives the same output as each model applied as a whole."""

import functools

import jax
import made_up
import numpy as np
import pytest

from sgan_jax.answers import network
from sgan_jax.models import resnet


@functools.partial(
    jax.jit, static_argnums=0, compiler_options={"xla_backend_optimization_level": 0}
)
def apply(model, params, patterns):
    return model.apply({"params": params}, patterns, train=False).logits


@pytest.mark.parametrize("released", [False, True])
def test_models_of_other_classes_share_a_program(released):
    def kind(classes):
        return resnet.ResNet1D(
            classes,
            stem_pool=not released,
            projection_shortcuts=released,
            real_fake_head=released,
        )

    patterns = np.random.default_rng(0).uniform(size=(2, 3041)).astype(np.float32)
    programs = []
    for task in ("bl", "sg"):
        one = made_up.classifier(task, model=kind)
        found = network.logits(one.model, one.params, patterns)
        whole = apply(one.model, one.params, patterns)
        np.testing.assert_allclose(found, whole, atol=1e-4 * np.abs(whole).max())
        programs.append(network._program()._cache_size())
    assert programs[0] == programs[1] > 0
