"""The mode predict: predictions for measured patterns, on the terminal, in a file and as pages."""

import contextlib
import functools
import pathlib
import sys
from collections.abc import Sequence
from typing import Any

import tqdm
from absl import logging

from sgan_jax import user_cache
from sgan_jax.answers import inputs, output, packaged, reading, table
from sgan_jax.answers.inputs import Input
from sgan_jax.commands import options
from sgan_jax.datasets import processes
from sgan_jax.measured import readers

PACKAGED = ("bl", "sg")
NO_PAGES = "none"


def predict() -> int:
    """Predict for every pattern of --input; return the exit status, 1 if none has an answer."""
    files = inputs.find(
        options.INPUT.value or [], options.WAVELENGTH.value or [], options.INSTRUMENT.value or []
    )
    result = pathlib.Path(options.OUTPUT.value) if options.OUTPUT.value else None
    if result:
        output.check(result)
    models = _models()
    readers.check_format(options.FORMAT.value)
    models = models or _packaged()
    count = min(len(files), processes.available_cores())
    with processes.Workers(count, reading.load_libraries) as workers:
        entries = _answer(models, files, result, workers)
    if result:
        output.write(result, entries)
        logging.info("wrote %s", result)
    return _status(entries)


def _answer(
    models: Sequence[str],
    files: Sequence[Input],
    result: pathlib.Path | None,
    workers: processes.Workers,
) -> list[dict[str, Any]]:
    """Show the answers on the terminal and as pages; return the entries of --output."""
    from sgan_jax.answers import loading, pages, predicting
    from sgan_jax.training import compiler

    compiler.keep_programs(user_cache.programs(), least_seconds=0.0)
    classifiers = [loading.load(model, options.VARIANT.value) for model in models]
    coverage = options.COVERAGE.value
    folder = _pages_folder(result)
    shown = pages.Pages(folder, ", ".join(models), coverage) if folder else None
    entries = []
    progress = tqdm.tqdm(
        predicting.predict_files(
            classifiers,
            files,
            workers=workers,
            pictures=shown is not None,
            file_format=options.FORMAT.value,
            radiation=options.RADIATION.value or "",
            coverage=coverage,
        ),
        total=len(files),
        desc="answers",
        unit="file",
        disable=len(files) < 2,
        mininterval=0.1 if sys.stderr.isatty() else 30,
    )
    # On a terminal the bar must be cleared first; in a log that would draw it anew each time.
    tell = functools.partial(progress.write, file=sys.stdout) if sys.stderr.isatty() else print
    with contextlib.closing(progress):
        for found in progress:
            for outcome in found:
                entries.append(output.entry(outcome, coverage))
                tell("\n".join([*table.lines(outcome), ""]))
                if shown:
                    shown.add(outcome)
    if shown:
        logging.info("the pages are in %s", shown.finish())
    return entries


def _models() -> list[str]:
    """Return the models to load: that of --workdir or those of --checkpoint; [] for the package's.

    Raises:
      ValueError: both are given, or --checkpoint names several models other than bl,sg.
    """
    given = options.CHECKPOINT.value
    if options.WORKDIR.value:
        if given:
            raise ValueError("--workdir and --checkpoint both name a model; give only one")
        return [options.WORKDIR.value]
    if given is None:
        return []
    if len(given) > 1 and given != list(PACKAGED):
        both = ",".join(PACKAGED)
        raise ValueError(
            f"--checkpoint={','.join(given)} names several models; give one, or {both}"
        )
    return given


def _packaged() -> list[str]:
    """Return the models in the package, or raise ValueError that says how to train one."""
    models = [name for name in PACKAGED if name in packaged.names()]
    if not models:
        raise ValueError(
            "this installation contains no trained model; train one (python -m sgan_jax.main "
            "--config=configs/demo.py takes minutes) and give its folder, --workdir=runs/demo"
        )
    return models


def _pages_folder(result: pathlib.Path | None) -> pathlib.Path | None:
    """Return the folder of the pages, or None for --pages=none."""
    if options.PAGES.value:
        return None if options.PAGES.value == NO_PAGES else pathlib.Path(options.PAGES.value)
    if result:
        return result.with_name(f"{result.stem}_pages")
    return pathlib.Path(options.WORKDIR.value or "", "answers")


def _status(entries: Sequence[dict[str, Any]]) -> int:
    refused = sum(entry["refused"] for entry in entries)
    if refused:
        logging.warning("%d of %d patterns have no prediction", refused, len(entries))
    return 0 if refused < len(entries) else 1
