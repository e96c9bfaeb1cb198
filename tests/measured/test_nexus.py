import io

import numpy as np
import pytest

from sgan_jax.measured import nexus, readers
from sgan_jax.measured.pattern import PatternError

h5py = pytest.importorskip("h5py")

ANGLES = 10.0 + 0.1 * np.arange(100)
COUNTS = 50 + np.arange(100) % 17


def monopd(probe="neutron", units="degree", wavelength=1.909, angles=ANGLES) -> bytes:
    """Return a file with the groups and fields that nexusformat.org lists for NXmonopd."""
    content = io.BytesIO()
    with h5py.File(content, "w") as root:

        def group(parent, name, nexus_class):
            made = parent.create_group(name)
            made.attrs["NX_class"] = nexus_class
            return made

        entry = group(root, "entry", "NXentry")
        entry["title"] = "a garnet"
        entry["definition"] = "NXmonopd"
        instrument = group(entry, "instrument", "NXinstrument")
        source = group(instrument, "source", "NXsource")
        source["probe"] = probe
        crystal = group(instrument, "crystal", "NXcrystal")
        crystal["wavelength"] = np.array([wavelength])
        crystal["wavelength"].attrs["units"] = "angstrom"
        detector = group(instrument, "detector", "NXdetector")
        detector["polar_angle"] = angles
        detector["polar_angle"].attrs["units"] = units
        detector["data"] = COUNTS
        data = group(entry, "data", "NXdata")
        data["polar_angle"] = detector["polar_angle"]
        data["data"] = detector["data"]
    return content.getvalue()


def test_angles_counts_wavelength_and_probe_are_read(tmp_path):
    path = tmp_path / "pattern.nxs"
    for content in (monopd(), monopd(units="radian", angles=np.radians(ANGLES))):
        path.write_bytes(content)
        (found,) = readers.read_patterns(path)
        np.testing.assert_allclose(found.two_theta_deg, ANGLES)
        np.testing.assert_allclose(found.intensity, COUNTS)
        np.testing.assert_allclose(found.sigma, np.sqrt(COUNTS))
        assert (found.wavelength_angstrom, found.radiation) == (1.909, "neutron")
        assert (found.format, found.title) == ("nexus", "a garnet")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (monopd(probe="x-ray"), "/entry: the probe is 'x-ray': this is an X-ray pattern"),
        (monopd(units="mm"), "polar_angle is in 'mm'"),
        (monopd(angles=ANGLES[:50]), "50 angles and 100 intensities"),
        (monopd(wavelength=190.9), "a wavelength of 190.9"),
        (monopd()[:3000], "not a readable HDF5 file"),
        (nexus.MAGIC + b"\0" * 500, "not a readable HDF5 file"),
    ],
)
def test_what_is_wrong_is_said(content, message):
    with pytest.raises(PatternError, match=message):
        nexus.read("pattern.nxs", content)


def test_a_file_without_such_an_entry_is_refused():
    content = io.BytesIO()
    with h5py.File(content, "w") as root:
        root["x"] = 1
        root.create_group("entry")
    with pytest.raises(PatternError, match="no entry with the definition NXmonopd"):
        nexus.read("pattern.nxs", content.getvalue())


def test_every_cut_is_survived():
    whole = monopd()
    for end in range(0, len(whole), 397):
        with pytest.raises(PatternError):
            nexus.read("pattern.nxs", whole[:end])
