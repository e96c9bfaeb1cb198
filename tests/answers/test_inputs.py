"""Which files are read: as a shell would find them, each once, each with its wavelength."""

import pytest

from sgan_jax.answers import inputs


@pytest.fixture
def folder(tmp_path):
    for name in (
        *("b.gsas", "a.gsas", "sub/c.xye", "one,two.xye", "sub/deeper/d.dat"),
        *("inst.prm", "README.md", ".hidden.xye", ".git/e.dat", "sub/answers.json"),
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("1 2")
    return tmp_path


def names(folder, *given):
    found = inputs.find([entry.format(folder) for entry in given], [], [])
    return [str(each.path.relative_to(folder)) for each in found]


@pytest.mark.parametrize(
    ("given", "found"),
    [
        (["{0}/*.gsas"], ["a.gsas", "b.gsas"]),
        (["{0}/b.gsas,{0}/a.gsas"], ["b.gsas", "a.gsas"]),
        (["{0}/b.gsas", "{0}/*.gsas"], ["b.gsas", "a.gsas"]),
        (["{0}/one,two.xye"], ["one,two.xye"]),
        (["{0}/**/*.dat"], ["sub/deeper/d.dat"]),
        (["{0}/sub"], ["sub/c.xye", "sub/deeper/d.dat"]),
        (["{0}/inst.prm"], ["inst.prm"]),  # read if named
        (
            ["{0}"],
            ["a.gsas", "b.gsas", "one,two.xye", "sub/c.xye", "sub/deeper/d.dat"],
        ),
    ],
)
def test_files_patterns_folders_and_commas(folder, given, found):
    assert names(folder, *given) == found


def test_one_wavelength_is_for_all_and_several_go_with_their_inputs(folder):
    files = [f"{folder}/*.gsas", f"{folder}/sub/c.xye"]
    assert [x.wavelength_angstrom for x in inputs.find(files, [1.5], [])] == [1.5] * 3
    paired = inputs.find(files, [1.5, 2.0], [f"{folder}/inst.prm"])
    assert [(x.wavelength_angstrom, x.instrument) for x in paired] == [
        (1.5, f"{folder}/inst.prm"),
        (1.5, f"{folder}/inst.prm"),
        (2.0, f"{folder}/inst.prm"),
    ]


@pytest.mark.parametrize(
    ("given", "wavelengths", "instruments", "said"),
    [
        ([], [], [], "--input is missing"),
        (["{0}/none.xye"], [], [], "none.xye does not exist"),
        (["{0}/*.none"], [], [], "does not exist"),
        (["{0}/.git"], [1.0, 2.0], [], "--wavelength has 2 values, but --input has 1"),
        (["{0}/a.gsas"], [], ["{0}/none.prm"], "none.prm does not exist"),
    ],
)
def test_what_cannot_be_meant_is_said(folder, given, wavelengths, instruments, said):
    given, instruments = ([x.format(folder) for x in each] for each in (given, instruments))
    with pytest.raises((ValueError, FileNotFoundError), match=said):
        inputs.find(given, wavelengths, instruments)


def test_a_folder_without_patterns_is_said(tmp_path):
    (tmp_path / "inst.prm").write_text("")
    with pytest.raises(FileNotFoundError, match="holds no file"):
        inputs.find([str(tmp_path)], [], [])
