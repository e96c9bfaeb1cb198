"""Models loaded from runs and from published files."""

import json
import pickle
import shutil

import jax.numpy as jnp
import made_up
import numpy as np
import pytest
from flax import linen as nn

import sgan_jax
from sgan_jax import config as configuration
from sgan_jax import symmetry
from sgan_jax.answers import loading, saved_model
from sgan_jax.answers.saved_model import ModelError
from sgan_jax.datasets import powder_patterns, splits
from sgan_jax.datasets.catalogue import Catalogue
from sgan_jax.evaluation import evaluate
from sgan_jax.models import resnet
from sgan_jax.training import blueprint, checkpoint, experiment, state, train

NUMBERS = np.array([225, 221, 194])


class Generator(nn.Module):
    @nn.compact
    def __call__(self, z, *, train):
        x = nn.BatchNorm(use_running_average=not train, axis_name=state.AXIS)(nn.Dense(8)(z))
        return nn.sigmoid(nn.Dense(3041)(x))


def make_networks(config, classes):
    generator = Generator() if config.method == "sgan" else None
    return state.Networks(made_up.Small(classes), generator)


def load_data(config):
    number = NUMBERS[np.arange(90) % 3]
    centre = 40 + 30 * (np.arange(90) % 3)[:, None] + np.random.default_rng(0).normal(size=(90, 1))
    strings = np.array([f"crystal {i}" for i in range(90)], np.dtypes.StringDType())
    patterns = np.exp(-((made_up.MODEL.two_theta_deg - centre) ** 2)).astype(np.float32)
    bravais = np.array([symmetry.bravais_index(int(n)) for n in number])
    dataset = powder_patterns.PatternDataset(
        Catalogue(strings, strings, strings, strings, number, bravais), patterns, made_up.MODEL
    )
    task = config.task
    classes = symmetry.class_list(task.name, task.classes, number, task.min_count)
    labels = symmetry.class_indices(task.name, classes, number)
    split = splits.split(
        labels, strings, strings, split="random", split_seed=0, test_fraction=0.2,
        labelled_percent=config.data.labelled_percent, validation_fraction=0.2,
    )  # fmt: skip
    names = symmetry.class_names(task.name, classes)
    return experiment.Data(dataset, made_up.MODEL, classes, names, labels, split)


@pytest.fixture(scope="module")
def small():
    """Give runs a small data set and a small network."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(experiment, "load_data", load_data)
        patch.setattr(experiment, "make_networks", make_networks)
        patch.setattr(blueprint, "make_classifier", lambda _, classes: made_up.Small(classes))
        yield


@pytest.fixture(scope="module")
def evaluated(small, tmp_path_factory):
    """Return the configuration and the folder of a run."""
    workdir = tmp_path_factory.mktemp("run") / "supervised"
    paths = {
        "data.cif_path": "/home/somebody/structures.zip",
        "data.synthetic_statistics": "/home/somebody/known.npz",
    }
    config = trained(workdir, **paths)
    evaluate.evaluate(config, workdir)
    return config, workdir


def trained(workdir, method="supervised", steps=4, **changes):
    config = configuration.base("sg", 50, method)
    config.update_from_flattened_dict(
        {
            "data.test_fraction": 0.2,
            "train.batch_size": 1,
            "train.steps": steps,
            "train.eval_every_steps": 2,
            "optim.learning_rate": 1e-2,
            **changes,
        }
    )
    train.train(config, workdir)
    return config


def best_params(config, workdir):
    like, _ = experiment.make_state_and_phases(
        config, load_data(config), total_steps=4, global_batch=8
    )
    with checkpoint.best(workdir) as best:
        return state.evaluated_params(best.restore(like).state)


@pytest.mark.parametrize(
    ("method", "changes"),
    [("sgan", {}), ("supervised", {"optim.average_decay": 0.5, "augment.strain": 0.1})],
)
def test_a_run_is_loaded_with_what_its_evaluation_takes(small, tmp_path, method, changes):
    config = trained(tmp_path, method, **changes)
    evaluate.evaluate(config, tmp_path)
    model = sgan_jax.load(str(tmp_path))
    data = load_data(config)
    patterns = data.dataset.patterns[data.split.test]
    params = best_params(config, tmp_path)
    expected = made_up.Small(144).apply({"params": params}, patterns, train=False).logits
    np.testing.assert_allclose(model.logits(patterns), expected, atol=1e-5)
    assert (model.task, model.classes) == ("sg", symmetry.PAPER_SPACE_GROUPS)
    assert model.instrument == made_up.MODEL

    saved = json.loads((tmp_path / "calibration.json").read_text())
    assert model.temperature == saved["temperature"] != 1.0
    assert saved["patterns"] == len(saved["scores"]) == len(data.split.validation)
    checked = json.loads((tmp_path / "confidence.json").read_text())
    for part in filter(None, checked.values()):
        assert part["patterns"] == len(data.split.test)
        assert part["calibrated_on"] == len(data.split.validation)
    if "augment.strain" in changes:
        assert saved["temperature"] == checked["as_distorted"]["temperature"]
        assert saved["temperature"] != checked["as_simulated"]["temperature"]
        return
    assert checked["as_distorted"] is None
    held_out = data.split.validation
    output = made_up.Small(144).apply(
        {"params": params}, data.dataset.patterns[held_out], train=False
    )
    logits = np.asarray(output.logits, float)
    energies = np.log(np.exp(logits).sum(axis=1))
    assert saved["energy_quantiles"]["0.5"] == pytest.approx(np.median(energies), abs=1e-4)
    scaled = np.exp(logits / saved["temperature"])
    true = scaled[np.arange(len(held_out)), data.labels[held_out]] / scaled.sum(axis=1)
    np.testing.assert_allclose(saved["scores"], np.sort(1 - true), atol=1e-5)


def test_a_run_that_was_not_evaluated_is_loaded_without_calibration(evaluated, tmp_path):
    _, workdir = evaluated
    shutil.copytree(workdir, tmp_path / "run")
    assert loading.load(tmp_path / "run").calibration is not None
    (tmp_path / "run" / "calibration.json").unlink()
    model = loading.load(tmp_path / "run")
    assert model.calibration is None and model.temperature == 1.0
    with pytest.raises(ModelError, match="no calibration; run --mode=evaluate"):
        loading.export(tmp_path / "run", tmp_path / "exported")


def test_a_calibration_of_other_parameters_is_refused(evaluated, tmp_path):
    _, workdir = evaluated
    shutil.copytree(workdir, tmp_path / "run")
    path = tmp_path / "run" / "calibration.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"step": 99}))
    with pytest.raises(ModelError, match=r"is for step 99, .*evaluate the run again"):
        loading.load(tmp_path / "run")


def test_space_groups_that_depend_on_the_data(small, tmp_path):
    frequent = {"task.classes": "frequent", "task.min_count": 2}
    config = trained(tmp_path, **frequent)
    with pytest.raises(ModelError, match="depend on its data; evaluate it first"):
        loading.load(tmp_path)
    evaluate.evaluate(config, tmp_path)
    assert loading.load(tmp_path).classes == (194, 221, 225)


def test_a_run_without_a_checkpoint(tmp_path):
    configuration.save(configuration.base("bl", 5, "sgan"), tmp_path / "config.json")
    with pytest.raises(ModelError, match="holds no checkpoint; train first"):
        loading.load(tmp_path)


def test_the_export_of_a_run_is_the_run(evaluated, tmp_path, monkeypatch):
    config, workdir = evaluated
    monkeypatch.setattr(saved_model, "ResNet1D", lambda classes, **_: made_up.Small(classes))
    monkeypatch.setattr(saved_model, "_NETWORK", ())
    loading.export(workdir, tmp_path)
    patterns = load_data(config).dataset.patterns[:8]
    run, exported = loading.load(workdir), loading.load(tmp_path)
    np.testing.assert_allclose(exported.logits(patterns), run.logits(patterns), atol=2e-2)
    assert exported.temperature == run.temperature
    assert "somebody" not in (tmp_path / "model.json").read_text()


def test_a_published_file(tmp_path):
    torch = pytest.importorskip("torch")
    random = np.random.default_rng(0)
    states = {}
    for variant in ("SGAN", "Supervised"):
        states[variant] = {
            name: torch.from_numpy(0.1 * random.normal(size=shape).astype(np.float32))
            for name, shape in published_shapes(144).items()
        }
    torch.save(states, tmp_path / "published.pth")
    model = sgan_jax.load(tmp_path / "published.pth")
    other = sgan_jax.load(tmp_path / "published.pth", variant="Supervised")
    assert (model.task, model.classes) == ("sg", symmetry.PAPER_SPACE_GROUPS)
    assert (model.intensity_offset, model.calibration) == (1e-3, None)
    head = states["SGAN"]["classifier.weight"].numpy().T
    np.testing.assert_array_equal(model.params["class_head"]["kernel"], head)
    patterns = random.uniform(size=(8, 3041)).astype(np.float32)
    expected = model.model.apply({"params": model.params}, jnp.asarray(patterns), train=False)
    np.testing.assert_allclose(model.logits(patterns), expected.logits, atol=1e-4)
    assert np.abs(model.logits(patterns) - other.logits(patterns)).max() > 0.1


def published_shapes(classes):
    shapes = {"resnet.conv.conv.weight": (32, 1, 13)}
    norms, channels = {"resnet.conv": 32}, 32
    for stage, (features, size, _) in enumerate(resnet.STAGES, 1):
        for block in (0, 1):
            name = f"resnet.layer{stage}.{block}"
            for layer, shape in {
                "conv1": (features, channels, size),
                "conv2": (features, features, size),
                "downsample": (features, channels, 1),
            }.items():
                shapes[f"{name}.{layer}.conv.weight"] = shape
                norms[f"{name}.{layer}"] = features
            channels = features
    for name, features in norms.items():
        shapes[f"{name}.layer_norm.weight"] = shapes[f"{name}.layer_norm.bias"] = (features,)
    shapes |= {"classifier.weight": (classes, 64), "classifier.bias": (classes,)}
    return shapes | {"adv.weight": (1, 64), "adv.bias": (1,)}


def test_a_published_file_of_other_classes(tmp_path, monkeypatch):
    path = tmp_path / "other.pth"
    path.write_bytes(pickle.dumps({}))
    network = torch_weights_of(7)
    monkeypatch.setattr(loading.torch_weights, "load_published", lambda *_: network)
    with pytest.raises(ModelError, match="a model of 7 classes; the published models have"):
        loading.load(path)


def torch_weights_of(classes):
    return loading.torch_weights.PublishedClassifier(resnet.ResNet1D(classes), {})
