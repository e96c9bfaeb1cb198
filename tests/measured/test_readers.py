import json

import numpy as np
import pytest
from examples import COUNTS, DETECTORS, TWO_THETA, bt1, examples, spice, xye

from sgan_jax.measured import readers
from sgan_jax.measured.pattern import PatternError

EXAMPLES = examples()
# Standard errors that each example states, as multiples of the square root of the counts.
SIGMA = {
    "xye": 2.0,
    "xydata": 2.0,
    "gsas_std": 1.0 / np.sqrt(DETECTORS),
    "gsas_std_free": 1.0,
    "gsas_esd": 2.0,
    "gsas_alt": 2.0,
    "gsas_fxye": 2.0,
    "fullprof": 1.0,
    "dmc": None,
    "d1a": 1.0 / np.sqrt(DETECTORS),
    "d1a_old": 1.0 / np.sqrt(DETECTORS),
    "d1b": 1.0 / np.sqrt(DETECTORS),
    "cif_meas": 2.0,
    "cif_proc": 2.0,
}
TITLES = ("xy_comments", "xydata", "fullprof", "fullprof_filled", "fullprof_touching", "dmc")
TITLES += ("gsas_std", "gsas_std_free", "gsas_esd", "gsas_alt", "gsas_fxye", "d1a", "d1b")
TITLES += ("cif_meas", "cif_proc")
WAVELENGTHS = ("fullprof", "fullprof_filled", "dmc", "d1a", "cif_meas", "cif_proc")


@pytest.fixture
def write(tmp_path):
    def write(lines, name="pattern.dat", end="\n"):
        path = tmp_path / name
        if isinstance(lines, list):
            lines = end.join(lines) + end
        path.write_bytes(lines if isinstance(lines, bytes) else lines.encode("latin-1"))
        return path

    return write


@pytest.mark.parametrize("name", [name for name in EXAMPLES if name not in ("hb2a", "bt1")])
def test_each_format_is_recognised_and_read(name, write):
    file_format, lines = EXAMPLES[name]
    for end in ("\n", "\r\n"):
        (found,) = readers.read_patterns(write(lines, end=end))
        assert found.format == file_format
        np.testing.assert_allclose(found.two_theta_deg, TWO_THETA, atol=1e-9)
        np.testing.assert_allclose(found.intensity, COUNTS, rtol=1e-6)
        if SIGMA.get(name) is not None:
            np.testing.assert_allclose(found.sigma, SIGMA[name] * np.sqrt(COUNTS), rtol=0.03)
        assert found.wavelength_angstrom == (1.909 if name in WAVELENGTHS else None)
        assert ("garnet" in found.title) == (name in TITLES)


def test_dmc_errors_follow_the_intensities(write):
    (found,) = readers.read_patterns(write(EXAMPLES["dmc"][1]))
    np.testing.assert_array_equal(found.sigma, COUNTS)


def test_columns_without_errors_have_none(write):
    for name in ("xy_comments", "csv", "decimal_commas"):
        assert readers.read_patterns(write(EXAMPLES[name][1]))[0].sigma is None


@pytest.mark.parametrize(("lines", "spacing"), [(bt1(), 5.0), (spice(), None)])
def test_detector_banks_are_laid_side_by_side(lines, spacing, write):
    (found,) = readers.read_patterns(write(lines))
    assert found.radiation == "neutron" and found.title == "a garnet"
    if spacing:
        # 32 detectors 5° apart, from 3.00 and from 3.05; detector n counts 10 n at both.
        expected = np.sort(np.concatenate([3.0 + 5.0 * np.arange(32), 3.05 + 5.0 * np.arange(32)]))
        np.testing.assert_allclose(found.two_theta_deg, expected, atol=1e-9)
        np.testing.assert_allclose(found.intensity, np.repeat(10.0 * np.arange(1, 33), 2))
    else:
        # 10 n counts while the monitor counts 1000, then 3000; scaled to the mean monitor, 2000.
        assert len(found.two_theta_deg) == 88
        assert found.two_theta_deg[0] == pytest.approx(8.0)
        np.testing.assert_allclose(found.intensity[:2], [10.0 * 2.0, 10.0 * 2.0 / 3.0])
        assert found.two_theta_deg[-1] == pytest.approx(8.05 + 115.915)
        np.testing.assert_allclose(found.intensity[-1], 440.0 * 2.0 / 3.0)


def test_several_banks_are_several_patterns_and_one_must_be_named(write):
    title, bank, *records = EXAMPLES["gsas_esd"][1]
    second = bank.replace("BANK 1", "BANK 2").replace("1000.0", "4000.0")
    found = readers.read_patterns(write([title, bank, *records, second, *records]))
    assert [one.bank for one in found] == ["1", "2"]
    np.testing.assert_allclose(found[1].two_theta_deg, TWO_THETA + 30.0)
    assert readers.only_pattern(found, "2") is found[1]
    with pytest.raises(PatternError, match="banks 1, 2"):
        readers.only_pattern(found)


def test_a_given_format_outranks_the_content(write):
    # A range, then counts: FullProf's format, but not columns.
    path = write(["10.0 0.25 19.75 title", *(f"{y}" for y in COUNTS)])
    assert readers.read_patterns(path)[0].format == "fullprof"
    with pytest.raises(PatternError, match="no rows of 2θ and intensity"):
        readers.read_patterns(path, file_format="columns")
    with pytest.raises(ValueError, match="format 'xml' is unknown; use one of gsas"):
        readers.read_patterns(path, file_format="xml")


def test_unmeasured_points_are_absent_and_unknown_errors_are_nan(write):
    lines = xye()
    lines[4] = "  11.000      0.00    0.000"
    lines[5] = "  11.250       nan    nan"
    lines[6] = "  11.500     50.00    0.000"
    (found,) = readers.read_patterns(write(lines))
    assert 11.0 not in found.two_theta_deg and 11.25 not in found.two_theta_deg
    assert np.isnan(found.sigma[found.two_theta_deg == 11.5]).all()
    assert np.isfinite(found.sigma).sum() == 37


def test_counts_of_no_detector_are_absent(write):
    lines = list(EXAMPLES["d1a"][1])
    lines[4] = " 0   999" + lines[4][8:]
    (found,) = readers.read_patterns(write(lines))
    assert found.two_theta_deg[0] == 10.25 and len(found.intensity) == 39


GSAS_PARAMETERS = [
    "            123456789012345678901234567890123456789012345678901234567890",
    "INS   BANK      1",
    "INS   HTYPE   PNCR",
    "INS  1 ICONS  2.0783   0.000000      12.5         0",
]
GSAS2_PARAMETERS = ["#GSAS-II instrument parameter file", "Type:PNC", "Lam:2.0783", "Zero:0.125"]


@pytest.mark.parametrize("parameters", [GSAS_PARAMETERS, GSAS2_PARAMETERS])
def test_parameter_files_give_wavelength_and_zero(parameters, write):
    data = write(xye())
    instrument = write(parameters, "instrument.prm")
    (found,) = readers.read_patterns(data, instrument=instrument)
    # GSAS writes the zero in centidegrees, GSAS-II in degrees.
    assert (found.wavelength_angstrom, found.zero_deg) == (2.0783, 0.125)
    (found,) = readers.read_patterns(
        data, instrument=instrument, wavelength_angstrom=1.9, zero_deg=-0.1
    )
    assert (found.wavelength_angstrom, found.zero_deg) == (1.9, -0.1)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("PNCR", "PXCR", "line 3: PXCR: this is an X-ray pattern"),
        ("PNCR", "PNTR", "line 3: PNTR: this is a time-of-flight"),
        ("2.0783   0.000000", "1.5405   1.544300", "line 4: two wavelengths"),
        ("2.0783", "207.83", r"line 4: a wavelength of 207\.83"),
        ("ICONS", "NOTHING", "no ICONS record"),
    ],
)
def test_parameter_files_of_other_radiation_are_refused(old, new, message, write):
    instrument = write("\n".join(GSAS_PARAMETERS).replace(old, new), "instrument.prm")
    with pytest.raises(PatternError, match=message):
        readers.read_patterns(write(xye()), instrument=instrument)


def test_a_missing_wavelength_says_how_to_give_it(write):
    (found,) = readers.read_patterns(write(["# a garnet, 1.909", *xye()]))
    with pytest.raises(PatternError, match=r"a garnet, 1.909.*--wavelength=1.54.*\.instprm"):
        found.known_wavelength()


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["# Cu Ka", *xye()], "line 1: 'Cu Ka': this is an X-ray pattern"),
        ([*xye(), "! X-ray data"], "line 41: 'X-ray'"),
        (["# tof bank 2", *xye()], "line 1: 'tof': .*time-of-flight"),
        (["# Q (1/A)  I", *xye()], "the first column is Q"),
        (["d  I  sigma", *xye()], "the first column is d-spacings"),
        ([*xye()[:20], "oops", *xye()[20:]], "line 21: 'oops' is not a row of numbers"),
        ([*xye()[:20], *xye()[:20]], "line 21: 10 is not above the previous"),
        ([*xye(), "19.9 1.0"], "line 41: 2 columns, but 3 in the previous"),
        ([f"{line} 7" for line in xye()], "line 1: 4 columns"),
        ([line.replace("10.500", "200.5") for line in xye()], r"line 3: 200\.5 is not a 2θ"),
        ([f"{i},,5" for i in range(40)], "no rows|is not a row"),
        (xye()[:10], "10 measured points"),
        ([f"{0.01 * i} {i}" for i in range(1, 99)], "the angles run from"),
        ([f"{2 * i} {i}" for i in range(1, 80)], "steps of 2°"),
        ([f"{i / 4} 0" for i in range(80)], "all intensities are between 0 and 0"),
        ([f"{i / 4} 1e999" for i in range(80)], "no rows|not a row of numbers"),
        ([], "the file is empty"),
        (["BANK 1 40 8 SLOG 1000 25 0.0004 0 FXYE", *xye()], "line 1: binning SLOG"),
        ([*EXAMPLES["gsas_esd"][1][:-2]], "the bank ends after 30 of 40 points"),
        ([*EXAMPLES["fullprof"][1][:-1]], "ends after 30 of the 40 numbers"),
        ([*EXAMPLES["d1b"][1][:-3]], "30 intensities, but line 5 announces 40"),
        ([*EXAMPLES["fullprof"][1], "9 9 9"], "ends after 3 of the 40"),
        ([*EXAMPLES["d1a"][1], *EXAMPLES["d1a"][1]], "line 11: .*after the end"),
        (EXAMPLES["bt1"][1][:-1], "line 9: 16 detectors; a BT-1 scan has 32"),
        ([*EXAMPLES["hb2a"][1], "3 8.1 60"], "line 7: .* is not a row of 48 numbers"),
        (["data_x", "_cell_length_a 3"], "no block with any of _pd_proc_intensity_total"),
        (["data_x", "loop_", "_a", "_b", "1"], "line 2: not a CIF"),
        (
            [line.replace("neutron", "x-ray") for line in EXAMPLES["cif_meas"][1]],
            "data_garnet: _diffrn_radiation 'x-ray'",
        ),
        (
            [line.replace("2theta_scan", "time_of_flight") for line in EXAMPLES["cif_meas"][1]],
            "data_garnet: time of flight",
        ),
        (b"\x00\x01\x02\x03" * 5000, "this is a binary file"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(lines, message, write):
    path = write(lines if lines else b"")
    with pytest.raises(PatternError, match=message) as error:
        readers.read_patterns(path)
    assert str(path) in str(error.value)


def test_words_of_a_title_can_be_overruled(write):
    path = write(["# compared with X-rays", *xye()])
    assert len(readers.read_patterns(path, radiation="neutron")) == 1


def test_every_measured_file_is_read_as_its_index_says(shared_dir):
    for entry in json.loads((shared_dir / "measured" / "index.json").read_text()):
        folder = shared_dir / "measured" / entry["id"]
        path = folder / entry["data_file"]
        if entry["radiation"] != "neutron_cw":
            with pytest.raises(PatternError, match=r"X-ray pattern|time-of-flight pattern"):
                readers.read_patterns(path)
            continue
        parameters = [name for name in entry["files"] if name != entry["data_file"]]
        instrument = folder / parameters[0] if parameters else None
        (found,) = readers.read_patterns(path, instrument=instrument)
        x = found.two_theta_deg
        if "XYDATA" in entry["original_format"]:  # the index omits the beam stop: 5 to 150°
            x = x[(x > 5.0) & (x < 150.0)]
        assert (x[0], x[-1]) == pytest.approx(
            (entry["two_theta_min"], entry["two_theta_max"]), abs=1e-6
        )
        assert np.median(np.diff(x)) == pytest.approx(entry["two_theta_step"], abs=6e-4)
        assert len(x) == entry["n_points"], entry["id"]
        if found.wavelength_angstrom is not None:
            assert found.wavelength_angstrom == pytest.approx(entry["wavelength"], abs=3e-4)
        assert (found.wavelength_angstrom is not None) >= (instrument is not None)
