"""Train a run: from its configuration, or on from where it was killed, to its last step."""

import pathlib
from collections.abc import Callable
from typing import Any

import jax
import ml_collections
from absl import logging

from sgan_jax import config as configuration
from sgan_jax.datasets import splits
from sgan_jax.evaluation import metrics as counts
from sgan_jax.training import (
    batches,
    checkpoint,
    experiment,
    hosts,
    loop,
    parallel,
    steps,
    writer,
)


def train(config: ml_collections.ConfigDict, workdir: pathlib.Path) -> None:
    """Train until the last step; a run that is there already is gone on with.

    The workdir receives config.json, split.tsv, metrics.jsonl, tensorboard/ and checkpoints/.

    Raises:
      ValueError: the workdir holds a run of another configuration.
      FloatingPointError: a loss or a parameter is not finite.
    """
    if hosts.is_first():
        workdir.mkdir(parents=True, exist_ok=True)
    with (
        checkpoint.latest(workdir, keep=config.checkpoint.keep) as latest,
        checkpoint.best(workdir) as best,
    ):
        notes = latest.notes()
        begun = notes or best.notes()
        hosts.from_first(
            lambda: _remember(config, workdir / "config.json", begun=begun is not None)
        )
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
    if hosts.is_first():
        splits.write_split(workdir / "split.tsv", data.split, data.dataset.catalogue.ids)
    notes = latest.notes()
    batch_size, global_batch = _batch_sizes(config, notes)
    counted = "unlabelled" if config.method == "sgan" else "labelled"  # what an epoch goes through
    total = batches.total_steps(
        steps=config.train.steps,
        epochs=config.train.epochs,
        part_size=len(getattr(data.split, counted)),
        global_batch=global_batch,
    )
    state, step = experiment.make_state_and_step(
        config, data, total_steps=total, global_batch=global_batch
    )
    _introduce(config, data, state, total, global_batch)
    progress = loop.Progress(total=total, global_batch=global_batch)
    if (restored := latest.restore(state)) is not None:
        state, progress = restored.state, loop.Progress(**restored.notes["progress"])
        logging.info("going on after step %d of %d", progress.step, total)

    sizes = {"labelled": batch_size}
    if config.method == "sgan":
        sizes["unlabelled"] = batch_size
    resident = experiment.place_data(data, sizes, offset=config.data.intensity_offset)
    call = parallel.make_parallel_step(step)

    def advance(state: Any, first_step: int, step_count: int) -> tuple[Any, loop.Sums]:
        positions = {
            part: batches.call_positions(
                len(getattr(data.split, part)),
                seed=config.seed,
                part=part,
                first_step=first_step,
                steps=step_count,
                devices=parallel.device_count(),
                batch_size=size,
            )[parallel.local_devices()]
            for part, size in sizes.items()
        }
        return call(state, resident, positions)

    validate = make_validation(config, data, resident)
    metrics = (
        writer.MetricsWriter(workdir, first_step=progress.step, total_steps=total)
        if hosts.is_first()
        else writer.SilentWriter()
    )
    schedule = loop.Schedule(
        per_call=config.train.steps_per_call or (1 if jax.default_backend() == "cpu" else 50),
        log_every=config.train.log_every_steps,
        eval_every=config.train.eval_every_steps or max(1, total // 20),
        save_every=config.checkpoint.every_steps,
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
        params = experiment.discriminator_params(state)
        total = None
        here = parallel.local_devices()
        for positions, mask in batches.padded_batches(
            len(data.split.validation),
            devices=parallel.device_count(),
            batch_size=config.eval.batch_size,
        ):
            counted, _ = evaluate(
                params,
                resident.patterns["validation"],
                resident.labels["validation"],
                positions[here],
                mask[here],
            )
            total = counted if total is None else counts.add(total, counted)
        summary = counts.summary(jax.device_get(total))
        return {"loss": summary["loss"], "accuracy": summary["top1"]}

    return validate


def _batch_sizes(
    config: ml_collections.ConfigDict, notes: dict[str, Any] | None
) -> tuple[int, int]:
    """Return the batch per device and the global batch, which a run keeps all its life.

    Raises:
      ValueError: the run goes on with devices that cannot share its global batch evenly.
    """
    devices = parallel.device_count()
    if notes is None:
        return config.train.batch_size, devices * config.train.batch_size
    global_batch = notes["progress"]["global_batch"]
    before = global_batch // config.train.batch_size
    if global_batch % devices:
        fitting = [n for n in range(1, global_batch + 1) if global_batch % n == 0]
        raise ValueError(
            f"the run was begun on {before} devices with batches of {global_batch}, which "
            f"{devices} devices cannot share evenly; use {', '.join(map(str, fitting))} devices"
        )
    if devices != before:
        logging.info(
            "begun on %d devices, going on with %d: the batch stays %d, %d on each device",
            before,
            devices,
            global_batch,
            global_batch // devices,
        )
    return global_batch // devices, global_batch


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
    networks = state.params if config.method == "sgan" else {"classifier": state.params}
    parameters = ", ".join(
        f"{name} {experiment.count_parameters(params)}"
        for name, params in (networks if isinstance(networks, dict) else networks._asdict()).items()
    )
    logging.info("parameters: %s; %d classes", parameters, len(data.classes))
    logging.info(
        "batches of %d (%d on each of %d %s devices of %d hosts); %s = %d steps",
        global_batch,
        global_batch // parallel.device_count(),
        parallel.device_count(),
        jax.default_backend(),
        jax.process_count(),
        f"{config.train.epochs} epochs" if not config.train.steps else "train.steps",
        total,
    )
