"""What a sweep file may contain, and that a run's command line gives the run's configuration."""

import pathlib
import sys

import pytest
from absl import flags
from ml_collections import config_flags

from sgan_jax import config as configuration
from sgan_jax.sweeps import here, sweep_file

ROOT = pathlib.Path(__file__).parents[2]
# ml_collections loads config files with a function that Python is going to remove.
pytestmark = pytest.mark.filterwarnings("ignore:the load_module")
DEMO = f"{ROOT}/configs/demo.py"


def write(folder, *entries):
    path = folder / "sweep.py"
    path.write_text(f"def runs():\n    return {list(entries)!r}\n")
    return path


@pytest.mark.parametrize(
    "path", sorted((ROOT / "configs/sweeps").glob("*.py")), ids=lambda p: p.stem
)
def test_every_sweep_is_a_valid_lab_book_page(path, monkeypatch):
    monkeypatch.chdir(ROOT)
    assert sweep_file.read(path)
    assert f"python launch/sweep.py configs/sweeps/{path.name}" in path.read_text()


def test_paper_table4_is_the_papers_table(monkeypatch):
    monkeypatch.chdir(ROOT)
    runs = sweep_file.read(ROOT / "configs/sweeps/paper_table4.py")
    cells = {
        (run.config.task.name, run.config.data.labelled_percent, run.config.method) for run in runs
    }
    assert cells == {
        (task, percent, method)
        for task in ("bl", "sg")
        for percent in (5, 10, 25, 50)
        for method in ("supervised", "sgan")
    }
    assert len(runs) == 3 * len(cells)
    for run in runs:  # Table 2
        sgan = run.config.method == "sgan"
        assert run.config.optim.learning_rate == (5e-6 if sgan else 1e-4)
        assert run.config.train.batch_size == (32 if sgan else 64)


def test_a_command_line_means_its_configuration(tmp_path):
    overrides = {
        "seed": 3,
        "model.stem_pool": False,
        "optim.learning_rate": 1,
        "data.dir": "a b",
        "data.labelled_percent": 5,
    }
    path = write(tmp_path, ("one", f"{DEMO}:sgan", overrides))
    (run,) = sweep_file.read(path, ["--config.seed=4", "--config.train.rng=threefry2x32"])
    program, module, name, *arguments = run.command(pathlib.Path("runs"))
    assert (program, module, name) == (sys.executable, "-m", "sgan_jax.main")
    values = flags.FlagValues()
    argv = ["main", *arguments]
    config_flags.DEFINE_config_file("config", flag_values=values, sys_argv=argv)
    flags.DEFINE_string("workdir", None, "", flag_values=values)
    flags.DEFINE_integer("num_processes", None, "", flag_values=values)
    assert values(argv) == ["main"]
    assert values["workdir"].value == "runs/one"
    config = values["config"].value
    assert configuration.flatten(config) == configuration.flatten(run.config)
    assert (config.seed, config.model.stem_pool, config.method) == (4, False, "sgan")
    assert (config.optim.learning_rate, config.data.dir) == (1.0, "a b")


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ([("a", DEMO, {}), ("a", DEMO, {"seed": 1})], "two runs are named 'a'"),
        ([("a", DEMO, {}), ("b", DEMO, {"seed": 0})], "the runs a and b are the same experiment"),
        ([("../a", DEMO, {})], "'../a' is not a folder name"),
        ([("a", DEMO)], "is not (name, config, overrides)"),
        ([("a", "configs/none.py", {})], "run a: configs/none.py does not exist"),
        ([("a", f"{DEMO}:sgn", {})], "run a: method is 'sgn'"),
        ([("a", DEMO, {"optim.learning_rat": 1})], "use one of optim.learning_rate"),
        ([("a", DEMO, {"seed": None})], "seed is None"),
        ([("a", DEMO, {"train.batch_size": 1.5})], "run a: "),
        ([], "lists no run"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, entries, said):
    with pytest.raises(ValueError) as error:
        sweep_file.read(write(tmp_path, *entries))
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_a_file_without_runs_is_no_sweep(tmp_path):
    (tmp_path / "sweep.py").write_text("x = 1\n")
    with pytest.raises(ValueError, match=r"no function runs\(\)"):
        sweep_file.read(tmp_path / "sweep.py")


def test_gpus_are_shared_out(monkeypatch):
    shown = "CUDA_VISIBLE_DEVICES"
    assert here.share_out(["0", "1", "2", "3", "4"], 2) == [{shown: "0,1"}, {shown: "2,3"}]
    assert here.share_out(["7", "3"], 2, per_gpu=4) == [{shown: "7"}, {shown: "3"}]
    assert here.share_out(["0", "1"], 1) == [{}]
    assert here.share_out([], 3) == [{}, {}, {}]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,5")
    assert here.visible_gpus() == ["2", "5"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert here.visible_gpus() == []


def test_runs_that_share_a_gpu_share_its_memory():
    shares = here.share_out(["7", "3"], 5, per_gpu=3)
    assert [share["CUDA_VISIBLE_DEVICES"] for share in shares] == ["7", "3", "7", "3", "7"]
    on_first = [float(s["XLA_CLIENT_MEM_FRACTION"]) for s in shares if "7" in s.values()]
    assert len(on_first) == 3
    assert 0.85 < sum(on_first) < 0.95  # the rest is for CUDA itself
    with pytest.raises(ValueError, match="--parallel=5 but there are 2 GPUs; use at most 4, or"):
        here.share_out(["7", "3"], 5, per_gpu=2)


def test_gpus_are_counted_by_the_drivers_tool(tmp_path, monkeypatch):
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\necho 'GPU 0: NVIDIA H100'\necho 'GPU 1: NVIDIA H100'\n")
    tool.chmod(0o755)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert here.visible_gpus() == ["0", "1"]
