"""Write the shards of a data set one after another, in a build that can be killed and resumed.

Everything that grows with the number of crystals goes to disk with its shard (`records`).
"""

import contextlib
import functools
import itertools
import pathlib
import shutil
import sys
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from typing import Any

import tqdm
from absl import logging
from array_record.python import array_record_module  # ty: ignore[missing-module-member]

from sgan_jax.datasets import outcomes, processes, records, tables
from sgan_jax.datasets.sources import Source
from sgan_jax.diffraction.instrument import Instrument

FILES_PER_SHARD = 4096  # a kill loses at most the work on these


def write(
    paths: list[pathlib.Path],
    tally: outcomes.Tally,
    *,
    source: Source,
    instrument: Instrument,
    process_count: int,
    serialize: Callable[[dict[str, Any]], bytes],
    skipped_list: pathlib.Path,
) -> None:
    """Write the missing shards and the record of each.

    However this ends, finished shards are kept and everything else in their folder is removed.

    Args:
      paths: of all shards, in one folder that holds nothing else.
      tally: a new one; at the end it counts all shards.
      source: its items fill the shards, `FILES_PER_SHARD` each.
      instrument: on which the patterns are simulated.
      process_count: 0 is one per core.
      serialize: example -> its bytes.
      skipped_list: file in which skipped files are listed if they are too many.

    Raises:
      ValueError: too many files cannot be used.
      OSError: something cannot be written.
    """
    finished = list(itertools.takewhile(records.is_finished, paths))
    _remove_all_but(finished, paths)
    for path in finished:
        tally.absorb(records.read(path))
    if finished:
        logging.info(
            "resuming after %d of %d shards that are already finished", len(finished), len(paths)
        )
    record = records.Record()
    try:
        if finished:
            tally.check()
        with _results(tally, source, instrument, process_count, len(finished)) as results:
            for path in paths[len(finished) :]:
                started, record = time.perf_counter(), records.Record()
                of_shard = itertools.islice(results, FILES_PER_SHARD)
                new = (tally.examples(outcome, record) for outcome in of_shard)
                write_one(path, map(serialize, itertools.chain.from_iterable(new)))
                record.seconds = time.perf_counter() - started
                records.write(record, path)
                finished.append(path)
                record = records.Record()
    except outcomes.TooManySkippedError as error:
        tables.write_skipped(skipped_list, itertools.chain(map(records.read, finished), [record]))
        raise ValueError(
            f"{error}. The files skipped so far are listed in {skipped_list}"
        ) from None
    finally:
        _remove_all_but(finished, paths)
    skipped_list.unlink(missing_ok=True)  # of a build that failed


def write_one(path: pathlib.Path, serialized: Iterable[bytes]) -> None:
    """Write a shard as TFDS does, with groups of one example: they are read in any order."""
    serialized = iter(serialized)
    first = list(itertools.islice(serialized, 1))  # starts the workers before there is a file
    with _as_os_error():
        writer = array_record_module.ArrayRecordWriter(str(path), "group_size:1")
    for example in itertools.chain(first, serialized):
        with _as_os_error():
            writer.write(example)
    with _as_os_error():
        writer.close()


@contextlib.contextmanager
def _as_os_error() -> Generator[None]:
    """Turn a RuntimeError of the writer, for example for a full disk, into an OSError."""
    try:
        yield
    except RuntimeError as error:
        raise OSError(str(error)) from error


@contextlib.contextmanager
def _results(
    tally: outcomes.Tally,
    source: Source,
    instrument: Instrument,
    process_count: int,
    finished: int,
) -> Generator[Iterator[outcomes.Outcome]]:
    """Provide the outcomes of the files after the finished shards, with a progress bar."""
    start = min(finished * FILES_PER_SHARD, tally.files)
    results = processes.ordered_map(
        functools.partial(outcomes.outcome, source, instrument),
        source.items(start) if start < tally.files else (),
        processes=process_count,
    )
    # Without a terminal the bar prints a line every half minute.
    bar = tqdm.tqdm(
        initial=start,
        total=tally.files,
        desc="crystals to patterns",
        unit="file",
        mininterval=0.1 if sys.stderr.isatty() else 30,
    )

    def shown() -> Iterator[outcomes.Outcome]:
        for result in results:
            yield result
            bar.set_postfix(
                skipped=tally.reasons.total(), duplicates=tally.duplicates, refresh=False
            )
            bar.update()

    with contextlib.closing(results), bar:
        yield shown()


def remove_unfinished(paths: list[pathlib.Path]) -> None:
    """Remove everything but the shards that have a record, as an aborted build does."""
    _remove_all_but([path for path in paths if records.path(path).exists()], paths)


def _remove_all_but(finished: list[pathlib.Path], paths: list[pathlib.Path]) -> None:
    """Remove everything in the folder of the shards but the finished ones and their records."""
    kept = {path for shard in finished for path in (shard, records.path(shard))}
    for folder in {path.parent for path in paths}:
        for path in folder.iterdir():
            if path.is_dir():  # the temporary folder of a Beam worker
                shutil.rmtree(path, ignore_errors=True)
            elif path not in kept:
                path.unlink()
