"""What each method consists of: from a configuration to a state and the steps that train it.

The ConfigDict is unpacked here for the step factories, in one short function per method.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import ml_collections
import numpy as np
import optax

from sgan_jax.diffraction.instrument_bank import Layout
from sgan_jax.models import contrastive
from sgan_jax.models import generator as generators
from sgan_jax.training import (
    averaging,
    batches,
    consistency_step,
    contrastive_step,
    feature_matching_step,
    optimizers,
    parts,
    pseudo_labels,
    released_sgan_step,
    sgan_step,
    state,
    supervised_step,
    views,
)


class Phase(NamedTuple):
    """A part of a run trained with one step function; most methods have only one phase."""

    end: int  # steps done when the phase is over
    step: Callable[..., Any]  # per device: (state, batch) -> (state, metrics)


class Given(NamedTuple):
    """What a method needs in addition to the configuration."""

    networks: state.Networks
    two_theta_deg: np.ndarray  # [P]
    class_counts: np.ndarray  # [K], of the labelled part
    unlabelled: int  # patterns in the unlabelled part
    total_steps: int
    global_batch: int  # labelled patterns per step, over all devices
    layout: Layout | None  # of the instruments that patterns are rendered on; None: not rendered


Training = tuple[state.TrainState, list[Phase]]


def make_state_and_phases(config: ml_collections.ConfigDict, given: Given) -> Training:
    """Return the initial state and the run's phases in order."""
    total = given.total_steps
    match config.method:
        case "supervised" | "consistency" as method:
            start = _classifier_state(config, given, method, total)
            step = _classifier_step(config, given, method, total, first_step=0)
            phases = [Phase(total, step)]
        case "pretrain":
            start, phases = _pretrain(config, given)
        case "feature_matching":
            start, phases = _feature_matching(config, given)
        case "sgan" if config.gan.optimizers == "two":
            start, phases = _sgan(config, given)
        case _:
            start, phases = _released_sgan(config, given)
    if decay := config.optim.average_decay:
        start = start.replace(average=state.classifier_params(start))
        phases = [Phase(end, averaging.make_averaged_step(step, decay)) for end, step in phases]
    return start, phases


def class_frequencies(class_counts: np.ndarray) -> np.ndarray:
    """Return float32 [K], summing to 1, with add-one smoothing so that none is 0."""
    return ((class_counts + 1) / (class_counts + 1).sum()).astype(np.float32)


def _classifier_state(
    config: ml_collections.ConfigDict, given: Given, method: str, steps: int
) -> state.ClassifierState:
    """Return the initial state of 'supervised' or 'consistency'."""
    start = state.create_classifier_state(
        given.networks.discriminator,
        _adam(config, config.optim.learning_rate, steps),
        seed=config.seed,
        points=len(given.two_theta_deg),
        rng=config.train.rng,
    )
    if method == "consistency":
        return start.replace(pseudo_labels=pseudo_labels.start(len(given.class_counts)))
    return start


def _classifier_step(
    config: ml_collections.ConfigDict, given: Given, method: str, steps: int, *, first_step: int
) -> Callable[..., Any]:
    """Return the step of 'supervised' or 'consistency' for `steps` steps after `first_step`."""
    classifier, tx = given.networks.discriminator, _adam(config, config.optim.learning_rate, steps)
    prior = class_frequencies(given.class_counts)
    logit_offset = config.optim.logit_adjustment * np.log(prior)[None, :]
    weak = views.make_first_views(config, given.two_theta_deg, given.layout)
    if method == "supervised":
        return supervised_step.make_supervised_step(
            classifier,
            tx,
            weak,
            logit_offset=logit_offset,
            examples_at_once=parts.examples_at_once(config.model.stem_pool),
        )
    options = consistency_step.Consistency(
        thresholds=config.consistency.thresholds,
        confidence=config.consistency.confidence,
        momentum=config.consistency.momentum,
        weight=config.consistency.weight,
        start_steps=config.consistency.start_steps,
        ramp_steps=config.consistency.ramp_steps,
        fairness_weight=config.consistency.fairness_weight,
        distribution_alignment=config.consistency.distribution_alignment,
    )
    return consistency_step.make_consistency_step(
        classifier,
        tx,
        weak,
        views.make_views(config.strong, given.two_theta_deg),
        options,
        prior=prior,
        first_step=first_step,
        logit_offset=logit_offset,
    )


def _pretrain(config: ml_collections.ConfigDict, given: Given) -> Training:
    first = round(config.pretrain.fraction * given.total_steps)
    rest = given.total_steps - first
    if not first or not rest:
        raise ValueError(
            f"pretrain.fraction {config.pretrain.fraction} of {given.total_steps} training steps "
            "leaves no steps for pre-training or none after it; use more steps"
        )
    classifier, projector = given.networks.discriminator, contrastive.Projector()
    tx = _adam(config, config.pretrain.learning_rate, first)
    start = state.add_projector(
        _classifier_state(config, given, config.pretrain.then, rest),
        classifier,
        projector,
        tx,
        seed=config.seed,
        points=len(given.two_theta_deg),
    )
    step = contrastive_step.make_contrastive_step(
        classifier,
        projector,
        tx,
        views.make_views(config.strong, given.two_theta_deg),
        temperature=config.pretrain.temperature,
        labelled_weight=config.pretrain.labelled_weight,
    )
    then = _classifier_step(config, given, config.pretrain.then, rest, first_step=first)
    return start, [Phase(first, step), Phase(given.total_steps, then)]


def _sgan(config: ml_collections.ConfigDict, given: Given) -> Training:
    txs = _two_optimizers(config, given)
    step = sgan_step.make_sgan_step(
        *given.networks,
        txs,
        generators.LATENT,
        views.make_first_views(config, given.two_theta_deg, given.layout),
        noise=config.gan.noise,
        real_per_generated=config.gan.real_per_generated,
    )
    return _sgan_state(config, given, txs), [Phase(given.total_steps, step)]


def _feature_matching(config: ml_collections.ConfigDict, given: Given) -> Training:
    txs = _two_optimizers(config, given)
    step = feature_matching_step.make_feature_matching_step(
        *given.networks,
        txs,
        generators.LATENT,
        views.make_first_views(config, given.two_theta_deg, given.layout),
        noise=config.gan.noise,
    )
    return _sgan_state(config, given, txs), [Phase(given.total_steps, step)]


def _released_sgan(config: ml_collections.ConfigDict, given: Given) -> Training:
    optim, total = config.optim, given.total_steps
    txs = state.ReleasedOptimizers(
        generator=_adam(config, optim.generator_learning_rate, total),
        labelled=_adam(config, optim.learning_rate, total),
        real_fake=_adam(config, optim.real_fake_learning_rate, total),
    )
    step = released_sgan_step.make_released_sgan_step(
        *given.networks,
        txs,
        generators.LATENT,
        views.make_first_views(config, given.two_theta_deg, given.layout),
        soft_labels=config.gan.soft_labels,
        steps_per_epoch=batches.total_steps(
            steps=0, epochs=1, part_size=given.unlabelled, global_batch=given.global_batch
        ),
    )
    return _sgan_state(config, given, txs), [Phase(total, step)]


def _two_optimizers(config: ml_collections.ConfigDict, given: Given) -> state.Networks:
    return state.Networks(
        _adam(config, config.optim.learning_rate, given.total_steps),
        _adam(config, config.optim.generator_learning_rate, given.total_steps),
    )


def _sgan_state(
    config: ml_collections.ConfigDict, given: Given, txs: state.Networks | state.ReleasedOptimizers
) -> state.SganState:
    return state.create_sgan_state(
        *given.networks,
        txs,
        seed=config.seed,
        points=len(given.two_theta_deg),
        latent=generators.LATENT,
        rng=config.train.rng,
    )


def _adam(
    config: ml_collections.ConfigDict, learning_rate: float, total_steps: int
) -> optax.GradientTransformation:
    return optimizers.make_adam(
        learning_rate,
        eps=config.optim.eps,
        weight_decay=config.optim.weight_decay,
        clip_norm=config.optim.clip_norm,
        schedule=config.optim.schedule,
        warmup_steps=config.optim.warmup_steps,
        total_steps=total_steps,
    )
