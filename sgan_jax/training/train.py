"""Train a run to its last step, from its configuration or from where it was interrupted."""

import contextlib
import pathlib
from collections.abc import Callable, Generator
from typing import Any

import jax
import ml_collections
from absl import logging

from sgan_jax.datasets import splits
from sgan_jax.training import (
    batches,
    checkpoint,
    clock,
    experiment,
    hosts,
    loop,
    parallel,
    resume,
    shutdown,
    validation,
    warm_start,
    writer,
)
from sgan_jax.training import workdir as workdirs


def train(
    config: ml_collections.ConfigDict,
    workdir: pathlib.Path,
    stop: shutdown.Shutdown | None = None,
) -> None:
    """Train until the last step, resuming the run if the workdir already holds it.

    The workdir receives config.json, split.tsv, metrics.jsonl, tensorboard/ and checkpoints/.

    Args:
      config: the run's configuration.
      workdir: the run's folder, locked while this function runs.
      stop: asks training to save and end before the last step; None: it is never asked to.

    Raises:
      ValueError: the workdir holds a run of another configuration, or only damaged checkpoints.
      FloatingPointError: a loss or a parameter is not finite.
      WorkdirError: another run has locked the workdir, or it cannot be written to.
      Stopped: `stop` asked for it; everything is saved.
    """
    stop = stop or shutdown.Shutdown()
    with (
        _held(workdir) as check_workdir,
        checkpoint.latest(workdir, keep=config.checkpoint.keep) as latest,
        checkpoint.best(workdir) as best,
    ):
        notes = latest.notes()
        begun = notes is not None or best.notes() is not None
        hosts.from_first(lambda: resume.remember(config, workdir / "config.json", begun=begun))
        if notes is not None and resume.is_finished(notes["progress"]):
            total = notes["progress"]["total"]
            logging.info("%s is already trained, all %d steps", workdir, total)
            return
        _train(config, workdir, latest, best, check_workdir, stop)
    stop.release()


@contextlib.contextmanager
def _held(workdir: pathlib.Path) -> Generator[Callable[[], None]]:
    """Lock the workdir in the first process (`workdir.held`); its errors are raised in all."""
    with contextlib.ExitStack() as stack:
        checks: list[Callable[[], None]] = []
        hosts.from_first(lambda: checks.append(stack.enter_context(workdirs.held(workdir))))
        yield checks[0] if checks else lambda: None


def _train(
    config: ml_collections.ConfigDict,
    workdir: pathlib.Path,
    latest: checkpoint.Checkpoints,
    best: checkpoint.Checkpoints,
    check_workdir: Callable[[], None],
    stop: shutdown.Shutdown,
) -> None:
    data = experiment.load_data(config)
    if hosts.is_first():
        splits.write_split(workdir / "split.tsv", data.split, data.dataset.catalogue.ids)
    batch_size, global_batch = resume.batch_sizes(config, latest.notes())
    sizes = experiment.batch_sizes(config, batch_size)
    counted = list(sizes)[-1]  # an epoch is one pass over the unlabelled part where that is used
    total = batches.total_steps(
        steps=config.train.steps,
        epochs=config.train.epochs,
        part_size=len(getattr(data.split, counted)),
        global_batch=parallel.device_count() * sizes[counted],
    )
    scene = experiment.make_scene(config, data)
    state, phases = experiment.make_state_and_phases(
        config, data, scene, total_steps=total, global_batch=global_batch
    )
    _introduce(config, data, state, total, global_batch)
    progress = loop.Progress(total=total, global_batch=global_batch)
    if (restored := latest.restore(state)) is not None:
        state, progress = restored.state, loop.Progress(**restored.notes["progress"])
        logging.info("resuming after step %d of %d", progress.step, total)
        resume.compare_best(progress, best)
    elif config.train.start_from:
        folder = pathlib.Path(config.train.start_from)
        state = warm_start.from_run(state, folder, config.task.to_dict())
        test_ids = data.dataset.catalogue.ids[data.split.test]
        hosts.from_first(lambda: warm_start.check_unseen(folder, test_ids))

    if (devices := parallel.describe_devices()) not in progress.devices[-1:]:
        progress.devices = [*progress.devices, devices]

    feed = experiment.make_feed(
        data,
        sizes,
        scene,
        seed=config.seed,
        offset=config.data.intensity_offset,
        device_bytes=config.data.device_bytes,
        total_steps=total,
    )
    calls = [(phase.end, parallel.make_parallel_step(phase.step)) for phase in phases]

    def advance(state: Any, first_step: int, step_count: int) -> tuple[Any, loop.Sums]:
        call = next(call for end, call in calls if first_step < end)
        return call(state, *feed.training(first_step, step_count))

    validate = validation.make_validation(config, data, feed, stop.should_stop)
    metrics: writer.MetricsWriter | writer.SilentWriter = writer.SilentWriter()
    if hosts.is_first():
        metrics = writer.MetricsWriter(
            workdir,
            first_step=progress.step,
            total_steps=total,
            unevaluated=progress.unevaluated,
        )
    schedule = loop.Schedule(
        per_call=config.train.steps_per_call or (1 if jax.default_backend() == "cpu" else 50),
        log_every=config.train.log_every_steps,
        eval_every=config.train.eval_every_steps or max(1, total // 20),
        save_every=config.checkpoint.every_steps,
        phase_ends=tuple(phase.end for phase in phases),
    )
    outlets = loop.Outlets(
        metrics, latest, best, config=config.to_dict(), check_workdir=check_workdir
    )
    try:
        loop.Loop(progress, schedule, outlets, advance=advance, validate=validate, stop=stop).run(
            parallel.replicate(state)
        )
    finally:
        metrics.close()
        feed.close()
    logging.info(
        "trained %d steps in %s; best validation accuracy %.4f after step %d",
        total,
        clock.duration(progress.seconds),
        progress.best_accuracy,
        progress.best_step,
    )


def _introduce(
    config: ml_collections.ConfigDict,
    data: experiment.Data,
    state: Any,
    total: int,
    global_batch: int,
) -> None:
    """Log the sizes of the data, networks and batches before training starts."""
    sizes = ", ".join(f"{name} {len(part)}" for name, part in data.split._asdict().items())
    patterns, points = data.dataset.patterns.shape
    logging.info("data: %d patterns of %d points; %s", patterns, points, sizes)
    parameters = ", ".join(
        f"{name} {experiment.count_parameters(params)}"
        for name, params in experiment.networks_params(state).items()
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
