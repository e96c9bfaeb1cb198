"""Evaluate a trained run: its test part, or every crystal of another file.

The shell around `results` and `report`: it unpacks the ConfigDict, reads checkpoints and writes
files. Evaluated are the parameters with the best validation accuracy.
"""

import csv
import json
import pathlib
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import ml_collections
import numpy as np
from absl import logging
from flax import linen as nn

from sgan_jax import config as configuration
from sgan_jax import symmetry
from sgan_jax.datasets import powder_patterns, splits
from sgan_jax.diffraction.instrument import Instrument
from sgan_jax.evaluation import crystal_patterns, report, results, run_report
from sgan_jax.training import batches, checkpoint, experiment, hosts, parallel, steps
from sgan_jax.training.state import evaluated_params


class Trained(NamedTuple):
    """What a run has come to; states are `training.state`'s."""

    step: int  # training steps done
    seconds: float  # that they took
    final: Any  # state after the last step
    best: Any  # state with the best validation accuracy
    best_step: int


def evaluate(config: ml_collections.ConfigDict, workdir: pathlib.Path) -> dict[str, Any]:
    """Evaluate a run on its test part.

    Writes test_metrics.json, test_predictions.csv, report.html and, of a method with a generator,
    generator_metrics.json (`generated.measures`) into the workdir; returns the content of the
    first.
    """
    data = experiment.load_data(config)
    trained = restore(config, workdir, data.classes, data.instrument)
    test = data.split.test
    logits = classify(config, trained, len(data.classes), data.dataset.patterns, test)
    labels, ids = data.labels[test], data.dataset.catalogue.ids[test]
    metrics = _metrics(config, trained, data.class_names, config.data.split, labels, logits)
    if hosts.is_first():
        _write(workdir, metrics, ids, labels, logits)
        if measures := run_report.generator_measures(config, data, trained.best):
            text = json.dumps(measures, indent=2)
            (workdir / "generator_metrics.json").write_text(text + "\n")
        page = run_report.contents(
            config,
            workdir,
            data,
            best_state=trained.best,
            best_step=trained.best_step,
            metrics=metrics,
        )
        report.write_report(workdir / "report.html", page)
        logging.info("the report is %s", workdir / "report.html")
    return metrics


def evaluate_crystals(
    config: ml_collections.ConfigDict, workdir: pathlib.Path, path: pathlib.Path
) -> dict[str, Any]:
    """Evaluate a run on every crystal of a CIF file, folder, zip or tar.

    The crystals' patterns are simulated on the run's instrument; their true classes are what the
    file says. Writes test_metrics.json (its `split` is 'crystals'), test_predictions.csv,
    left_out.tsv (crystals of a class that the model does not know) and skipped.tsv into
    <workdir>/crystals_<name>; returns the content of the first.

    Raises:
      ValueError: the model knows the class of no crystal.
    """
    if not path.exists():
        raise ValueError(f"--crystals: {path} does not exist")
    instrument = experiment.make_instrument(config.instrument)
    classes = run_classes(config)
    trained = restore(config, workdir, classes, instrument)  # before the long part
    found = crystal_patterns.simulate_all(
        path,
        instrument,
        symmetry=config.data.symmetry,
        b_iso_default=config.data.b_iso_default,
        process_count=config.data.processes,
    )
    labels = symmetry.class_indices(config.task.name, classes, found.space_group)
    known, unknown = np.flatnonzero(labels >= 0), np.flatnonzero(labels < 0)
    logging.info("%s: %d crystals; cannot be used: %d", path, len(labels), len(found.skipped))
    logging.info("left out, of a class that the model does not know: %d crystals", len(unknown))
    if not len(known):
        raise ValueError(f"{path}: the model knows the class of none of its {len(labels)} crystals")
    logits = classify(config, trained, len(classes), found.patterns, known)
    names = symmetry.class_names(config.task.name, classes)
    metrics = _metrics(config, trained, names, "crystals", labels[known], logits)
    if hosts.is_first():
        folder = workdir / f"crystals_{path.resolve().name.split('.')[0]}"
        folder.mkdir(exist_ok=True)
        left_out = [(found.ids[i], int(found.space_group[i])) for i in unknown]
        _write_table(folder / "left_out.tsv", ("id", "space_group"), left_out)
        _write_table(folder / "skipped.tsv", ("file", "reason", "detail"), found.skipped)
        _write(folder, metrics, [found.ids[i] for i in known], labels[known], logits)
    return metrics


def restore(
    config: ml_collections.ConfigDict,
    workdir: pathlib.Path,
    classes: tuple,
    instrument: Instrument,
) -> Trained:
    """Read a run's last and best checkpoints; of a run without a best one, the last for both."""
    like = _fresh_state(config, classes, instrument)
    with checkpoint.latest(workdir, keep=config.checkpoint.keep, read_only=True) as latest:
        final = latest.restore(like)
    with checkpoint.best(workdir, read_only=True) as best_checkpoint:
        best = best_checkpoint.restore(like) or final
    if final is None or best is None:
        raise ValueError(f"{workdir} holds no checkpoint; train first")
    progress = final.notes["progress"]
    if progress["step"] < progress["total"]:
        logging.warning("trained %(step)d of %(total)d steps only", progress)
    return Trained(final.step, progress["seconds"], final.state, best.state, best.step)


def _fresh_state(config: ml_collections.ConfigDict, classes: tuple, instrument: Instrument) -> Any:
    """Return a state of the run's shapes, which do not depend on its data."""
    empty = np.zeros(0, np.int64)
    shapes = experiment.Data(
        dataset=None,  # ty: ignore[invalid-argument-type]
        instrument=instrument,
        classes=classes,
        class_names=[],
        labels=empty,
        split=splits.Split(empty, empty, empty, empty),
    )
    # Any number of steps does that leaves some to every schedule.
    state, _ = experiment.make_state_and_phases(config, shapes, total_steps=10**9, global_batch=1)
    return state


def run_classes(config: ml_collections.ConfigDict) -> tuple:
    """Return the classes of a run; only 'frequent' ones depend on its data set."""
    task = config.task
    if task.name == "sg" and task.classes == "frequent":
        return experiment.load_data(config).classes
    return symmetry.class_list(task.name, task.classes, np.zeros(0, int), task.min_count)


def classify(
    config: ml_collections.ConfigDict,
    trained: Trained,
    classes: int,
    patterns: np.ndarray | powder_patterns.StoredPatterns,
    rows: np.ndarray,
) -> np.ndarray:
    """Return the logits [n, C] of patterns [N, P] at the rows [n], by a run's best parameters."""
    return predict_logits(
        experiment.make_networks(config, classes).discriminator,
        evaluated_params(trained.best),
        patterns,
        rows,
        offset=config.data.intensity_offset,
        batch_size=config.eval.batch_size,
    )


def predict_logits(
    discriminator: nn.Module,
    params: Any,
    patterns: np.ndarray | powder_patterns.StoredPatterns,
    rows: np.ndarray,
    *,
    offset: float,
    batch_size: int,
) -> np.ndarray:
    """Return the logits [n, C] of patterns [N, P] + offset at the rows [n], on all hosts.

    In batches of `batch_size` on each device; each host reads the patterns of its own devices, a
    batch at a time.
    """
    call = parallel.make_parallel_evaluation(steps.make_evaluation_step(discriminator))
    devices, here = parallel.device_count(), parallel.local_devices()
    share = batches.evaluation_share(rows, devices=devices)[here]
    params = parallel.replicate(params)
    parts = []
    for positions, mask in batches.padded_batches(
        len(rows), devices=devices, batch_size=batch_size
    ):
        now = np.take_along_axis(share, positions[here], axis=1)
        read = patterns[now.ravel()].reshape(*now.shape, -1) + np.float32(offset)
        in_order = np.broadcast_to(np.arange(now.shape[1], dtype=np.int32), now.shape)
        given = parallel.distribute((read, np.zeros(now.shape, np.int32)))
        _, logits = call(params, *given, in_order, mask[here])
        parts.append(np.asarray(logits))
    dealt = np.concatenate(parts, axis=1)[:, : share.shape[1]]
    return batches.in_order(hosts.gather(dealt), len(rows))


def _metrics(
    config: ml_collections.ConfigDict,
    trained: Trained,
    class_names: Sequence[str],
    split: str,
    labels: np.ndarray,
    logits: np.ndarray,
) -> dict[str, Any]:
    metrics = results.split_metrics(
        logits,
        labels,
        class_names=class_names,
        task=config.task.name,
        method=config.method,
        split=split,
        labelled_fraction=config.data.labelled_percent / 100,
        seed=config.seed,
        steps=trained.step,
        seconds=trained.seconds,
        config_hash=configuration.config_hash(config),
        params_sha256=results.params_sha256(trained.final.params),
    )
    logging.info(
        "%s: top-1 %.2f %%, top-5 %.2f %%, loss %.4f; %d patterns, parameters of step %d",
        split if split == "crystals" else "test",
        100 * metrics["top1"],
        100 * metrics["top5"],
        metrics["loss"],
        metrics["examples"],
        trained.best_step,
    )
    return metrics


def _write(
    folder: pathlib.Path,
    metrics: dict[str, Any],
    ids: Sequence[str],
    labels: np.ndarray,
    logits: np.ndarray,
) -> None:
    predictions = folder / "test_predictions.csv"
    results.write_predictions(predictions, ids, labels, logits, metrics["classes"])
    results.write_metrics(folder / "test_metrics.json", metrics)
    logging.info("wrote %s and %s", folder / "test_metrics.json", predictions.name)


def _write_table(path: pathlib.Path, header: tuple[str, ...], rows: Iterable[tuple]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter="\t", lineterminator="\n")
        writer.writerow(header)
        writer.writerows([" ".join(str(field).split()) for field in row] for row in rows)
