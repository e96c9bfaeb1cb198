"""Noise on unlabelled and generated patterns: what it is, and what it leaves alone."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import stand_ins
from scipy import stats

from sgan_jax.training import feature_matching_step, instance_noise, sgan_step, state

MAKE = {
    "sgan": sgan_step.make_sgan_step,
    "feature_matching": feature_matching_step.make_feature_matching_step,
}


def test_each_pattern_has_gaussian_noise_of_its_own_and_any_strength_up_to_the_most():
    patterns = jnp.broadcast_to(jnp.linspace(0.0, 1.0, 4000), (400, 4000))
    noise = np.asarray(instance_noise.noisy(jax.random.key(0), patterns, 0.3) - patterns)
    deviations = noise.std(axis=1)
    assert stats.kstest(deviations, stats.uniform(0, 0.3).cdf).pvalue > 0.01
    strong = noise[deviations > 0.1] / deviations[deviations > 0.1, None]
    assert stats.kstest(strong[:50].ravel(), stats.norm.cdf).pvalue > 0.01
    correlations = np.corrcoef(strong[:30])
    assert np.abs(correlations - np.eye(30)).max() < 5 / np.sqrt(4000)


@pytest.mark.parametrize("method", MAKE)
def test_labelled_patterns_are_seen_as_they_are_and_the_others_not(method):
    networks = (stand_ins.Discriminator(), stand_ins.Generator(axis_name=state.AXIS))
    txs = state.Networks(optax.sgd(0.1), optax.sgd(0.1))
    options = {"seed": 0, "points": stand_ins.POINTS, "latent": stand_ins.LATENT}
    created = state.create_sgan_state(*networks, txs, **options)
    data, indices = stand_ins.patterns_and_labels(24), stand_ins.indices(1, 1, 8, 24)
    sums = []
    for noise in (0.0, 0.5):
        step = MAKE[method](*networks, txs, stand_ins.LATENT, stand_ins.no_augment, noise=noise)
        sums.append(jax.device_get(stand_ins.run(step, created, data, indices, 1)[1]))
    clean, noisy = sums
    for same in ("loss", "accuracy"):
        assert noisy[same] == pytest.approx(clean[same], rel=1e-6), same
    for other in ("d_unlabelled", "d_generated", "discriminator_loss", "generator_loss"):
        assert abs(noisy[other] - clean[other]).max() > 1e-3, other
