"""A trained run, evaluated: every number against the networks applied independently."""

import json
import zipfile

import jax
import numpy as np
import pytest
from flax import linen as nn

from sgan_jax import config as configuration
from sgan_jax import simulate, symmetry
from sgan_jax.crystals import cif
from sgan_jax.datasets import powder_patterns, splits
from sgan_jax.datasets.catalogue import Catalogue
from sgan_jax.diffraction import instrument
from sgan_jax.evaluation import evaluate, results
from sgan_jax.models import resnet
from sgan_jax.training import checkpoint, experiment, state, train

NUMBERS = np.array([225, 221, 194])  # of the crystals of the run; 144 classes are asked for


class Discriminator(nn.Module):
    classes: int

    @nn.compact
    def __call__(self, x, *, train):
        features = jax.nn.gelu(nn.Dense(8)(x[:, ::20]))
        return resnet.DiscriminatorOutput(nn.Dense(self.classes)(features), features, None)


class Generator(nn.Module):
    @nn.compact
    def __call__(self, z, *, train):
        x = nn.BatchNorm(use_running_average=not train, axis_name=state.AXIS)(nn.Dense(8)(z))
        return jax.nn.sigmoid(nn.Dense(3041)(x))


def make_networks(config, classes):
    generator = Generator() if config.method == "sgan" else None
    return state.Networks(Discriminator(classes), generator)


def load_data(config):
    nist = instrument.PRESETS["nist2022"]
    number = NUMBERS[np.arange(90) % 3]
    centre = 40 + 30 * (np.arange(90) % 3)[:, None] + np.random.default_rng(0).normal(size=(90, 1))
    strings = np.array([f"crystal {i}" for i in range(90)], np.dtypes.StringDType())
    patterns = np.exp(-((nist.two_theta_deg - centre) ** 2)).astype(np.float32)
    bravais = np.array([symmetry.bravais_index(int(n)) for n in number])
    dataset = powder_patterns.PatternDataset(
        Catalogue(strings, strings, strings, strings, number, bravais), patterns, nist
    )
    classes = symmetry.class_list("sg", "paper", number, 0)
    labels = symmetry.class_indices("sg", classes, number)
    split = splits.split(
        labels,
        strings,
        strings,
        split="random",
        split_seed=0,
        test_fraction=0.2,
        labelled_percent=config.data.labelled_percent,
        validation_fraction=0.2,
    )
    names = symmetry.class_names("sg", classes)
    return experiment.Data(dataset, nist, classes, names, labels, split)


@pytest.fixture(scope="module", params=["supervised", "sgan", "consistency"])
def run(request, tmp_path_factory):
    """Return configuration and workdir of a run that was trained and evaluated."""
    config = configuration.base("sg", 50, request.param)
    config.optim.average_decay = 0.5 if request.param == "consistency" else 0.0
    config.data.test_fraction = 0.2
    config.train.batch_size = 1
    config.train.steps = 6
    config.train.eval_every_steps = 2
    config.optim.learning_rate = 1e-2
    config.eval.batch_size = 2  # 16 on eight devices, for 18 patterns: the second batch is padded
    config.data.processes = 1
    workdir = tmp_path_factory.mktemp(request.param)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(experiment, "load_data", load_data)
        patch.setattr(experiment, "make_networks", make_networks)
        train.train(config, workdir)
        evaluate.evaluate(config, workdir)
        yield config, workdir


def best_params(config, workdir):
    like, _ = experiment.make_state_and_phases(
        config, load_data(config), total_steps=6, global_batch=8
    )
    with checkpoint.best(workdir) as best, checkpoint.latest(workdir, keep=2) as latest:
        return state.evaluated_params(best.restore(like).state), latest.restore(like).state


def test_numbers_are_those_of_the_network_applied_by_hand(run):
    config, workdir = run
    metrics = json.loads((workdir / "test_metrics.json").read_text())
    data = load_data(config)
    params, final = best_params(config, workdir)
    test = data.split.test
    output = Discriminator(144).apply({"params": params}, data.dataset.patterns[test], train=False)
    predicted = np.argmax(output.logits, axis=1)
    assert metrics["examples"] == len(test) == 18
    assert metrics["top1"] == pytest.approx(np.mean(predicted == data.labels[test]))
    assert np.sum(metrics["confusion"]) == 18
    assert metrics["params_sha256"] == results.params_sha256(final.params)
    assert (metrics["steps"], metrics["labelled_fraction"]) == (6, 0.5)
    assert metrics["seconds"] > 0
    assert metrics["devices"] == ["8 x cpu"]

    lines = (workdir / "test_predictions.csv").read_text().splitlines()[1:]
    assert [line.split(",")[0] for line in lines] == data.dataset.catalogue.ids[test].tolist()
    assert [line.split(",")[2] for line in lines] == [data.class_names[k] for k in predicted]
    page = (workdir / "report.html").read_text()
    assert ("Generated patterns" in page) == (config.method == "sgan")


def test_evaluating_again_gives_the_same_files(run):
    config, workdir = run
    names = ("test_metrics.json", "test_predictions.csv", "report.html")
    before = [(workdir / name).read_bytes() for name in names]
    metrics = evaluate.evaluate(config, workdir)
    assert metrics == json.loads(before[0])
    assert [(workdir / name).read_bytes() for name in names] == before


CIF = """data_x
_cell_length_a 5.64
_cell_length_b {b}
_cell_length_c 5.64
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
_space_group_IT_number {number}
_symmetry_space_group_name_H-M '{symbol}'
loop_
_atom_site_label
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
Na 0 0 0
Cl 0.5 0.5 0.5
"""


def test_every_crystal_of_another_file(run, tmp_path):
    config, workdir = run
    salt = CIF.format(b=5.64, number=225, symbol="F m -3 m")
    archive = tmp_path / "other.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("a.cif", salt)
        file.writestr("b.cif", salt)  # a duplicate counts, too
        file.writestr("c.cif", CIF.format(b=6.1, number=3, symbol="P 1 2 1"))  # in no class
        file.writestr("d.cif", "not a CIF")
    before = sorted(path.name for path in workdir.iterdir())
    metrics = evaluate.evaluate_crystals(config, workdir, archive)

    folder = workdir / "crystals_other"
    assert json.loads((folder / "test_metrics.json").read_text()) == metrics
    assert (metrics["examples"], metrics["split"]) == (2, "crystals")
    assert np.sum(metrics["confusion"][metrics["classes"].index("225 Fm-3m")]) == 2
    assert (folder / "left_out.tsv").read_text().splitlines()[1].endswith("\t3")
    assert (folder / "skipped.tsv").read_text().splitlines()[1].startswith("d.cif\t")
    unchanged = {path.name for path in workdir.iterdir()} - {"crystals_other"}
    assert unchanged == set(before) - {"crystals_other"}

    (crystal,) = cif.crystals_from_text("a.cif", salt.encode())
    pattern = simulate(crystal, config.instrument.preset).intensity.astype(np.float32)
    params, _ = best_params(config, workdir)
    logits = Discriminator(144).apply({"params": params}, pattern[None], train=False).logits
    best = metrics["classes"][int(np.argmax(logits))]
    lines = (folder / "test_predictions.csv").read_text().splitlines()[1:]
    assert [line.split(",")[1:3] for line in lines] == [["225 Fm-3m", best]] * 2


def test_a_file_with_no_known_class_is_an_error(run, tmp_path):
    config, workdir = run
    path = tmp_path / "p2.cif"
    path.write_text(CIF.format(b=6.1, number=3, symbol="P 1 2 1"))
    with pytest.raises(ValueError, match="none of its 1 crystals"):
        evaluate.evaluate_crystals(config, workdir, path)
    with pytest.raises(ValueError, match="does not exist"):
        evaluate.evaluate_crystals(config, workdir, tmp_path / "absent.zip")


def test_a_run_that_was_never_saved_is_an_error(run, tmp_path):
    config, _ = run
    with pytest.raises(ValueError, match="train first"):
        evaluate.evaluate(config, tmp_path)
