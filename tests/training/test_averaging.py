import jax
import numpy as np
import optax
import pytest
import stand_ins
from stand_ins import LATENT, POINTS

from sgan_jax.training import averaging, parallel, sgan_step, state, supervised_step


def supervised():
    tx, discriminator = optax.sgd(0.3), stand_ins.Discriminator()
    created = state.create_classifier_state(discriminator, tx, seed=0, points=POINTS)
    return supervised_step.make_supervised_step(discriminator, tx, stand_ins.no_augment), created


def sgan():
    networks = (stand_ins.Discriminator(), stand_ins.Generator(axis_name=state.AXIS))
    txs = state.Networks(optax.sgd(0.3), optax.sgd(0.3))
    created = state.create_sgan_state(*networks, txs, seed=0, points=POINTS, latent=LATENT)
    return sgan_step.make_sgan_step(*networks, txs, LATENT, stand_ins.no_augment), created


@pytest.mark.parametrize("make", [supervised, sgan])
def test_average_is_the_weighted_sum_of_the_steps(make):
    step, created = make()
    created = created.replace(average=state.classifier_params(created))
    averaged = averaging.make_averaged_step(step, 0.15)
    data = stand_ins.patterns_and_labels(24)
    index = stand_ins.indices(2, 1, 4, 24)
    now, path = created, []
    call, where = parallel.make_parallel_step(averaged), jax.local_devices()[:2]
    resident = stand_ins.resident(data, 2)
    for _ in range(3):
        now, _ = call(parallel.replicate(now, where), resident, index)
        now = jax.device_get(now)
        path.append(state.classifier_params(now)["hidden"]["kernel"])
    start = np.asarray(state.classifier_params(created)["hidden"]["kernel"])
    # m = 1/10, min(0.15, 2/11) = 0.15, 0.15.
    expected = 0.1 * start + 0.9 * path[0]
    expected = 0.15 * expected + 0.85 * path[1]
    expected = 0.15 * expected + 0.85 * path[2]
    np.testing.assert_allclose(now.average["hidden"]["kernel"], expected, rtol=1e-5)
    assert abs(expected - path[2]).max() > 1e-3
    stand_ins.assert_trees_equal(state.evaluated_params(now), now.average)
    # Training itself is not changed.
    three = {part: np.tile(array, (1, 3, 1)) for part, array in index.items()}
    plain, _ = stand_ins.run(step, created.replace(average=None), data, three, 2)
    stand_ins.assert_trees_close(plain.params, now.params, rtol=1e-4, atol=1e-6)
    stand_ins.assert_trees_equal(state.evaluated_params(plain), state.classifier_params(plain))
