"""Evaluate a trained run on its test part, or on every crystal of another file.

The shell around `results` and `report`: it unpacks the ConfigDict, reads checkpoints and writes
files. The evaluated parameters are those with the best validation accuracy.
"""

import csv
import json
import pathlib
from collections.abc import Iterable, Sequence
from typing import Any

import ml_collections
import numpy as np
from absl import logging

from sgan_jax import config as configuration
from sgan_jax import symmetry
from sgan_jax.datasets import sources
from sgan_jax.evaluation import (
    confidence,
    crystal_patterns,
    report,
    results,
    run_report,
    trained_run,
)
from sgan_jax.training import blueprint, experiment, hosts


def evaluate(config: ml_collections.ConfigDict, workdir: pathlib.Path) -> dict[str, Any]:
    """Evaluate a run on its test part.

    Writes test_metrics.json, test_predictions.csv, calibration.json and confidence.json
    (`confidence`), report.html and, for methods with a generator, generator_metrics.json
    (`generated.measures`) into the workdir; returns the content of the first.
    """
    data = experiment.load_data(config)
    trained = trained_run.restore(config, workdir, data.classes, data.instrument)
    test, held_out = data.split.test, data.split.validation
    rows = np.concatenate([held_out, test])  # together, to compile once
    both = trained_run.classify(config, trained, len(data.classes), data.dataset.patterns, rows)
    held_out_logits, logits = np.split(both, [len(held_out)])
    labels, ids = data.labels[test], data.dataset.catalogue.ids[test]
    metrics = _metrics(config, trained, data.class_names, config.data.split, labels, logits)
    sure = confidence.measure(
        config,
        data,
        trained,
        held_out=confidence.Part(held_out, held_out_logits),
        test=confidence.Part(test, logits),
    )
    if hosts.is_first():
        confidence.write(workdir, sure)
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
        logging.info("wrote the report, %s", workdir / "report.html")
    return metrics


def evaluate_crystals(
    config: ml_collections.ConfigDict, workdir: pathlib.Path, path: pathlib.Path
) -> dict[str, Any]:
    """Evaluate a run on every crystal of a CIF file, folder, zip or tar.

    The crystals' patterns are simulated on the run's instrument; their true classes are those of
    the file, or of spglib (config.data.symmetry). Writes test_metrics.json (its `split` is
    'crystals'), test_predictions.csv, left_out.tsv (crystals of classes that the model does not
    know) and skipped.tsv into <workdir>/crystals_<name>; returns the content of the first.

    Raises:
      ValueError: the file does not exist, or the model does not know the class of any crystal.
    """
    if not path.exists():
        raise ValueError(f"--crystals: {path} does not exist")
    instrument = blueprint.make_instrument(config.instrument)
    classes = trained_run.run_classes(config)
    trained = trained_run.restore(config, workdir, classes, instrument)  # first, to fail early
    source = sources.CifSource(path, config.data.symmetry, config.data.b_iso_default)
    found = crystal_patterns.simulate_all(source, instrument, process_count=config.data.processes)
    labels = symmetry.class_indices(config.task.name, classes, found.space_group)
    known, unknown = np.flatnonzero(labels >= 0), np.flatnonzero(labels < 0)
    logging.info("%s: %d crystals; %d skipped", path, len(labels), len(found.skipped))
    logging.info("left out %d crystals of classes that the model does not know", len(unknown))
    if not len(known):
        raise ValueError(f"{path}: the model knows the class of none of its {len(labels)} crystals")
    logits = trained_run.classify(config, trained, len(classes), found.patterns, known)
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


def _metrics(
    config: ml_collections.ConfigDict,
    trained: trained_run.Trained,
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
        devices=trained.devices,
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
