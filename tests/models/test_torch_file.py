"""Files of torch: tensors are read, anything else is refused and not run."""

import io
import os
import pickle
import struct
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sgan_jax.models import torch_file, torch_weights
from sgan_jax.models.torch_file import TorchFileError, read_torch_file


class Call:
    """Pickles as a function call, as an attacker would write it."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def zipped(data: bytes, storages=()) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("archive/data.pkl", data)
        archive.writestr("archive/byteorder", "little")
        for key, values in storages:
            archive.writestr(f"archive/data/{key}", values)
    return content.getvalue()


def legacy(data: bytes) -> bytes:
    head = (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True, "protocol_version": 1001})
    return b"".join(pickle.dumps(part, 2) for part in head) + data + pickle.dumps([], 2)


def one_tensor(shape, strides, elements, offset=0, storage="FloatStorage", key="0") -> bytes:
    """Return the opcodes of a tensor, by hand: protocol 2, a call of _rebuild_tensor_v2."""

    def integer(value):
        return b"J" + struct.pack("<i", value)

    def numbers(values):
        return b"(" + b"".join(map(integer, values)) + b"t"

    reference = b"(" + b"X\x07\x00\x00\x00storage" + f"ctorch\n{storage}\n".encode()
    reference += b"X" + struct.pack("<I", len(key)) + key.encode()
    reference += b"X\x03\x00\x00\x00cpu" + integer(elements) + b"tQ"
    call = b"ctorch._utils\n_rebuild_tensor_v2\n(" + reference + integer(offset)
    return b"\x80\x02" + call + numbers(shape) + numbers(strides) + b"\x89}tR."


@pytest.fixture
def read(tmp_path):
    def read(content: bytes):
        path = tmp_path / "weights.pth"
        path.write_bytes(content)
        return read_torch_file(path)

    return read


def test_tensors_are_read_with_their_strides_and_types(read):
    values = np.arange(12, dtype="<f4")
    data = zipped(one_tensor((3, 2), (1, 4), 12, offset=2), [("0", values.tobytes())])
    # Element (i, j) is at 2 + i + 4 j.
    np.testing.assert_array_equal(read(data), [[2, 6], [3, 7], [4, 8]])
    half = np.array([1.5, -2.0], "<f2").tobytes()
    found = read(zipped(one_tensor((2,), (1,), 2, storage="HalfStorage"), [("0", half)]))
    assert found.dtype == np.float16 and found.tolist() == [1.5, -2.0]
    # 1.0 is 0x3f800000 in float32.
    brain = struct.pack("<HH", 0x3F80, 0xC000)
    found = read(zipped(one_tensor((2,), (1,), 2, storage="BFloat16Storage"), [("0", brain)]))
    assert found.dtype == np.float32 and found.tolist() == [1.0, -2.0]


@pytest.mark.parametrize("layout", [zipped, legacy])
@pytest.mark.parametrize(
    ("value", "named"),
    [
        (Call(os.system, "touch PROOF"), r"(posix|nt)\.system"),
        ({"SGAN": Call(eval, "open('PROOF', 'w')")}, r"(builtins|__builtin__)\.eval"),
        ([Call(getattr, "x", "join")], r"(builtins|__builtin__)\.getattr"),
        (Call(open, "PROOF", "w"), r"io\.open"),
        ({"a": np.float64(1)}, r"numpy.*\.\w+"),
        ({"a": bytearray(b"x")}, r"(builtins|__builtin__)\.bytearray"),
        ({"a": {1, 2}}, r"builtins\.set|set"),
        ({"a": b"x"}, r"_codecs\.encode|bytes"),
    ],
)
def test_anything_but_tensors_is_refused_by_name_and_not_run(
    layout, value, named, read, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    for protocol in (2, 4):
        with pytest.raises(TorchFileError, match=rf"weights\.pth: holds .*{named}"):
            read(layout(pickle.dumps(value, protocol)))
    assert not (tmp_path / "PROOF").exists()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (one_tensor((10**6, 10**6), (0, 0), 4), "too small"),  # would expand to a terabyte
        (one_tensor((2, 2), (4, 1), 4), "too small"),
        (one_tensor((4,), (1,), 4, offset=1), "too small"),
        (one_tensor((4,), (-1,), 4, offset=3), "proper"),
        (one_tensor((4,), (1,), 5), "4 elements, not 5"),
        (one_tensor((4,), (1,), 4, key="1"), "not a readable torch"),
        (one_tensor((4,), (1,), 4, key="../../etc/passwd"), "not a readable torch"),
        (one_tensor((4,), (1,), 4, storage="QInt8Storage"), r"holds torch\.QInt8Storage"),
        (one_tensor((4,), (1,), 4)[:-1] + b"}X\x01\x00\x00\x00aNsb.", "not a readable torch"),
        (b"\x80\x02ctorch\nFloatStorage\n)R.", "not a readable torch"),
        (b"\x80\x02ctorch\nFloatStorage\n)\x81.", "not a readable torch"),
    ],
)
def test_impossible_tensors_are_refused(data, message, read):
    with pytest.raises(TorchFileError, match=message):
        read(zipped(data, [("0", np.zeros(4, "<f4").tobytes())]))


def test_few_bytes_that_stand_for_very_many_items_are_refused(read):
    value = []
    for _ in range(30):
        value = [value] * 10  # the pickle holds each list once
    data = pickle.dumps(value, 2)
    assert len(data) < 2000
    with pytest.raises(TorchFileError, match="more items"):
        read(zipped(data))


@given(
    content=st.binary(max_size=300)
    | st.binary(max_size=100).map(zipped)
    | st.binary(max_size=100).map(legacy)
)
@settings(max_examples=200, deadline=None)
def test_any_bytes_are_an_error_or_plain_values(content, tmp_path_factory):
    path = tmp_path_factory.getbasetemp() / "fuzzed.pth"
    path.write_bytes(content)
    try:
        read_torch_file(path)
    except TorchFileError as error:
        assert "fuzzed.pth" in str(error)


def test_a_zip_that_is_not_of_torch_is_refused(read):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("cell.cif", "data_x")
    with pytest.raises(TorchFileError, match=r"without exactly one data\.pkl"):
        read(content.getvalue())


def test_files_that_unpack_to_more_than_the_limit_are_refused(read, monkeypatch):
    monkeypatch.setattr(torch_file, "MAX_BYTES", 1000)
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", b"0" * 5000)
    assert len(content.getvalue()) < 1000
    with pytest.raises(TorchFileError, match="unpacks to more"):
        read(content.getvalue())


def test_a_file_of_other_keys_says_what_it_has(tmp_path):
    path = tmp_path / "other.pth"
    path.write_bytes(zipped(pickle.dumps({"epoch": 3, "model": {}}, 2)))
    with pytest.raises(TorchFileError, match=r"no state dictionary 'SGAN'.*\['epoch', 'model'\]"):
        torch_weights.load_published(path)
    with pytest.raises(
        ValueError, match="variant 'gan' is unknown; use one of 'SGAN', 'Supervised'"
    ):
        torch_weights.load_published(path, "gan")
