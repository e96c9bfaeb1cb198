"""The modes for data sets and runs: train, build, inspect, evaluate, robustness, compare.

They import what they call late: jax takes seconds, and errors in the flags are reported before.
"""

import pathlib

import ml_collections
from absl import logging

from sgan_jax import config as configuration
from sgan_jax import user_cache
from sgan_jax.commands import options
from sgan_jax.training import shutdown


def train(stop: shutdown.Shutdown) -> None:
    """Train from the beginning or from the latest checkpoint, then evaluate."""
    workdir = options.workdir()
    config = options.required_config()
    from sgan_jax.training import compiler, train

    if config.train.compilation_cache:
        compiler.keep_programs(user_cache.programs())
    train.train(config, workdir, stop)
    evaluate()


def build() -> None:
    """Build the data set of the configuration, or resume its build."""
    config, beam_options = options.required_config(), options.BEAM_PIPELINE_OPTIONS.value
    from sgan_jax.training import experiment, hosts

    folder = hosts.from_first(lambda: experiment.prepare_data(config, beam_options))
    logging.info("the data set is in %s", folder)


def inspect() -> None:
    """Show the data set of the configuration, or of the run in the workdir, as a page."""
    workdir = options.workdir()
    saved = workdir / "config.json"
    if options.CONFIG.value is None and saved.is_file():
        config = configuration.load(saved)
    else:
        config = options.required_config()
    from sgan_jax.evaluation import inspection
    from sgan_jax.training import experiment, hosts

    folder = hosts.from_first(lambda: experiment.prepare_data(config))
    if hosts.is_first():
        workdir.mkdir(parents=True, exist_ok=True)
        inspection.write(folder, workdir / "data.html")
        logging.info("the data set is shown in %s", workdir / "data.html")


def evaluate() -> None:
    """Evaluate the run in the workdir with the configuration saved there."""
    workdir = options.workdir()
    config = _saved_config(workdir)
    from sgan_jax.evaluation import evaluate

    if options.CRYSTALS.value:
        evaluate.evaluate_crystals(config, workdir, pathlib.Path(options.CRYSTALS.value))
    else:
        evaluate.evaluate(config, workdir)


def robustness() -> None:
    """Measure the accuracy of the run in the workdir on perturbed patterns; update its report."""
    workdir = options.workdir()
    config = _saved_config(workdir)
    from sgan_jax.answers import loading
    from sgan_jax.evaluation import evaluate, robustness
    from sgan_jax.training import hosts

    model = loading.load_run(workdir)
    if model.calibration is None:
        raise ValueError(
            f"{workdir} has not been evaluated; first give --mode=evaluate --workdir={workdir}"
        )
    sample = robustness.read_sample(config)
    curves = robustness.measure(lambda x: model.logits(x + model.intensity_offset), sample)
    step, patterns = model.calibration.step, len(sample.labels)
    found = {"patterns": patterns, "step": step, "curves": list(curves)}
    if hosts.is_first():
        robustness.write(workdir, found)
    for curve in found["curves"]:
        logging.info(
            "%s: %.1f points of accuracy lost; the limit is %g",
            curve["name"],
            curve["lost_points"],
            curve["limit_points"],
        )
    evaluate.evaluate(config, workdir)


def compare() -> None:
    """Compare the runs at and below the workdir; print the table."""
    from sgan_jax.evaluation import comparison_page

    print(comparison_page.write_comparison(pathlib.Path(options.WORKDIR.value or "runs")))


def _saved_config(workdir: pathlib.Path) -> ml_collections.ConfigDict:
    """Return the configuration of the run in a workdir; one on the command line must match it.

    Raises:
      ValueError: there is no run, or it was trained with another configuration.
    """
    saved = workdir / "config.json"
    if not saved.is_file():
        raise ValueError(f"{saved} does not exist; train first, or give the --workdir of a run")
    config = configuration.load(saved)
    given = options.given_config()
    if given is not None and (changed := configuration.differences(config, given)):
        raise ValueError(f"{workdir} was trained with another configuration: {'; '.join(changed)}")
    return config
