"""The TFDS builder `powder_patterns`: crystals -> simulated patterns -> array_record files."""

import dataclasses
import json
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow_datasets as tfds
from tensorflow_datasets.core import dataset_builder, example_serializer
from tensorflow_datasets.proto import tf_example_pb2

from sgan_jax.datasets import outcomes, records, shards, tables
from sgan_jax.datasets.sources import Source
from sgan_jax.diffraction import profile
from sgan_jax.diffraction.instrument import Instrument

SPLIT = "patterns"  # the only TFDS split; `splits` divides it when it is read
FORMAT_VERSION = "1.2.0"  # of an example's features and the files next to the shards


def identity(source: Source, instrument: Instrument) -> dict[str, Any]:
    """Return everything that the data depend on, as plain values."""
    return source.identity() | {
        "instrument": dataclasses.asdict(instrument),
        "simulator_version": profile.SIMULATOR_VERSION,
    }


@dataclasses.dataclass(eq=False, kw_only=True)
class PatternConfig(tfds.core.BuilderConfig):
    """A data set to build; the last three fields change how it is built, not its content."""

    source: Source
    instrument: Instrument
    max_skipped_fraction: float
    processes: int
    beam_options: Sequence[str] | None = None


class PowderPatterns(dataset_builder.FileReaderBuilder):
    """Simulated powder neutron diffraction patterns of crystals, and what the crystals are."""

    # TFDS's GeneratorBasedBuilder shuffles, above 1 GB only with TensorFlow, and its
    # ShardBasedBuilder cannot resume a build: so the shards are written here.

    VERSION = tfds.core.Version(FORMAT_VERSION)

    @property
    def _asked_for(self) -> PatternConfig:
        config = self.builder_config
        assert isinstance(config, PatternConfig)
        return config

    def _info(self) -> tfds.core.DatasetInfo:
        points = self._asked_for.instrument.points
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
                        (None,), np.float64, "multiplicity·|F|² of each reflection, fm² per cell"
                    ),
                    "hkl": _array((None, 3), np.int16, "indices of each reflection"),
                    "cell": _array((6,), np.float32, "a, b, c in Å, alpha, beta, gamma in degrees"),
                    "proper_rotations": _array(
                        (None, 3, 3), np.int8, "of the Laue group; equivalent reflections are h R"
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
        self._write(pathlib.Path(self.data_dir))

    def resume(self, work: pathlib.Path) -> None:
        """Build in the folder `work`, resuming from its finished shards, and rename it at the end.

        If the build fails, finished shards are kept for the next one; unfinished ones are removed.

        Raises:
          ValueError: too many files cannot be used.
          OSError: something cannot be written.
        """
        self.info.set_file_format("array_record", override=True)
        work.mkdir(exist_ok=True)
        paths = self._paths(work)
        described = (work / "dataset_info.json").is_file()
        if not (described and paths and not records.path(paths[-1]).exists()):
            try:
                self._write(work)
                self.info.write_to_directory(work)
            except BaseException:
                shards.remove_unfinished(paths)
                raise
        for path in reversed(paths):  # once the last one's is gone, only the rename is missing
            records.path(path).unlink(missing_ok=True)
        work.rename(self.data_dir)

    def _paths(self, folder: pathlib.Path) -> list[pathlib.Path]:
        """Return the paths of the shards in a folder."""
        template = self._get_filename_template(SPLIT).replace(data_dir=folder)
        count = -(-len(self._asked_for.source) // shards.FILES_PER_SHARD)
        return [
            pathlib.Path(template.sharded_filepath(shard_index=i, num_shards=count))
            for i in range(count)
        ]

    def _write(self, folder: pathlib.Path) -> None:
        """Write everything except TFDS's own metadata."""
        config, features = self._asked_for, self.info.features
        tally = outcomes.Tally(len(config.source), config.max_skipped_fraction)
        serializer = example_serializer.ExampleSerializer(features.get_serialized_info())
        paths = self._paths(folder)

        def serialize(example: dict[str, Any]) -> bytes:
            return _in_order(serializer.serialize_example(features.encode_example(example)))

        if config.beam_options is not None and not all(records.path(p).exists() for p in paths):
            from sgan_jax.datasets import beam_shards  # only where Beam is installed

            beam_shards.write(
                paths,
                source=config.source,
                instrument=config.instrument,
                serialize=serialize,
                options=config.beam_options,
            )
        shards.write(  # if Beam wrote the shards, this only checks and counts them
            paths,
            tally,
            source=config.source,
            instrument=config.instrument,
            process_count=config.processes,
            serialize=serialize,
            skipped_list=pathlib.Path(self.data_dir).parent / "skipped.tsv",
        )
        lengths, seconds = tables.write(folder, paths)
        summary = {
            "files": tally.files,
            "lost": tally.lost,
            "skipped": dict(tally.reasons.most_common()),
            "duplicates": tally.duplicates,
            "crystals": tally.kept,
            "seconds": round(seconds, 1),
            "identity": identity(config.source, config.instrument),
        }
        (folder / "build.json").write_text(json.dumps(summary, indent=2) + "\n")
        split = tfds.core.SplitInfo(
            name=SPLIT,
            shard_lengths=lengths,
            num_bytes=sum(path.stat().st_size for path in paths),
            filename_template=self._get_filename_template(SPLIT),
        )
        self.info.set_splits(tfds.core.SplitDict([split]))


def _in_order(serialised: bytes) -> bytes:
    """Return an example's bytes with its fields in a fixed order; otherwise it is random."""
    messages: Any = tf_example_pb2  # its classes are created at run time
    return messages.Example.FromString(serialised).SerializeToString(deterministic=True)


def _array(shape: tuple[int | None, ...], dtype: type, doc: str) -> tfds.features.Tensor:
    """Return a feature stored as raw bytes; encoding lists of numbers takes 20 times longer."""
    return tfds.features.Tensor(shape=shape, dtype=dtype, encoding="bytes", doc=doc)
