r"""Command line: predict the symmetry of measured patterns; train, evaluate, compare classifiers.

Predict the symmetry of measured patterns (a table and a page each, and a file for other programs):

    python -m sgan_jax.main --mode=predict --input='data/*.gsas' --wavelength=1.5403
    python -m sgan_jax.main --mode=predict --workdir=runs/sg_90 --input=sample.xye \
        --instrument=bt1.inst --output=answers.json
    python -m sgan_jax.main --mode=predict --checkpoint=published.pth --input=data \
        --wavelength=2.0787

Train, evaluate and report (a missing data set is built first; to resume a killed run, repeat the
command):

    python -m sgan_jax.main --config=configs/demo.py
    python -m sgan_jax.main --config=configs/sg_05.py:supervised --workdir=runs/control
    python -m sgan_jax.main --config=configs/bl_05.py \
        --config.data.source=cif --config.data.cif_path=structures.zip

Evaluate a trained model again, or on every crystal of another file:

    python -m sgan_jax.main --mode=evaluate --workdir=runs/demo
    python -m sgan_jax.main --mode=evaluate --workdir=runs/demo --crystals=other.zip

Measure how much accuracy is left with impurities, noise, another resolution ... (in its report):

    python -m sgan_jax.main --mode=robustness --workdir=runs/demo

Compare all runs below a folder:

    python -m sgan_jax.main --mode=compare --workdir=runs

Only build the data set (to resume a killed build, repeat the command):

    python -m sgan_jax.main --mode=build --config=configs/sg_05.py \
        --config.data.source=synthetic:1000000

Show it as a page (data.html in the workdir):

    python -m sgan_jax.main --mode=inspect --config=configs/demo.py

Every setting is a key of sgan_jax/config.py and can be given as --config.KEY=VALUE.
"""

import concurrent.futures
import logging as standard_logging
import os
import pathlib
import sys
import traceback

from absl import app, flags, logging

from sgan_jax.commands import options, runs
from sgan_jax.training import shutdown

PACKAGE = str(pathlib.Path(__file__).parent)

flags.adopt_module_key_flags(options)  # --help shows them


def main(argv: list[str]) -> None:
    """Do what the flags say; exit with one line and status 1 for errors that the user can fix."""
    stop = shutdown.Shutdown(agree=any_host).listen()
    try:
        options.check(argv)
        if options.MODE.value == "compare":
            runs.compare()
        elif options.MODE.value == "predict":
            from sgan_jax.commands import prediction

            sys.exit(prediction.predict())
        else:
            on_all_hosts(stop)
    except (ValueError, OSError, FloatingPointError) as error:
        if not is_mendable(error):
            raise
        sys.exit(f"error: {error}")
    except (shutdown.Stopped, concurrent.futures.BrokenExecutor) as error:
        if stop.was_asked(error):
            stop.end(error)
        if isinstance(error, concurrent.futures.BrokenExecutor):
            sys.exit(
                "error: the system ended a worker process, most likely because memory ran out; use "
                "a smaller N in --config.data.processes=N, and the same command resumes"
            )
        raise


def on_all_hosts(stop: shutdown.Shutdown) -> None:
    """Run a mode in which all processes of a run take part."""
    options.workdir()  # fails before jax is loaded, which takes seconds
    from sgan_jax.training import compiler, hosts

    compiler.set_gpu_flags(os.environ)
    hosts.start(options.COORDINATOR.value, options.PROCESS_ID.value, options.NUM_PROCESSES.value)
    if options.MODE.value == "train":
        runs.train(stop)
    elif options.MODE.value == "build":
        runs.build()
    elif options.MODE.value == "inspect":
        runs.inspect()
    elif options.MODE.value == "robustness":
        runs.robustness()
    else:
        runs.evaluate()


def any_host(told: bool) -> bool:
    """Return whether any host of the run was told to stop."""
    from sgan_jax.training import hosts

    return hosts.any_of(told)


def is_mendable(error: BaseException) -> bool:
    """Return whether the user can fix an error: our own code raised it, or a file is missing.

    A ValueError from inside jax or numpy is a bug of the program and keeps its traceback.
    """
    last = traceback.extract_tb(error.__traceback__)[-1].filename
    return isinstance(error, FileNotFoundError) or last.startswith(PACKAGE)


def log_our_own_lines() -> None:
    """Show this program's messages and other libraries' warnings, but nothing from orbax.

    Orbax logs ten lines per checkpoint. Of a failed save it logs the traceback, twice, and asyncio
    the exceptions of the writes that orbax no longer awaited; `checkpoint` reports it in words.
    """
    logging.set_verbosity(logging.INFO)
    for place in (logging.get_absl_logger(), logging.get_absl_handler()):
        place.addFilter(is_shown)
    tell = sys.unraisablehook
    sys.unraisablehook = lambda told: (
        None if str(told.exc_value) == "Event loop is closed" else tell(told)
    )


def is_shown(record: standard_logging.LogRecord) -> bool:
    """Return whether a log record is meant for the user."""
    if record.pathname.startswith(PACKAGE):
        return True
    unawaited = record.name == "asyncio" and "exception was never retrieved" in record.getMessage()
    return (
        record.levelno >= standard_logging.WARNING
        and f"{os.sep}orbax{os.sep}" not in record.pathname
        and not unawaited
    )


def run() -> None:
    """Start the program."""
    log_our_own_lines()
    app.run(main, flags_parser=options.parse)


if __name__ == "__main__":
    run()
