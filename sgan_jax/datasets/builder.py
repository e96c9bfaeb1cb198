"""The TFDS builder `powder_patterns`: crystals -> simulated patterns -> array_record files."""

import contextlib
import csv
import dataclasses
import functools
import itertools
import json
import pathlib
import sys
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow_datasets as tfds
import tqdm
from tensorflow_datasets.proto import tf_example_pb2

from sgan_jax.datasets import catalogue, outcomes, processes
from sgan_jax.datasets.sources import Source
from sgan_jax.diffraction import profile
from sgan_jax.diffraction.instrument import Instrument

SPLIT = "patterns"  # the one TFDS split; `splits` cuts it when it is read
FORMAT_VERSION = "1.1.0"  # of the examples' features and the files beside them
_FILES_PER_SHARD = 4096


def identity(source: Source, instrument: Instrument) -> dict[str, Any]:
    """Return, in plain values, all that the data depend on."""
    return source.identity() | {
        "instrument": dataclasses.asdict(instrument),
        "simulator_version": profile.SIMULATOR_VERSION,
    }


@dataclasses.dataclass(eq=False, kw_only=True)
class PatternConfig(tfds.core.BuilderConfig):
    """A data set to build; the last two change how it is built, not what."""

    source: Source
    instrument: Instrument
    max_skipped_fraction: float
    processes: int


class _SameBytesWriter(tfds.core.ExampleWriter):
    """Writes the same bytes in every run; protocol buffers order an example's fields at random."""

    def write(self, path, examples):
        return super().write(path, ((key, _in_order(example)) for key, example in examples))


class PowderPatterns(tfds.core.ShardBasedBuilder):
    """Simulated powder neutron diffraction patterns of crystals, and what the crystals are."""

    # Not TFDS's GeneratorBasedBuilder: that shuffles, and sets above 1 GB only with TensorFlow.

    VERSION = tfds.core.Version(FORMAT_VERSION)

    def _info(self) -> tfds.core.DatasetInfo:
        points = self.builder_config.instrument.points
        return tfds.core.DatasetInfo(
            builder=self,
            description=self.__doc__,
            features=tfds.features.FeaturesDict(
                {
                    "id": tfds.features.Text(doc="names the crystal, e.g. its file"),
                    "formula": tfds.features.Text(doc="reduced"),
                    "pattern": _array((points,), np.float32, "maximum 1"),
                    "d_angstrom": _array((None,), np.float64, "d-spacing of each reflection, Å"),
                    "multiplicity_f_squared": _array(
                        (None,), np.float64, "multiplicity·|F|² of each reflection, fm² a cell"
                    ),
                    "space_group": tfds.features.Scalar(np.int32, doc="1..230"),
                    "bravais": tfds.features.Scalar(np.int32, doc="0..13, symmetry's order"),
                    "structure_type": tfds.features.Text(doc="equal for one structure type"),
                    "source": tfds.features.Text(doc="where the crystal comes from"),
                }
            ),
            disable_shuffling=True,
        )

    def _download_and_prepare(self, dl_manager, download_config=None) -> None:
        config = self.builder_config
        started = time.perf_counter()
        self._listed: list[tuple[str, ...]] = []
        self._tally = outcomes.Tally(len(config.source), config.max_skipped_fraction)
        results = processes.ordered_map(
            functools.partial(outcomes.outcome, config.source, config.instrument),
            config.source.items(),
            processes=config.processes,
        )
        # Without a terminal a bar is a line every half minute.
        self._bar = tqdm.tqdm(
            total=self._tally.files,
            desc="crystals to patterns",
            unit="file",
            mininterval=0.1 if sys.stderr.isatty() else 30,
        )
        folder = pathlib.Path(self.data_dir)
        listed = folder.parent / "skipped.tsv"  # beside the folder, which goes when a build fails
        try:
            with contextlib.closing(results) as self._results, self._bar:
                super()._download_and_prepare(dl_manager, download_config)
        except outcomes.TooManySkippedError as error:
            _write_skipped(listed, self._tally)
            raise ValueError(f"{error}. Those found so far are listed in {listed}") from None
        listed.unlink(missing_ok=True)  # of a build that failed
        self._write_reports(folder, time.perf_counter() - started)

    def _example_writer(self) -> tfds.core.ExampleWriter:
        return _SameBytesWriter(self.info.file_format)

    def _shard_iterators_per_split(self, dl_manager) -> dict[str, list[functools.partial]]:
        shards = -(-self._tally.files // _FILES_PER_SHARD)
        return {SPLIT: [functools.partial(self._examples, _FILES_PER_SHARD)] * shards}

    def _examples(self, files: int) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield key and example of every new crystal of the next files."""
        for result in itertools.islice(self._results, files):
            for example in self._tally.examples(result):
                self._listed.append(catalogue.row(example))
                yield example["id"], example
            self._bar.set_postfix(
                skipped=len(self._tally.skipped),
                duplicates=len(self._tally.duplicates),
                refresh=False,
            )
            self._bar.update()

    def _write_reports(self, folder: pathlib.Path, seconds: float) -> None:
        tally, config = self._tally, self.builder_config
        catalogue.write(folder / catalogue.NAME, self._listed)
        _write_skipped(folder / "skipped.tsv", tally)
        _write_table(folder / "duplicates.tsv", ("id", "formula"), tally.duplicates)
        summary = {
            "files": tally.files,
            "lost": tally.lost,
            "skipped": dict(tally.reasons.most_common()),
            "duplicates": len(tally.duplicates),
            "crystals": tally.kept,
            "seconds": round(seconds, 1),
            "identity": identity(config.source, config.instrument),
        }
        (folder / "build.json").write_text(json.dumps(summary, indent=2) + "\n")


def _in_order(serialised: bytes) -> bytes:
    messages: Any = tf_example_pb2  # its classes are made at run time
    return messages.Example.FromString(serialised).SerializeToString(deterministic=True)


def _array(shape: tuple[int | None, ...], dtype: type, doc: str) -> tfds.features.Tensor:
    """Return a feature stored as its bytes: as lists of numbers, encoding takes 20 times longer."""
    return tfds.features.Tensor(shape=shape, dtype=dtype, encoding="bytes", doc=doc)


def _write_skipped(path: pathlib.Path, tally: outcomes.Tally) -> None:
    _write_table(path, ("file", "reason", "detail"), tally.skipped)


def _write_table(path: pathlib.Path, header: tuple[str, ...], rows: list) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter="\t", lineterminator="\n")
        writer.writerow(header)
        writer.writerows([" ".join(str(field).split()) for field in row] for row in rows)
