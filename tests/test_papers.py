"""README.md and BUILD.md: all that they name exists, and their Python runs."""

import pathlib
import re
import zipfile

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sgan_jax import config
from sgan_jax.diffraction import profile
from sgan_jax.diffraction.instrument import PRESETS
from sgan_jax.models import resnet

ROOT = pathlib.Path(__file__).parents[1]
PAPERS = {name: (ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "BUILD.md")}

PYTHON = re.findall(r"```python\n(.*?)```", PAPERS["README.md"], re.DOTALL)

CIF = """data_salt
_cell_length_a 5.64
_cell_length_b 5.64
_cell_length_c 5.64
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
_symmetry_space_group_name_H-M 'F m -3 m'
loop_
_atom_site_label
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
Na 0 0 0
Cl 0.5 0.5 0.5
"""


@pytest.mark.parametrize("name", PAPERS)
def test_every_setting_exists(name):
    fields = config.flatten(config.base("bl", 5, "sgan"))
    named = re.findall(r"--config\.([a-z_.]*[a-z_])\b", PAPERS[name])
    assert named
    assert set(named) <= set(fields)


@pytest.mark.parametrize("name", PAPERS)
def test_every_linked_or_configured_file_exists(name):
    links = re.findall(r"\]\(([^)#:]+)\)", PAPERS[name])
    configs = re.findall(r"--config=(\S+?\.py)", PAPERS[name])
    for path in [*links, *configs]:
        assert (ROOT / path).exists(), path


def test_the_python_of_the_readme_runs(tmp_path, monkeypatch, capsys):
    code = PYTHON[0]
    with zipfile.ZipFile(tmp_path / "structures.zip", "w") as archive:
        archive.writestr("salt.cif", CIF)
    monkeypatch.chdir(tmp_path)
    values = {}
    exec(code, values)
    assert capsys.readouterr().out.split(maxsplit=1)[1] == "NaCl 225 cubic (F)\n"
    assert values["pattern"].intensity.max() == 1
    assert values["pattern"].two_theta_deg.shape == (3041,)


def test_the_python_on_measured_patterns_runs(tmp_path, monkeypatch):
    instrument = PRESETS["bt1_cu311"]
    f_squared = np.array([1.0, 2.0, 3.0, 2.0, 1.0])
    counts = 9000 * profile.intensity_pattern(np.array([5, 4, 3, 2, 1.5]), f_squared, instrument)
    fields = [f"{field:8.1f}" for y in counts + 100 for field in (y, y**0.5)]
    records = ["".join(fields[i : i + 10]) for i in range(0, len(fields), 10)]
    bank = f"BANK 1 {len(counts)} {len(records)} CONST 300. 5. 0 0 ESD"
    (tmp_path / "sample.gsas").write_text("\n".join(["a sample", bank, *records]) + "\n")
    (tmp_path / "bt1.inst").write_text("INS   HTYPE   PNCR\nINS  1 ICONS  1.5402 0.0 0.0 0\n")
    monkeypatch.chdir(tmp_path)
    values = {}
    exec(PYTHON[1], values)
    assert values["seen"].intensity.max() == 1
    assert values["seen"].inside.shape == (3041,)
    assert (tmp_path / "sample.png").stat().st_size > 10_000


def test_the_python_on_published_weights_runs(tmp_path, monkeypatch):
    torch = pytest.importorskip("torch")
    model = resnet.ResNet1D(14, stem_pool=False, projection_shortcuts=True, real_fake_head=True)
    shapes = jax.eval_shape(
        lambda key: model.init(key, jnp.zeros((1, 3041)), train=False), jax.random.key(0)
    )["params"]
    torch_name = {"shortcut": "downsample", "norm1": "conv1", "norm2": "conv2"}
    state = {}
    for path, leaf in jax.tree_util.tree_flatten_with_path(shapes)[0]:
        *block, layer, kind = (entry.key for entry in path)
        suffix = "bias" if kind == "bias" else "weight"
        if not block:
            head = {"class_head": "classifier", "real_fake_head": "adv"}[layer]
            state[f"{head}.{suffix}"] = torch.zeros(leaf.shape[::-1])
            continue
        part = "layer_norm" if "norm" in layer else "conv"
        if block == ["stem"]:
            name = "conv"
        else:
            stage, number = re.findall(r"\d", block[0])
            first = layer.split("_")[0]
            name = f"layer{stage}.{int(number) - 1}.{torch_name.get(first, first)}"
        state[f"resnet.{name}.{part}.{suffix}"] = torch.zeros(leaf.shape[::-1])
    torch.save({"Supervised": state, "SGAN": state}, tmp_path / "published.pth")
    monkeypatch.chdir(tmp_path)
    values = {"patterns": jnp.zeros((2, 3041))}
    exec(PYTHON[-1], values)
    assert values["logits"].shape == (2, 14)
