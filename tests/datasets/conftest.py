"""What tests of data sets share: a small instrument, arguments of `prepare`, crystals."""

import pathlib
import zipfile

import pytest
from rock_salts import rock_salt, rock_salts, write_zip

from sgan_jax.diffraction.instrument import Instrument


@pytest.fixture
def instrument() -> Instrument:
    """Return an instrument of few points, whose tables are quick to make."""
    return Instrument("quick", 2.0, two_theta_start_deg=20.0, two_theta_step_deg=0.2, points=300)


@pytest.fixture
def settings(tmp_path, instrument) -> dict:
    """Return the arguments of `prepare` except for the source; all in this process."""
    return {
        "instrument": instrument,
        "max_skipped_fraction": 0.2,
        "dir": tmp_path / "sets",
        "processes": 1,
    }


@pytest.fixture
def awkward(tmp_path) -> pathlib.Path:
    """Return a zip whose later files hold duplicates of crystals and names of earlier ones."""
    files = rock_salts(60) | {
        "t/empty.cif": "",
        "u.cif": rock_salt(4.01, "Li F"),
        "v.cif": rock_salt(4.18, "Na Cl"),
    }
    path = write_zip(tmp_path / "salts.zip", files)
    with zipfile.ZipFile(path, "a") as archive:
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr(zipfile.ZipInfo("salts/LiF.cif"), rock_salt(9.0, "Li F"))
    return path
