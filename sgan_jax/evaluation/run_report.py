"""The contents of a run's report, gathered from its configuration, data, metrics and networks."""

import pathlib
from typing import Any

import jax
import ml_collections
import numpy as np

from sgan_jax import config as configuration
from sgan_jax import config_rules, data_source, symmetry
from sgan_jax.evaluation import generated, page, report, robustness
from sgan_jax.models import generator as generators
from sgan_jax.training import experiment, writer

GENERATED = 6  # generated patterns shown
MEASURED = 500  # generated patterns for `generated.measures`
COMPARED = 2000  # real patterns that generated ones are compared with


def contents(
    config: ml_collections.ConfigDict,
    workdir: pathlib.Path,
    data: experiment.Data,
    *,
    best_state: Any,
    best_step: int,
    metrics: dict[str, Any],
) -> report.Contents:
    """Return the contents of a run's report."""
    paper = configuration.base(config.task.name, config.data.labelled_percent, config.method)
    sgan = config.method in config_rules.WITH_GENERATOR
    return report.Contents(
        title=f"{report.WHATS[config.task.name].capitalize()}s from powder patterns",
        metrics=metrics,
        history=writer.read_metrics(workdir / "metrics.jsonl"),
        best_step=best_step,
        config=configuration.flatten(config),
        reference_config=configuration.flatten(paper),
        class_counts={
            part: np.bincount(data.labels[getattr(data.split, part)], minlength=len(data.classes))
            for part in ("labelled", "validation", "unlabelled", "test")
        },
        two_theta_deg=data.instrument.two_theta_deg,
        examples=examples(data),
        generated=generate(config, data, best_state, GENERATED) if sgan else None,
        real=data.dataset.patterns[data.split.unlabelled[:COMPARED]] if sgan else None,
        facts=facts(config, data, best_state, best_step),
        robustness=robustness.read(workdir, best_step),
    )


def examples(data: experiment.Data) -> list[tuple[str, str, np.ndarray]]:
    """Return (caption, note, pattern) of one crystal of each Bravais lattice in the data set.

    From the test part if it has any.
    """
    crystals = data.dataset.catalogue
    order = np.concatenate([data.split.test, np.arange(len(data.dataset))])
    found = []
    for index, lattice in enumerate(symmetry.BRAVAIS_LATTICES):
        members = order[crystals.bravais[order] == index]
        if len(members):
            first = members[0]
            number = int(crystals.space_group[first])
            symbol = symmetry.SPACE_GROUP_SYMBOLS[number - 1]
            note = f"{crystals.formula[first]} · {symbol} ({number}) · {crystals.ids[first]}"
            found.append((lattice, note, data.dataset.patterns[members[:1]][0]))
    return found


def generate(
    config: ml_collections.ConfigDict, data: experiment.Data, state: Any, count: int
) -> np.ndarray:
    """Return patterns [count, P] of the run's generator, from latents fixed by the run's seed."""
    generator = experiment.make_networks(config, len(data.classes)).generator
    z = jax.random.normal(
        jax.random.key(config.seed, impl="threefry2x32"), (count, generators.LATENT)
    )
    variables = {"params": state.params.generator, "batch_stats": state.batch_stats}
    return np.asarray(generator.apply(variables, z, train=False))


def generator_measures(
    config: ml_collections.ConfigDict, data: experiment.Data, state: Any
) -> dict[str, float] | None:
    """Return `generated.measures` of the run's generator; None without one or with few patterns."""
    real = data.dataset.patterns[data.split.unlabelled[:COMPARED]]
    if config.method not in config_rules.WITH_GENERATOR or len(real) <= generated.NEIGHBOURS:
        return None
    return generated.measures(generate(config, data, state, MEASURED), real)


def facts(
    config: ml_collections.ConfigDict, data: experiment.Data, state: Any, best_step: int
) -> list[tuple[str, str]]:
    """Return (name, value) rows about the data and the networks."""
    instrument = data.instrument
    first, last = instrument.two_theta_deg[[0, -1]]
    return [
        ("source of the crystals", _crystals(config.data)),
        ("patterns in the data set", page.thousands(len(data.dataset))),
        (
            "structure types in the data set",
            page.thousands(len(np.unique(data.dataset.catalogue.structure_type))),
        ),
        (
            "instrument",
            f"{instrument.name}: {instrument.wavelength_angstrom:g} Å, {first:.2f} to {last:.2f}° "
            f"in steps of {instrument.two_theta_step_deg:g}°",
        ),
        *(
            (f"parameters of the {name}", page.thousands(experiment.count_parameters(params)))
            for name, params in experiment.networks_params(state).items()
        ),
        (
            "evaluated checkpoint",
            f"step {page.thousands(best_step)}, with the best validation accuracy",
        ),
    ]


def _crystals(data: ml_collections.ConfigDict) -> str:
    """Return the sources of the crystals in words, e.g. 'synthetic crystals, open_crystals.zip'."""
    table = pathlib.Path(data.synthetic_statistics).name
    words = {
        "synthetic": "synthetic crystals" + (f" with the statistics of {table}" if table else ""),
        "prototypes": str(data.prototype_path) or "built-in structure types",
        "cif": str(data.cif_path),
    }
    told = ", ".join(words[part.kind] for part in data_source.parse(data.source))
    return f"{told}; all generated crystals are labelled" if data.made == "labelled" else told
