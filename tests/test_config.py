import importlib.util
import pathlib
import re

import pytest

from sgan_jax import config as configuration
from sgan_jax import config_rules
from sgan_jax.diffraction import instrument

CONFIGS = pathlib.Path(__file__).parents[1] / "configs"
TABLE = [(task, percent) for task in ("bl", "sg") for percent in (5, 10, 25, 50)]


def load(name: str, *method: str):
    spec = importlib.util.spec_from_file_location(name, CONFIGS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.get_config(*method), module.__doc__


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.py")), ids=lambda path: path.stem)
def test_every_file_is_a_valid_lab_book_page(path):
    config, page = load(path.stem)
    configuration.validate(config)
    assert f"python -m sgan_jax.main --config=configs/{path.name}" in page
    assert len(path.read_text().splitlines()) <= 30


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("measured", ("sg", "sg_magnetic", "sg_broad", "sg_oriented", "bl", "sg_plain")),
        ("synthetic", [f"{t}_{s}" for t in ("bl", "sg") for s in ("synthetic", "real", "both")]),
    ],
)
def test_every_experiment_that_a_page_names_is_valid(name, kinds):
    for kind in kinds:
        config, page = load(name, kind)
        configuration.validate(config)
        assert config.task.name == kind[:2]
        assert f"`{kind}`" in page or (name == "synthetic" and kind.startswith("sg_"))
    with pytest.raises(KeyError):
        load(name, "sg_nothing")


@pytest.mark.parametrize("task", ["bl", "sg"])
def test_the_best_is_a_row_of_the_study(task):
    best, (row, _) = load("best", task)[0], load("study", "synthetic_40000")
    row.task.name = task
    row.data.synthetic_statistics = ""  # the package's, for crystals that it has not seen
    assert configuration.differences(row, best) == []


@pytest.mark.parametrize(("task", "percent"), TABLE)
def test_sgan_has_the_papers_numbers(task, percent):
    config, _ = load(f"{task}_{percent:02d}")
    assert (config.task.name, config.data.labelled_percent, config.method) == (
        task,
        percent,
        "sgan",
    )
    # Table 2 and section 2 of the paper.
    assert (config.optim.learning_rate, config.optim.generator_learning_rate) == (5e-6, 1e-6)
    assert (config.train.batch_size, config.model.dropout, config.train.epochs) == (32, 0.1, 100)
    assert (config.data.test_fraction, config.model.stem_pool) == (0.1, True)
    assert not config.gan.real_fake_head
    assert not config.model.projection_shortcuts
    assert (config.optim.schedule, config.optim.weight_decay) == ("constant", 0.0)


@pytest.mark.parametrize(("task", "percent"), [*TABLE, ("bl", 90), ("sg", 90)])
def test_control_has_the_papers_numbers(task, percent):
    config, _ = load(f"{task}_{percent:02d}", "supervised")
    configuration.validate(config)
    assert (config.method, config.optim.learning_rate) == ("supervised", 1e-4)
    assert (config.train.batch_size, config.model.dropout) == (64, 0.1)
    assert config.data.labelled_percent == percent


def test_configs_quote_the_papers_results():
    """Accuracy in %, supervised and SGAN, at 5/10/25/50 % labelled (Table 4 of the paper)."""
    bravais = [(61, 70), (68, 74), (76, 80), (82, 85)]
    space_groups = [(54, 60), (61, 65), (68, 72), (75, 78)]
    rows = zip(TABLE, bravais + space_groups, strict=True)
    for (task, percent), (supervised, sgan) in rows:
        page = " ".join(load(f"{task}_{percent:02d}")[1].split())
        assert f"SGAN {sgan} %" in page
        assert f"supervised {supervised} %" in page


def test_every_key_has_a_comment_or_speaks_for_itself():
    source = pathlib.Path(configuration.__file__).read_text()
    body = source[source.index("config = dict(") : source.index("return ml_collections")]
    bare = re.findall(r"^ +(\w+)=(?!dict)[^#]*,$", body, re.MULTILINE)
    speaking = {"wavelength_angstrom", "split_seed", "warmup_steps"}
    speaking |= {"synthetic_seed", "prototype_seed", "prototype_crystals"}
    assert set(bare) <= speaking | {"log_every_steps", "v", "w", "y", "h_over_l"}


def test_presets_are_those_of_the_instrument_file():
    assert set(config_rules.CHOICES["instrument.preset"]) == set(instrument.PRESETS)


def base(method="sgan", **changes):
    config = configuration.base("sg", 5, method)
    config.update_from_flattened_dict({k.replace("__", "."): v for k, v in changes.items()})
    return config


@pytest.mark.parametrize(
    ("changes", "field", "allowed"),
    [
        ({"task__name": "xy"}, "task.name", "'bl', 'sg', 'eg'"),
        ({"method": "gan"}, "method", "'supervised', 'sgan'"),
        ({"task__classes": "some"}, "task.classes", "'paper', 'all', 'frequent'"),
        ({"instrument__preset": "d2b"}, "instrument.preset", "nist2022"),
        ({"instrument__wavelength_angstrom": 154.0}, "instrument.wavelength_angstrom", "0.1 to 20"),
        ({"model__dropout": 1.0}, "model.dropout", "below 1"),
        ({"optim__learning_rate": 0.0}, "optim.learning_rate", "above 0"),
        ({"train__batch_size": 0}, "train.batch_size", "1 or more"),
        ({"data__test_fraction": 1.5}, "data.test_fraction", "below 1"),
        ({"data__labelled_percent": 95}, "data.labelled_percent", "1 to 90"),
        ({"data__labelled_percent": 90}, "data.labelled_percent", "less than 90"),
        ({"data__source": "cif"}, "data.cif_path", "a zip or a tar"),
        ({"data__source": "synthetic:9+cif"}, "data.cif_path", "a zip or a tar"),
        ({"data__cif_path": "x.zip"}, "data.cif_path", "data.source='cif'"),
        ({"data__source": "icsd"}, "data.source", "'synthetic', 'prototypes', 'cif'"),
        ({"data__source": "cif:many"}, "data.source", "'cif:20000'"),
        ({"data__class_balance": "even"}, "data.class_balance", "'natural', 'uniform'"),
        ({"data__synthetic_crystals": 0}, "data.synthetic_crystals", "1 or more"),
        (
            {"data__source": "synthetic", "data__prototype_path": "x"},
            "data.prototype_path",
            "data.source='prototypes'",
        ),
        ({"gan__soft_labels": True}, "gan.soft_labels", "gan.real_fake_head=True"),
        ({"gan__optimizers": "four"}, "gan.optimizers", "'two', 'three'"),
        ({"method": "supervised", "gan__optimizers": "three"}, "gan.optimizers", "method='sgan'"),
        ({"strong__strain": 0.1}, "strong.strain", "method='consistency' or 'pretrain'"),
        ({"pretrain__then": "sgan"}, "pretrain.then", "'supervised', 'consistency'"),
        (
            {"method": "consistency", "consistency__confidence": 0.8},
            "consistency.confidence",
            "consistency.thresholds='fixed'",
        ),
        ({"augment__missing_deg": 90.0}, "augment.missing_deg", "0 to 40 degrees"),
        ({"render__on": True, "method": "pretrain"}, "render.on", "'supervised' or 'sgan'"),
        ({"render__strain": 0.01}, "render.strain", "render.on=True"),
        ({"render__on": True, "augment__noise": 0.1}, "augment.noise", "render.on=False"),
        ({"render__on": True, "render__strain": 0.1}, "render.strain", "0 to 0.05"),
        (
            {"render__on": True, "render__wavelength_low": 3.0},
            "render.wavelength_low",
            "not below render.wavelength_high",
        ),
        ({"train__unlabelled_ratio": 3}, "train.unlabelled_ratio", "'consistency' or 'pretrain'"),
        (
            {"method": "sgan", "gan__real_per_generated": 3, "train__batch_size": 64},
            "gan.real_per_generated",
            "does not divide train.batch_size = 64; use 1 or another divisor",
        ),
        (
            {"method": "supervised", "gan__real_per_generated": 2},
            "gan.real_per_generated",
            "method='sgan'",
        ),
        ({"optim__average_decay": 1.0}, "optim.average_decay", "below 1"),
        ({"task__min_count": 10}, "task.min_count", "task.classes='frequent'"),
        ({"optim__warmup_steps": 10}, "optim.warmup_steps", "optim.schedule='cosine'"),
    ],
)
def test_wrong_settings_are_named_with_what_is_allowed(changes, field, allowed):
    with pytest.raises(ValueError) as error:
        configuration.validate(base(**changes))
    assert str(error.value).startswith(field)
    assert allowed in str(error.value)
    assert "\n" not in str(error.value)


def test_ranges_and_choices_name_fields_that_exist():
    fields = configuration.flatten(base())
    named = {*config_rules.CHOICES, *config_rules.RANGES, *configuration.HARMLESS}
    named |= {name for needs in config_rules.NEEDS for name in needs[:2]}
    sections = {f"{name.partition('.')[0]}." for name in fields}
    assert named <= set(fields) | sections


def test_bravais_lattices_take_no_space_group_classes():
    config = configuration.base("bl", 5, "sgan")
    config.task.classes = "all"
    with pytest.raises(ValueError, match=r"task\.classes.*task\.name='sg'"):
        configuration.validate(config)


def test_unknown_keys_fail():
    with pytest.raises(AttributeError):
        base().train.batchsize = 3
    with pytest.raises(TypeError):
        base().train.batch_size = "many"


def test_saved_configuration_comes_back(tmp_path):
    config = base(instrument__wavelength_angstrom=1.54, data__source="cif", data__cif_path="a.zip")
    configuration.save(config, tmp_path / "config.json")
    loaded = configuration.load(tmp_path / "config.json")
    assert configuration.flatten(loaded) == configuration.flatten(config)
    assert loaded.instrument.u is None  # still a placeholder for a float
    assert not configuration.differences(config, loaded)


def test_hash_and_differences_see_what_changes_the_numbers_and_nothing_else():
    config = base()
    elsewhere = base(data__dir="/tmp", data__processes=3, checkpoint__every_steps=7)
    assert configuration.config_hash(config) == configuration.config_hash(elsewhere)
    assert not configuration.differences(config, elsewhere)
    other = base(seed=1, optim__learning_rate=1e-3)
    assert configuration.config_hash(config) != configuration.config_hash(other)
    assert configuration.differences(config, other) == [
        "optim.learning_rate: 5e-06 -> 0.001",
        "seed: 0 -> 1",
    ]
