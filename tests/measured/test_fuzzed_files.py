"""Damaged files give an error that names the file, or a pattern with nothing the file lacks."""

import pathlib
import re
import tempfile

import numpy as np
import pytest
from examples import COUNTS, TWO_THETA, examples
from hypothesis import given, settings
from hypothesis import strategies as st

from sgan_jax.measured import instrument_file, readers
from sgan_jax.measured.pattern import PatternError

EXAMPLES = examples()
NAMES = sorted(EXAMPLES)
# In these each point carries its own 2θ, so nothing can be lost or moved unnoticed.
WITH_ANGLES = ("xye", "xy_comments", "csv", "decimal_commas", "descending", "gsas_fxye", "cif_meas")
NASTY = (
    "nan",
    "-nan",
    "inf",
    "1e999",
    "-1",
    "1e308",
    "9" * 500,
    "",
    " ",
    "\t",
    ",",
    "()",
    "%",
    "é",
)


def read(content: bytes, file_format: str = ""):
    """Return the patterns, none for a PatternError, which must name the file; else fail."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "fuzzed.dat"
        path.write_bytes(content)
        try:
            return readers.read_patterns(path, file_format=file_format)
        except PatternError as error:
            assert "fuzzed.dat" in str(error)
            assert error.line is None or 1 <= error.line <= len(re.split(rb"\r\n|\r|\n", content))
            return []


def check(patterns):
    for one in patterns:
        assert len(one.two_theta_deg) == len(one.intensity) >= 20
        assert np.isfinite(one.two_theta_deg).all() and np.isfinite(one.intensity).all()
        assert (np.diff(one.two_theta_deg) > 0).all()
        assert one.two_theta_deg[0] >= -20 and one.two_theta_deg[-1] <= 180
        if one.sigma is not None:
            known = one.sigma[~np.isnan(one.sigma)]
            assert len(one.sigma) == len(one.intensity) and (known > 0).all()
        assert one.wavelength_angstrom is None or 0.3 <= one.wavelength_angstrom <= 10


@given(name=st.sampled_from(NAMES), data=st.data())
@settings(max_examples=150, deadline=None)
def test_a_cut_file_is_an_error_or_a_shorter_pattern(name, data):
    lines = EXAMPLES[name][1]
    kept = data.draw(st.integers(0, len(lines)))
    found = read(("\n".join(lines[:kept]) + "\n").encode())
    check(found)
    for one in found:
        if name in WITH_ANGLES or name == "xydata":
            where = np.searchsorted(TWO_THETA, one.two_theta_deg - 1e-6)
            np.testing.assert_allclose(TWO_THETA[where], one.two_theta_deg)
            np.testing.assert_allclose(COUNTS[where], one.intensity)
        elif one.format not in ("bt1", "hb2a"):  # scans may stop at any position
            # Errors, which end a DMC file, may be absent.
            assert kept >= (7 if name == "dmc" else len(lines) - 2)
            np.testing.assert_allclose(one.intensity, COUNTS, rtol=1e-6)


@given(name=st.sampled_from(WITH_ANGLES), data=st.data())
@settings(max_examples=100, deadline=None)
def test_shuffled_lines_are_an_error_or_the_same_pattern(name, data):
    lines = data.draw(st.permutations(EXAMPLES[name][1]))
    for one in read(("\n".join(lines) + "\n").encode()):
        np.testing.assert_allclose(one.two_theta_deg, TWO_THETA)
        np.testing.assert_allclose(one.intensity, COUNTS)


@given(name=st.sampled_from(NAMES), data=st.data())
@settings(max_examples=200, deadline=None)
def test_damaged_words_and_lines_are_survived(name, data):
    lines = list(EXAMPLES[name][1])
    for _ in range(data.draw(st.integers(1, 4))):
        index = data.draw(st.integers(0, len(lines) - 1))
        words = lines[index].split(" ")
        kind = data.draw(st.sampled_from(("word", "delete", "double", "move", "line")))
        if kind == "word":
            words[data.draw(st.integers(0, len(words) - 1))] = data.draw(st.sampled_from(NASTY))
            lines[index] = " ".join(words)
        elif kind == "delete" and len(lines) > 1:
            del lines[index]
        elif kind == "double":
            lines.insert(index, lines[index])
        elif kind == "move":
            lines.insert(0, lines.pop(index))
        else:
            lines[index] = data.draw(st.text(max_size=60))
    check(read(("\n".join(lines) + "\n").encode("utf-8", "replace")))


@given(name=st.sampled_from(NAMES), data=st.data())
@settings(max_examples=100, deadline=None)
def test_flipped_bytes_are_survived(name, data):
    content = bytearray("\n".join(EXAMPLES[name][1]).encode())
    for _ in range(data.draw(st.integers(1, 20))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    check(read(bytes(content)))


@given(content=st.binary(max_size=2000), file_format=st.sampled_from(("", *readers.FORMATS)))
@settings(max_examples=300, deadline=None)
def test_any_bytes_in_any_format_are_survived(content, file_format):
    check(read(content, file_format))


@given(
    text=st.text(alphabet="0123456789.-+eE ,;\n#BANKCOSTdata_loopINS", max_size=1500),
    file_format=st.sampled_from(("", *readers.FORMATS)),
)
@settings(max_examples=300, deadline=None)
def test_any_numbers_in_any_format_are_survived(text, file_format):
    check(read(text.encode(), file_format))


@given(content=st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
@settings(max_examples=100, deadline=None)
def test_damaged_parameter_files_are_errors(content):
    good = b"INS   HTYPE   PNCR\nINS  1 ICONS  2.0783   0.0   12.5\n"
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "fuzzed.prm"
        path.write_bytes(content + good[: len(content)])
        try:
            found = instrument_file.read_instrument_file(path)
        except PatternError as error:
            assert "fuzzed.prm" in str(error)
        else:
            assert 0.3 <= found.wavelength_angstrom <= 10 and abs(found.zero_deg) <= 20


@pytest.mark.parametrize(
    "content",
    [
        b"lambda" + b" " * 200_000 + b"\n1 2\n",
        b" " * 500_000 + b"x",
        b"," * 500_000,
        b"1" * 500_000,
        b"(" * 300_000 + b"\n1 2",
        b"0 1e-300 180\n" + b"1 2 3 4 5\n" * 10,
        b"t\nBANK 1 1000000 1 CONST 0 1e-9\n" + b"1 2\n" * 10,
        b"t\nBANK 1 1e18 1 CONST 1000 5\n" + b"1 2\n" * 10,
        b"x\nx\nx\n1 2 0 4 5 6 7 8 1e-300\n999999999\n 1       5\n",
        b"data_x\nloop_\n_pd_meas_counts_total\n" + b"9" * 100_000,
        b"INS" + b" " * 200_000,
        b"\n" * 1_000_000,
        b"1 2\n" * 100_000,
    ],
    ids=range(13),
)
def test_long_lines_and_promises_do_not_hang(content):
    # A hang would run into the time limit of the test run; speed is not tested.
    assert read(content) == []
