"""The shards of a data set, written one after another, by a build that may be killed and go on.

All that grows with the number of crystals goes to disk with its shard (`records`).
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

FILES_PER_SHARD = 4096  # a kill loses no more than the work on these


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
    """Write the shards that are not there, and the record of each.

    However this ends, finished shards stay; what is unfinished is removed.

    Args:
      paths: of all shards, in one folder that holds nothing else.
      tally: a new one; that of all shards in the end.
      source: its items fill the shards, `FILES_PER_SHARD` each.
      instrument: that the patterns are of.
      process_count: 0 is one a core.
      serialize: example -> its bytes.
      skipped_list: what is skipped is listed there when it is too much.

    Raises:
      ValueError: too many files cannot be used.
      OSError: something cannot be written.
    """
    finished = list(itertools.takewhile(records.is_finished, paths))
    _remove_all_but(finished, paths)
    for path in finished:
        tally.absorb(records.read(path))
    if finished:
        logging.info("going on after %d of %d shards, finished before", len(finished), len(paths))
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
        raise ValueError(f"{error}. Those found so far are listed in {skipped_list}") from None
    finally:
        _remove_all_but(finished, paths)
    skipped_list.unlink(missing_ok=True)  # of a build that failed


def write_one(path: pathlib.Path, serialized: Iterable[bytes]) -> None:
    """Write a shard as TFDS does; it reads them one by one, in any order."""
    serialized = iter(serialized)
    first = list(itertools.islice(serialized, 1))  # the workers are up before there is a file
    with _as_os_error():
        writer = array_record_module.ArrayRecordWriter(str(path), "group_size:1")
    for example in itertools.chain(first, serialized):
        with _as_os_error():
            writer.write(example)
    with _as_os_error():
        writer.close()


@contextlib.contextmanager
def _as_os_error() -> Generator[None]:
    """Raise an OSError where the writer has a RuntimeError, of a full disk for example."""
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
    """Give what becomes of the files after the finished shards, behind a bar."""
    start = min(finished * FILES_PER_SHARD, tally.files)
    results = processes.ordered_map(
        functools.partial(outcomes.outcome, source, instrument),
        source.items(start) if start < tally.files else (),
        processes=process_count,
    )
    # Without a terminal a bar is a line every half minute.
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
    """Remove all but the shards that have a record, as a build does that ends before its end."""
    _remove_all_but([path for path in paths if records.path(path).exists()], paths)


def _remove_all_but(finished: list[pathlib.Path], paths: list[pathlib.Path]) -> None:
    """Remove what else is in the folder of the shards, and the folder where nothing is finished."""
    kept = {path for shard in finished for path in (shard, records.path(shard))}
    for folder in {path.parent for path in paths}:
        for path in folder.iterdir():
            if path.is_dir():  # of a worker on another machine
                shutil.rmtree(path, ignore_errors=True)
            elif path not in kept:
                path.unlink()
