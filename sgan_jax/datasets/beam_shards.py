"""Write the shards of a data set with an Apache Beam pipeline, on one machine or on many.

They equal those of `shards.write` byte for byte, so either can resume the other's build. Any worker
may turn any file into patterns. Which of two duplicates is kept depends on the order of the files
alone: it is decided after grouping all crystals by formula and space group, without their patterns.

TFDS's own Beam writer is not used: it divides shards by their size and keeps no record of them.
"""

import operator
import pathlib
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple

import apache_beam as beam  # ty: ignore[import-not-found]
from apache_beam.options import pipeline_options  # ty: ignore[import-not-found]
from apache_beam.typehints.decorators import no_annotations  # ty: ignore[import-not-found]

from sgan_jax.crystals import duplicates
from sgan_jax.datasets import outcomes, records, shards
from sgan_jax.datasets.sources import Source
from sgan_jax.diffraction.instrument import Instrument

Place = tuple[int, int]  # of a crystal: the position of its file, and its position in the file


class Ticket(NamedTuple):
    """What identifies duplicates of a crystal; a few bytes in place of a pattern."""

    place: Place
    id: str
    formula: str
    space_group_number: int
    volume: float
    atoms: float


def write(
    paths: list[pathlib.Path],
    *,
    source: Source,
    instrument: Instrument,
    serialize: Callable[[dict[str, Any]], bytes],
    options: Sequence[str],
) -> None:
    """Write all shards and their records; each pair appears only when it is complete.

    Args:
      paths: of the shards. All workers must see their folder, and the files of the source, under
        the same names.
      source: its items fill the shards, `shards.FILES_PER_SHARD` each.
      instrument: on which the patterns are simulated.
      serialize: example -> its bytes.
      options: of Beam, without dashes: 'runner=FlinkRunner', ...

    Raises:
      OSError: something cannot be read or written.
    """
    per_shard = shards.FILES_PER_SHARD
    chosen = pipeline_options.PipelineOptions(flags=[f"--{option}" for option in options])
    pipeline = beam.Pipeline(options=chosen)
    found = (
        pipeline
        | "shards" >> beam.Create(range(len(paths)))
        | "shards to all workers" >> beam.Reshuffle()
        | "files" >> beam.FlatMap(_files, source, per_shard)
        | "files to all workers" >> beam.Reshuffle()
        | "crystals to patterns" >> beam.Map(_outcome, source, instrument)
    )
    names = (
        found
        | "tickets" >> beam.FlatMap(_tickets)
        | "of one kind" >> beam.GroupByKey()
        | "first of duplicates" >> beam.FlatMap(_new)
        | "of one name" >> beam.GroupByKey()
        | "names" >> beam.FlatMap(_named, per_shard)
    )
    of_shard = found | "by shard" >> beam.Map(lambda pair: (pair[0] // per_shard, pair))
    _ = (
        {"found": of_shard, "names": names}
        | "of one shard" >> beam.CoGroupByKey()
        | "write" >> beam.Map(_write_shard, paths, serialize)
    )
    try:
        pipeline.run().wait_until_finish()
    except RuntimeError as error:  # a worker's error, as text
        if "[Errno " not in str(error):
            raise
        raise OSError(str(error).strip().splitlines()[-1]) from error


# Without this, Beam would check the annotations of the steps, and it fails on protocols.
@no_annotations
def _files(shard: int, source: Source, per_shard: int) -> Iterator[tuple[int, Any]]:
    """Yield the position and item of each file of a shard."""
    start = shard * per_shard
    yield from enumerate(islice(source.items(start), per_shard), start)


@no_annotations
def _outcome(
    file: tuple[int, Any], source: Source, instrument: Instrument
) -> tuple[int, outcomes.Outcome]:
    position, item = file
    return position, outcomes.outcome(source, instrument, item)


@no_annotations
def _tickets(file: tuple[int, outcomes.Outcome]) -> Iterator[tuple[str, Ticket]]:
    """Yield a ticket for each crystal of a file, keyed by what it shares with its duplicates."""
    position, outcome = file
    for index, one in enumerate(outcome.found):
        number = one.space_group_number
        ticket = Ticket((position, index), one.id, one.formula, number, one.volume, one.atoms)
        yield duplicates.kind(one.formula, number), ticket


@no_annotations
def _new(kind: tuple[str, Iterable[Ticket]]) -> Iterator[tuple[str, tuple[Place, str]]]:
    """Yield the place and id of each crystal that is no duplicate, keyed by the unprimed id."""
    of_kind = duplicates.DuplicateFilter()
    for ticket in sorted(kind[1]):
        if of_kind.is_new(ticket):
            yield ticket.id.rstrip("'"), (ticket.place, ticket.id)


@no_annotations
def _named(
    stem: tuple[str, Iterable[tuple[Place, str]]], per_shard: int
) -> Iterator[tuple[int, tuple[Place, str]]]:
    """Yield each crystal's place and its id in the set, keyed by its shard."""
    taken: set[str] = set()
    for place, wanted in sorted(stem[1]):
        name = outcomes.free_name(wanted, taken.__contains__)
        taken.add(name)
        yield place[0] // per_shard, (place, name)


@no_annotations
def _write_shard(
    shard: tuple[int, Mapping[str, Iterable]],
    paths: list[pathlib.Path],
    serialize: Callable[[dict[str, Any]], bytes],
) -> None:
    index, members = shard
    names: dict[Place, str] = dict(members["names"])
    record, path = records.Record(), paths[index]

    def serialized() -> Iterator[bytes]:
        for position, outcome in sorted(members["found"], key=operator.itemgetter(0)):
            own = [names.get((position, i)) for i in range(len(outcome.found))]
            yield from map(serialize, outcomes.examples(outcome, own, record))

    # Beam may run a step twice, even concurrently, so each attempt has its own folder.
    with tempfile.TemporaryDirectory(prefix="attempt.", dir=path.parent) as attempt:
        new = pathlib.Path(attempt, path.name)
        shards.write_one(new, serialized())
        records.write(record, new)
        new.rename(path)
        records.path(new).rename(records.path(path))
