"""The study's generated patterns compared with real ones: a table and a picture."""

import pathlib
import statistics
from collections.abc import Mapping

from sgan_jax import config as configuration
from sgan_jax import config_rules
from sgan_jax.evaluation import figures, generated, run_report, study, trained_run
from sgan_jax.training import experiment

SHOWN = 3  # patterns


def draw(workdir: pathlib.Path, docs: pathlib.Path) -> pathlib.Path:
    """Draw patterns of a run's generator, each above the most similar real one.

    The generator is that of the last step, not that of the best classifier; returns the path.

    Raises:
      ValueError: the run has no generator.
    """
    config = configuration.load(workdir / "config.json")
    if config.method not in config_rules.WITH_GENERATOR:
        raise ValueError(
            f"{workdir} is a run of method {config.method!r}, which has no generator; give one of "
            f"{', '.join(config_rules.WITH_GENERATOR)}"
        )
    data = experiment.load_data(config)
    trained = trained_run.restore(config, workdir, data.classes, data.instrument)
    made = run_report.generate(config, data, trained.final, SHOWN)
    real = data.dataset.patterns[data.split.unlabelled[: run_report.COMPARED]]
    figure = figures.generated_beside_real(
        data.instrument.two_theta_deg, list(made), list(real[generated.most_similar(made, real)])
    )
    path = docs / f"study/generated_{workdir.name}.png"
    figure.savefig(path, dpi=110)
    return path


def table(cells: study.Cells, rows: Mapping[str, str]) -> str:
    """Return a Markdown table of `generated.measures`: `bl`, 5 %, random split, mean over seeds.

    Args:
      cells: from `study.read`.
      rows: name -> title of each row, in order.
    """
    lines = [
        "| | nearest real pattern | diversity | density | coverage |",
        "|---|---|---|---|---|",
    ]
    last = ()
    for row, title in rows.items():
        runs = cells.get((row, "bl", "random", 5), ())
        if measured := [run["generator"] for run in runs if "generator" in run]:
            mean = {key: statistics.fmean(one[key] for one in measured) for key in measured[0]}
            last = mean["nearest_other_real"], mean["real_diversity"]
            numbers = [mean[key] for key in ("nearest_real", "diversity", "density", "coverage")]
            texts = " | ".join(f"{number:.2f}" for number in numbers)
            lines.append(f"| {title} ({len(measured)}) | {texts} |")
    if not last:
        return "Generators: not run."
    return "\n".join(
        [*lines, f"| real patterns | {last[0]:.2f} | {last[1]:.2f} | about 1 | about 1 |"]
    )
