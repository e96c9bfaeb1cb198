"""What README.md and BUILD.md name is there, and their Python runs."""

import pathlib
import re
import zipfile

import pytest

from sgan_jax import config

ROOT = pathlib.Path(__file__).parents[1]
PAPERS = {name: (ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "BUILD.md")}

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
    (code,) = re.findall(r"```python\n(.*?)```", PAPERS["README.md"], re.DOTALL)
    with zipfile.ZipFile(tmp_path / "structures.zip", "w") as archive:
        archive.writestr("salt.cif", CIF)
    monkeypatch.chdir(tmp_path)
    values = {}
    exec(code, values)
    assert capsys.readouterr().out.split(maxsplit=1)[1] == "NaCl 225 cubic (F)\n"
    assert values["pattern"].intensity.max() == 1
    assert values["pattern"].two_theta_deg.shape == (3041,)
