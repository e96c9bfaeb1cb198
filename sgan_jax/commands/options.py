"""The command line's flags, and their checks before anything slow is imported."""

import importlib.util
import pathlib
import re
import sys

import ml_collections
from absl import flags
from ml_collections import config_flags

from sgan_jax import config as configuration

CONFIG = config_flags.DEFINE_config_file(
    "config",
    None,
    "Experiment: a file in configs/, with the method after a colon if it is not the file's default "
    "(configs/sg_05.py:supervised). Modes for trained runs use the configuration saved in "
    "--workdir.",
)
WORKDIR = flags.DEFINE_string(
    "workdir", None, "Folder of the run: checkpoints, metrics, report. Default: runs/<config>."
)
MODE = flags.DEFINE_enum(
    "mode",
    "train",
    ["train", "build", "inspect", "evaluate", "robustness", "compare", "predict"],
    "train: build the data set if needed, train (or resume), evaluate, write the report. "
    "build: only build the data set. inspect: show it as a page, data.html in --workdir. "
    "evaluate: evaluate a trained run and write its report. robustness: measure the accuracy with "
    "impurities, noise, other resolutions ... and add it to the report. compare: compare the runs "
    "below --workdir in one table of means over their seeds. predict: predict the symmetry of the "
    "measured patterns in --input.",
)
BEAM_PIPELINE_OPTIONS = flags.DEFINE_list(
    "beam_pipeline_options",
    None,
    "With --mode=build: build with Apache Beam and these of its options, separated by commas and "
    "without dashes: runner=FlinkRunner,flink_master=host:8081. Needs sgan_jax[beam].",
)
CRYSTALS = flags.DEFINE_string(
    "crystals",
    None,
    "With --mode=evaluate: a CIF file, folder, zip or tar; every crystal in it is classified and "
    "the prediction compared with the symmetry that the file gives.",
)
INPUT = flags.DEFINE_multi_string(
    "input",
    None,
    "With --mode=predict: files of measured patterns, folders of them or wildcards like "
    "'data/*.gsas', separated by commas or with the flag repeated.",
)
WAVELENGTH = flags.DEFINE_multi_float(
    "wavelength",
    None,
    "With --mode=predict: the wavelength in Å, if the files do not give it; once for all files, or "
    "once for each --input, in the same order.",
)
INSTRUMENT = flags.DEFINE_multi_string(
    "instrument",
    None,
    "With --mode=predict: an instrument parameter file of GSAS (.prm, .inst) or GSAS-II "
    "(.instprm), for wavelength and detector zero; once for all files, or once for each --input.",
)
FORMAT = flags.DEFINE_string(
    "format",
    "",
    "With --mode=predict: the format of the files, if it is not detected correctly from their "
    "content: columns, gsas, fullprof, d1a, d1a_old, d1b, bt1, hb2a, cif or nexus.",
)
RADIATION = flags.DEFINE_enum(
    "radiation",
    None,
    ["neutron"],
    "With --mode=predict: read the files as neutron data even if a title suggests otherwise.",
)
CHECKPOINT = flags.DEFINE_list(
    "checkpoint",
    None,
    "With --mode=predict, instead of --workdir: the authors' published weights (a .pth file), or a "
    "model of this package, bl (Bravais lattices) or sg (space groups). Default: bl,sg, where bl "
    "predicts the lattice and sg the groups.",
)
VARIANT = flags.DEFINE_string(
    "variant", None, "With --checkpoint=FILE.pth: which of its models to use, SGAN or Supervised."
)
COVERAGE = flags.DEFINE_float(
    "coverage",
    0.9,
    "With --mode=predict: the fraction of patterns whose prediction set shall contain the true "
    "class.",
    lower_bound=0.0,
    upper_bound=1.0,
)
OUTPUT = flags.DEFINE_string(
    "output", None, "With --mode=predict: the file for the predictions, .json or .csv."
)
PAGES = flags.DEFINE_string(
    "pages",
    None,
    "With --mode=predict: the folder for a page about each pattern and an index.html that links "
    "them; 'none' for no pages. Default: answers_pages beside --output=answers.json, else answers "
    "in --workdir, else answers.",
)
COORDINATOR = flags.DEFINE_string(
    "coordinator",
    None,
    "host:port of the first process of a run on several machines; found automatically if Slurm, "
    "Open MPI or Kubernetes starts the run.",
)
PROCESS_ID = flags.DEFINE_integer(
    "process_id", None, "With --coordinator: the index of this process, from 0."
)
NUM_PROCESSES = flags.DEFINE_integer(
    "num_processes",
    None,
    "With --coordinator: the number of processes of the run. 1 without --coordinator: run alone, "
    "whatever started this process.",
)


def parse(argv: list[str]) -> list[str]:
    """Parse the flags; exit with a one-line message if one is invalid."""
    try:
        _check_setting_names(argv)
        return flags.FLAGS(argv)
    except OSError as error:  # a --config.NAME with a config file that does not exist
        sys.exit(f"error: {' '.join(str(error).split())}")
    except KeyError as error:  # an unknown NAME in configs/measured.py:NAME
        known = "is not an experiment of the configuration file, whose first lines list them"
        sys.exit(f"error: {error} {known}")
    except (flags.Error, AttributeError, TypeError, ValueError) as error:
        # ml_collections includes a traceback in its messages; the reason is the last line.
        sys.exit(f"error: {str(error).strip().splitlines()[-1]} (--help lists the flags)")


def check(argv: list[str]) -> None:
    """Raise ValueError for arguments that are not flags, and for flags of another mode."""
    if len(argv) > 1:
        raise ValueError(
            f"{argv[1]!r} is not a flag; flags look like --workdir=runs/demo, and wildcards need "
            "quotes, --input='data/*.gsas'"
        )
    if CRYSTALS.value and MODE.value != "evaluate":
        raise ValueError(
            "--crystals needs --mode=evaluate; to train on your own crystals, "
            "give --config.data.source=cif --config.data.cif_path=FILE"
        )
    if BEAM_PIPELINE_OPTIONS.value is not None:
        if MODE.value != "build":
            raise ValueError("--beam_pipeline_options needs --mode=build")
        if importlib.util.find_spec("apache_beam") is None:
            raise ValueError(
                "--beam_pipeline_options needs Apache Beam, in a separate environment: "
                "pip install 'sgan_jax[beam]'"
            )
    if INPUT.value and MODE.value != "predict":
        raise ValueError("--input needs --mode=predict")


def required_config() -> ml_collections.ConfigDict:
    """Return the validated configuration; raise ValueError if the command line names none."""
    config = given_config()
    if config is None:
        raise ValueError("--config is missing; use one of configs/, e.g. --config=configs/demo.py")
    return config


def given_config() -> ml_collections.ConfigDict | None:
    """Return the validated configuration of the command line, or None if it names none."""
    if CONFIG.value is None:
        return None
    path = config_flags.get_config_filename(flags.FLAGS["config"]).partition(":")[0]
    if not pathlib.Path(path).is_file():  # config_flags reports it only later, with a traceback
        raise ValueError(f"--config: {path} does not exist; use one of configs/")
    configuration.validate(CONFIG.value)
    return CONFIG.value


def workdir() -> pathlib.Path:
    """Return --workdir, or runs/<config file's stem>, with _<method> if the command names one.

    Raises:
      ValueError: neither is given.
    """
    if WORKDIR.value:
        return pathlib.Path(WORKDIR.value)
    if CONFIG.value is None:
        raise ValueError("neither --config nor --workdir is given; try --config=configs/demo.py")
    path, _, method = config_flags.get_config_filename(flags.FLAGS["config"]).partition(":")
    return pathlib.Path("runs", "_".join(filter(None, [pathlib.Path(path).stem, method])))


def _check_setting_names(argv: list[str]) -> None:
    """Raise ValueError for a --config.NAME that does not exist, listing those that do."""
    known = configuration.flatten(configuration.base("bl", 5, "sgan"))
    for argument in argv:
        match = re.match(r"--?config\.([\w.]+)", argument)
        if match and match[1] not in known:
            section = match[1].partition(".")[0]
            there = [name for name in known if name.startswith(f"{section}.")] or list(known)
            raise ValueError(f"--config.{match[1]} does not exist; use one of {', '.join(there)}")
