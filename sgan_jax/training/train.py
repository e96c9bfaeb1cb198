"""Train a run: from its configuration, or on from where it was killed, to its last step."""

import pathlib
from collections.abc import Callable
from typing import Any

import jax
import ml_collections
import numpy as np
from absl import logging

from sgan_jax import config as configuration
from sgan_jax.datasets import splits
from sgan_jax.evaluation import metrics as counts
from sgan_jax.training import (
    batches,
    checkpoint,
    experiment,
    loop,
    parallel,
    steps,
    writer,
)
from sgan_jax.training.state import evaluated_params


def train(config: ml_collections.ConfigDict, workdir: pathlib.Path) -> None:
    """Train until the last step; a run that is there already is gone on with.

    The workdir receives config.json, split.tsv, metrics.jsonl, tensorboard/ and checkpoints/.

    Raises:
      ValueError: the workdir holds a run of another configuration.
      FloatingPointError: a loss or a parameter is not finite.
    """
    workdir.mkdir(parents=True, exist_ok=True)
    with (
        checkpoint.latest(workdir, keep=config.checkpoint.keep) as latest,
        checkpoint.best(workdir) as best,
    ):
        notes = latest.notes()
        begun = notes or best.notes()
        _remember(config, workdir / "config.json", begun=begun is not None)
        if notes is not None and notes["progress"]["step"] == notes["progress"]["total"]:
            total = notes["progress"]["total"]
            logging.info("%s is trained already, all %d steps", workdir, total)
            return
        _train(config, workdir, latest, best)


def _train(
    config: ml_collections.ConfigDict,
    workdir: pathlib.Path,
    latest: checkpoint.Checkpoints,
    best: checkpoint.Checkpoints,
) -> None:
    data = experiment.load_data(config)
    splits.write_split(workdir / "split.tsv", data.split, data.dataset.ids)
    devices = parallel.device_count()
    global_batch = devices * config.train.batch_size
    sizes = experiment.batch_sizes(config, config.train.batch_size)
    counted = list(sizes)[-1]  # an epoch goes through the unlabelled part where it is used
    total = batches.total_steps(
        steps=config.train.steps,
        epochs=config.train.epochs,
        part_size=len(getattr(data.split, counted)),
        global_batch=devices * sizes[counted],
    )
    state, phases = experiment.make_state_and_phases(
        config, data, total_steps=total, global_batch=global_batch
    )
    _introduce(config, data, state, total, global_batch)
    progress = loop.Progress(total=total)
    if (restored := latest.restore(state)) is not None:
        state, progress = restored.state, loop.Progress(**restored.notes["progress"])
        if progress.total != total:
            raise ValueError(
                f"{workdir} was begun as a run of {progress.total} steps, now it would be {total}: "
                f"there are {devices} devices now; use as many as then, or another --workdir"
            )
        logging.info("going on after step %d of %d", progress.step, total)

    patterns = data.dataset.patterns + np.float32(config.data.intensity_offset)
    # Patterns of no class are in no part; any index will do for them.
    labels = np.maximum(data.labels, 0).astype(np.int32)
    resident = parallel.ResidentData(*parallel.replicate((patterns, labels)))
    calls = [(phase.end, parallel.make_parallel_step(phase.step)) for phase in phases]

    def advance(state: Any, first_step: int, step_count: int) -> tuple[Any, loop.Sums]:
        indices = {
            part: batches.call_indices(
                getattr(data.split, part),
                seed=config.seed,
                part=part,
                first_step=first_step,
                steps=step_count,
                devices=devices,
                batch_size=size,
            )
            for part, size in sizes.items()
        }
        call = next(call for end, call in calls if first_step < end)
        return call(state, resident, indices)

    validate = make_validation(config, data, resident)
    metrics = writer.MetricsWriter(workdir, first_step=progress.step, total_steps=total)
    schedule = loop.Schedule(
        per_call=config.train.steps_per_call or (1 if jax.default_backend() == "cpu" else 50),
        log_every=config.train.log_every_steps,
        eval_every=config.train.eval_every_steps or max(1, total // 20),
        save_every=config.checkpoint.every_steps,
        phase_ends=tuple(phase.end for phase in phases),
    )
    outlets = loop.Outlets(metrics, latest, best, config=config.to_dict())
    try:
        loop.Loop(progress, schedule, outlets, advance=advance, validate=validate).run(
            parallel.replicate(state)
        )
    finally:
        metrics.close()
    logging.info(
        "trained %d steps in %s; best validation accuracy %.4f after step %d",
        total,
        loop.duration(progress.seconds),
        progress.best_accuracy,
        progress.best_step,
    )


def make_validation(
    config: ml_collections.ConfigDict, data: experiment.Data, resident: parallel.ResidentData
) -> Callable[[Any], dict[str, float]]:
    """Make state -> loss and accuracy on the validation part, exact under padding."""
    networks = experiment.make_networks(config, len(data.classes))
    evaluate = parallel.make_parallel_evaluation(steps.make_evaluation_step(networks.discriminator))

    def validate(state: Any) -> dict[str, float]:
        params = evaluated_params(state)
        total = None
        for indices, mask in batches.padded_batches(
            data.split.validation,
            devices=parallel.device_count(),
            batch_size=config.eval.batch_size,
        ):
            counted, _ = evaluate(params, resident, indices, mask)
            total = counted if total is None else counts.add(total, counted)
        summary = counts.summary(jax.device_get(total))
        return {"loss": summary["loss"], "accuracy": summary["top1"]}

    return validate


def _remember(config: ml_collections.ConfigDict, path: pathlib.Path, *, begun: bool) -> None:
    """Write the configuration; of a run that has begun, check that it is the same."""
    if begun and path.is_file():
        changed = configuration.differences(configuration.load(path), config)
        if changed:
            raise ValueError(
                f"{path.parent} holds a run of another configuration ({'; '.join(changed)}); "
                "give the same settings to go on with it, or another --workdir"
            )
    configuration.save(config, path)


def _introduce(
    config: ml_collections.ConfigDict,
    data: experiment.Data,
    state: Any,
    total: int,
    global_batch: int,
) -> None:
    """Say what is going to be trained on what."""
    sizes = ", ".join(f"{name} {len(part)}" for name, part in data.split._asdict().items())
    patterns, points = data.dataset.patterns.shape
    logging.info("data: %d patterns of %d points; %s", patterns, points, sizes)
    parameters = ", ".join(
        f"{name} {experiment.count_parameters(params)}"
        for name, params in experiment.networks_params(state).items()
    )
    logging.info("parameters: %s; %d classes", parameters, len(data.classes))
    logging.info(
        "batches of %d (%d on each of %d %s devices); %s = %d steps",
        global_batch,
        config.train.batch_size,
        parallel.device_count(),
        jax.default_backend(),
        f"{config.train.epochs} epochs" if not config.train.steps else "train.steps",
        total,
    )
