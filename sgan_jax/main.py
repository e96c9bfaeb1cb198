r"""Command line: build data, train a classifier of crystal symmetry, evaluate and compare.

Train, evaluate and report (data sets are built when they are missing; a run that was killed goes on
when the same command is given again):

    python -m sgan_jax.main --config=configs/demo.py
    python -m sgan_jax.main --config=configs/sg_05.py:supervised --workdir=runs/control
    python -m sgan_jax.main --config=configs/bl_05.py \
        --config.data.source=cif --config.data.cif_path=structures.zip

Evaluate a trained model again, or on every crystal of another file:

    python -m sgan_jax.main --mode=evaluate --workdir=runs/demo
    python -m sgan_jax.main --mode=evaluate --workdir=runs/demo --crystals=other.zip

Compare all the runs below a folder:

    python -m sgan_jax.main --mode=compare --workdir=runs

Build the data set alone (the same command goes on after a kill):

    python -m sgan_jax.main --mode=build --config=configs/sg_05.py \
        --config.data.source=synthetic:1000000

Look at it, as a page (data.html in the workdir):

    python -m sgan_jax.main --mode=inspect --config=configs/demo.py

Every setting is a key of sgan_jax/config.py and can be given as --config.KEY=VALUE.
"""

import concurrent.futures
import os
import pathlib
import re
import sys
import traceback

import ml_collections
from absl import app, flags, logging
from ml_collections import config_flags

from sgan_jax import config as configuration
from sgan_jax.training import shutdown

_CONFIG = config_flags.DEFINE_config_file(
    "config",
    None,
    "Experiment, a file in configs/, with its method after a colon where it is not the file's "
    "default (configs/sg_05.py:supervised). --mode=evaluate takes the one saved in --workdir.",
)
_WORKDIR = flags.DEFINE_string(
    "workdir", None, "Folder of the run: checkpoints, metrics, report. Default: runs/<config>."
)
_MODE = flags.DEFINE_enum(
    "mode",
    "train",
    ["train", "build", "inspect", "evaluate", "compare"],
    "train: build the data if needed, train (or go on), evaluate, report. build: the first alone. "
    "inspect: the data set as a page, data.html in --workdir. evaluate: the last two. "
    "compare: the runs below --workdir in one table, by means over their seeds.",
)
_CRYSTALS = flags.DEFINE_string(
    "crystals",
    None,
    "With --mode=evaluate: a CIF file, folder, zip or tar, every crystal of which is classified "
    "and compared with the symmetry that the file gives.",
)
_COORDINATOR = flags.DEFINE_string(
    "coordinator",
    None,
    "host:port of the first process, where a run on several machines is not started by Slurm, Open "
    "MPI or Kubernetes, which tell it by themselves.",
)
_PROCESS_ID = flags.DEFINE_integer(
    "process_id", None, "With --coordinator: which process this is, from 0."
)
_NUM_PROCESSES = flags.DEFINE_integer(
    "num_processes",
    None,
    "With --coordinator: how many processes the run has. 1 alone: whatever started this process, "
    "it is a run of its own.",
)

WARNING = 30  # of the standard library, whose records absl hands on
PACKAGE = str(pathlib.Path(__file__).parent)


def main(argv: list[str]) -> None:
    """Do what the flags say; end with one line and status 1 where the user can mend it."""
    stop = shutdown.Shutdown(agree=any_host).listen()
    try:
        if len(argv) > 1:
            raise ValueError(f"{argv[1]!r} is not a flag; flags look like --workdir=runs/demo")
        if _MODE.value == "compare":
            run_comparison(pathlib.Path(_WORKDIR.value or "runs"))
            return
        workdir = pathlib.Path(_WORKDIR.value or default_workdir())
        from sgan_jax.training import compiler, hosts  # after the checks: jax takes seconds

        compiler.set_gpu_flags(os.environ)
        hosts.start(_COORDINATOR.value, _PROCESS_ID.value, _NUM_PROCESSES.value)
        if _MODE.value == "train":
            run_training(workdir, stop)
        elif _MODE.value == "build":
            run_build()
        elif _MODE.value == "inspect":
            run_inspection(workdir)
        else:
            run_evaluation(workdir)
    except (ValueError, OSError, FloatingPointError) as error:
        if not is_mendable(error):
            raise
        sys.exit(f"error: {error}")
    except (shutdown.Stopped, concurrent.futures.BrokenExecutor) as error:
        if not stop.was_asked(error):
            raise
        stop.end(error)


def any_host(told: bool) -> bool:
    """Say whether any host of the run is told to end."""
    from sgan_jax.training import hosts

    return hosts.any_of(told)


def run_training(workdir: pathlib.Path, stop: shutdown.Shutdown) -> None:
    """Train from the beginning or from the latest checkpoint, then evaluate."""
    config = required_config()
    from sgan_jax.datasets import powder_patterns
    from sgan_jax.training import compiler, train

    if config.train.compilation_cache:
        compiler.keep_programs(powder_patterns.cache_dir() / "programs")
    train.train(config, workdir, stop)
    run_evaluation(workdir)


def run_build() -> None:
    """Build the data set of the configuration, or go on with it."""
    config = required_config()
    from sgan_jax.training import experiment, hosts

    folder = hosts.from_first(lambda: experiment.prepare_data(config))
    logging.info("the data set is %s", folder)


def run_inspection(workdir: pathlib.Path) -> None:
    """Show the data set of the configuration, or of the run in a workdir, as a page."""
    saved = workdir / "config.json"
    if _CONFIG.value is None and saved.is_file():
        config = configuration.load(saved)
    else:
        config = required_config()
    from sgan_jax.evaluation import inspection
    from sgan_jax.training import experiment, hosts

    folder = hosts.from_first(lambda: experiment.prepare_data(config))
    if hosts.is_first():
        workdir.mkdir(parents=True, exist_ok=True)
        inspection.write(folder, workdir / "data.html")
        logging.info("the data set is shown in %s", workdir / "data.html")


def run_evaluation(workdir: pathlib.Path) -> None:
    """Evaluate the run in a workdir, by the configuration saved there."""
    saved = workdir / "config.json"
    if not saved.is_file():
        raise ValueError(f"{saved} does not exist; train first, or give the --workdir of a run")
    config = configuration.load(saved)
    given = given_config()
    if given is not None and (changed := configuration.differences(config, given)):
        raise ValueError(f"{workdir} was trained with another configuration: {'; '.join(changed)}")
    from sgan_jax.evaluation import evaluate

    if _CRYSTALS.value:
        evaluate.evaluate_crystals(config, workdir, pathlib.Path(_CRYSTALS.value))
    else:
        evaluate.evaluate(config, workdir)


def run_comparison(workdir: pathlib.Path) -> None:
    """Compare the runs at and below a folder; print the table."""
    from sgan_jax.evaluation import comparison_page

    print(comparison_page.write_comparison(workdir))


def required_config() -> ml_collections.ConfigDict:
    """Return the checked configuration of a command that needs one, and no --crystals."""
    if _CRYSTALS.value:
        raise ValueError(
            "--crystals goes with --mode=evaluate; to train on crystals of your own "
            "give --config.data.source=cif --config.data.cif_path=FILE"
        )
    config = given_config()
    if config is None:
        raise ValueError("--config is missing; use one of configs/, e.g. --config=configs/demo.py")
    return config


def given_config() -> ml_collections.ConfigDict | None:
    """Return the checked configuration of the command line, None where it names none."""
    if _CONFIG.value is None:
        return None
    path = config_flags.get_config_filename(flags.FLAGS["config"]).partition(":")[0]
    if not pathlib.Path(path).is_file():  # config_flags says so only later, with a traceback
        raise ValueError(f"--config: {path} does not exist; use one of configs/")
    configuration.validate(_CONFIG.value)
    return _CONFIG.value


def default_workdir() -> str:
    """Return runs/<config file's stem>, with _<method> where the command names one."""
    if _CONFIG.value is None:
        raise ValueError("neither --config nor --workdir is given; try --config=configs/demo.py")
    path, _, method = config_flags.get_config_filename(flags.FLAGS["config"]).partition(":")
    return str(pathlib.Path("runs", "_".join(filter(None, [pathlib.Path(path).stem, method]))))


def is_mendable(error: BaseException) -> bool:
    """Say whether our own code raised the error (about its input) and not a library beneath it.

    A ValueError from inside jax or numpy is a fault of the program and keeps its traceback.
    """
    last = traceback.extract_tb(error.__traceback__)[-1].filename
    return isinstance(error, FileNotFoundError) or last.startswith(PACKAGE)


def parse_flags(argv: list[str]) -> list[str]:
    """Parse the flags; a wrong one ends the program with one line."""
    try:
        check_setting_names(argv)
        return flags.FLAGS(argv)
    except OSError as error:  # a config file that does not exist, and a --config.NAME beside it
        sys.exit(f"error: {' '.join(str(error).split())}")
    except (flags.Error, AttributeError, KeyError, TypeError, ValueError) as error:
        # ml_collections puts a traceback into its messages; the reason is the last line.
        sys.exit(f"error: {str(error).strip().splitlines()[-1]} (--help lists the flags)")


def check_setting_names(argv: list[str]) -> None:
    """Raise ValueError for a --config.NAME that does not exist, saying which do."""
    known = configuration.flatten(configuration.base("bl", 5, "sgan"))
    for argument in argv:
        match = re.match(r"--?config\.([\w.]+)", argument)
        if match and match[1] not in known:
            section = match[1].partition(".")[0]
            there = [name for name in known if name.startswith(f"{section}.")] or list(known)
            raise ValueError(f"--config.{match[1]} does not exist; there are {', '.join(there)}")


def log_our_own_lines() -> None:
    """Show what this program says and others' warnings; orbax alone says ten lines a checkpoint.

    Of a save that failed orbax shows the traceback, twice, and the ends of the writes for which it
    no longer waited; `checkpoint` says it in words.
    """
    logging.set_verbosity(logging.INFO)
    for place in (logging.get_absl_logger(), logging.get_absl_handler()):
        place.addFilter(
            lambda record: (
                record.pathname.startswith(PACKAGE)
                or (record.levelno >= WARNING and f"{os.sep}orbax{os.sep}" not in record.pathname)
            )
        )
    tell = sys.unraisablehook
    sys.unraisablehook = lambda told: (
        None if str(told.exc_value) == "Event loop is closed" else tell(told)
    )


def run() -> None:
    """Start the program."""
    log_our_own_lines()
    app.run(main, flags_parser=parse_flags)


if __name__ == "__main__":
    run()
