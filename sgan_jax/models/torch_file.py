"""Read files of torch.save without torch and without executing anything in them.

Such a file is a pickle, and a pickle may call any function. Here it may only name dictionaries,
tensors and their storages, which are replaced by functions of this file; any other name is refused
before anything is called. Both layouts are read: the zip of torch 1.6 and later, and the sequence
of pickles of earlier versions.
"""

import collections
import io
import math
import pathlib
import pickle
import zipfile
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

MAX_BYTES = 500_000_000
_MAX_ITEMS = 100_000
_LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
_LEGACY_PROTOCOL = 1001
# Storages by torch's names. bfloat16 is the upper half of a float32.
_DTYPES = {
    "FloatStorage": "<f4",
    "DoubleStorage": "<f8",
    "HalfStorage": "<f2",
    "BFloat16Storage": "<u2",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ShortStorage": "<i2",
    "CharStorage": "<i1",
    "ByteStorage": "<u1",
    "BoolStorage": "?",
}


class TorchFileError(ValueError):
    """A file was not written by torch.save, or holds more than tensors."""


class _StorageType(NamedTuple):
    name: str


class _Storage(NamedTuple):
    type: _StorageType
    key: str
    elements: int


class _Tensor(NamedTuple):
    """Stands for an array, whose __setstate__ an unpickler might call; this has none."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def read_torch_file(path: str | pathlib.Path) -> Any:
    """Return the content of a torch.save file: dictionaries, lists, numbers, strings and arrays.

    Tensors become numpy arrays, those of bfloat16 as float32.

    Raises:
        TorchFileError: the file is of another kind, too large or damaged, or holds anything else.
        OSError: the file cannot be read.
    """
    path = pathlib.Path(path)
    if path.stat().st_size > MAX_BYTES:
        raise TorchFileError(f"{path}: larger than {MAX_BYTES / 1e6:.0f} MB")
    content = path.read_bytes()
    try:
        read = _read_zip if zipfile.is_zipfile(io.BytesIO(content)) else _read_legacy
        return read(content)
    except TorchFileError as error:
        raise TorchFileError(f"{path}: {error}") from error
    # A damaged pickle can make the unpickler raise nearly any exception.
    except Exception as error:
        raise TorchFileError(f"{path}: not a readable torch.save file ({error})") from error


def _read_zip(content: bytes) -> Any:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        sizes = {item.filename: item.file_size for item in archive.infolist()}
        if sum(sizes.values()) > MAX_BYTES:
            raise TorchFileError(f"unpacks to more than {MAX_BYTES / 1e6:.0f} MB")
        pickles = [name for name in sizes if name.split("/")[1:] == ["data.pkl"]]
        if len(pickles) != 1:
            raise TorchFileError("a zip without exactly one data.pkl, so not a torch.save file")
        root = pickles[0].split("/")[0]
        order = f"{root}/byteorder"
        if order in sizes and archive.read(order) != b"little":
            raise TorchFileError("the bytes are in big-endian order")
        value = _Unpickler(io.BytesIO(archive.read(pickles[0]))).load()
        arrays = _Arrays(lambda storage: archive.read(f"{root}/data/{storage.key}"))
        return arrays.fill(value)


def _read_legacy(content: bytes) -> Any:
    file = io.BytesIO(content)
    magic, protocol, system = (_Unpickler(file).load() for _ in range(3))
    if magic != _LEGACY_MAGIC or protocol != _LEGACY_PROTOCOL:
        raise TorchFileError("not a torch.save file")
    if not (isinstance(system, dict) and system.get("little_endian") is True):
        raise TorchFileError("the bytes are in big-endian order")
    unpickler = _Unpickler(file)
    value = unpickler.load()
    keys = _Unpickler(file).load()
    data: dict[str, bytes] = {}
    for key in keys:
        storage = unpickler.storages[key]
        elements = int.from_bytes(file.read(8), "little")
        if elements != storage.elements:
            raise TorchFileError(f"storage {key} has {elements} elements, not {storage.elements}")
        data[key] = file.read(elements * np.dtype(_DTYPES[storage.type.name]).itemsize)
    return _Arrays(lambda storage: data[storage.key]).fill(value)


class _Unpickler(pickle.Unpickler):
    """Accepts dictionaries, tensors and storages, and no other name."""

    def __init__(self, file: io.BytesIO):
        super().__init__(file)
        self.storages: dict[str, _Storage] = {}

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return collections.OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _rebuild_tensor
        if (module, name) == ("torch._utils", "_rebuild_parameter"):
            return _rebuild_parameter
        if module == "torch" and name in _DTYPES:
            return _StorageType(name)
        raise TorchFileError(
            f"holds {module}.{name}; only tensors and dictionaries of them are read, "
            "and nothing in the file was executed"
        )

    def persistent_load(self, pid: Any) -> _Storage:
        kind, storage_type, key, _, elements = pid[:5]
        well_formed = isinstance(storage_type, _StorageType) and isinstance(key, str)
        if kind != "storage" or not well_formed or not _is_count(elements) or any(pid[5:]):
            raise TorchFileError(f"holds the reference {pid!r:.80}, which is not a storage")
        self.storages[key] = _Storage(storage_type, key, elements)
        return self.storages[key]


def _rebuild_tensor(
    storage: Any, offset: Any, shape: Any, strides: Any, requires_grad: Any = False, *hooks: Any
) -> _Tensor:
    """Replace `torch._utils._rebuild_tensor_v2`."""
    numbers = isinstance(shape, tuple) and isinstance(strides, tuple)
    numbers = numbers and all(map(_is_count, (offset, *shape, *strides)))
    if not (isinstance(storage, _Storage) and numbers and len(shape) == len(strides) <= 8):
        raise TorchFileError("holds a tensor without a proper storage, shape or strides")
    elements = math.prod(shape)
    last = offset + sum((n - 1) * stride for n, stride in zip(shape, strides, strict=True))
    if elements and not (elements <= storage.elements and last < storage.elements):
        raise TorchFileError(f"holds a tensor of shape {shape}, for which its storage is too small")
    return _Tensor(storage, offset, shape, strides)


def _rebuild_parameter(data: Any, requires_grad: Any = True, *hooks: Any) -> Any:
    """Replace `torch._utils._rebuild_parameter`."""
    return data


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value <= MAX_BYTES


class _Arrays:
    """Replaces tensors by arrays, up to a limit.

    Without the limit, a few bytes could expand to 10^30 items: lists that refer ten times to
    another list, thirty deep.
    """

    def __init__(self, read: Callable[[_Storage], bytes]):
        self.read = read
        self.items_left = _MAX_ITEMS
        self.bytes_left = MAX_BYTES

    def fill(self, value: Any) -> Any:
        self.items_left -= 1
        if self.items_left < 0 or self.bytes_left < 0:
            raise TorchFileError("holds more items than any network has tensors")
        if isinstance(value, _Tensor):
            content = self.read(value.storage)
            self.bytes_left -= len(content)
            return _array(value, content)
        if isinstance(value, dict):
            return {key: self.fill(item) for key, item in value.items()}
        if type(value) in (list, tuple):
            return type(value)(self.fill(item) for item in value)
        if value is None or type(value) in (bool, int, float, str):
            return value
        raise TorchFileError(f"holds {type(value).__name__}; only tensors are read")


def _array(tensor: _Tensor, content: bytes) -> np.ndarray:
    name = tensor.storage.type.name
    flat = np.frombuffer(content, _DTYPES[name])
    if len(flat) != tensor.storage.elements:
        raise TorchFileError(
            f"storage {tensor.storage.key} has {len(flat)} elements, not {tensor.storage.elements}"
        )
    if not math.prod(tensor.shape):
        return np.empty(tensor.shape, np.float32)
    strides = [stride * flat.itemsize for stride in tensor.strides]
    view = np.lib.stride_tricks.as_strided(flat[tensor.offset :], tensor.shape, strides)
    if name == "BFloat16Storage":
        return (view.astype(np.uint32) << 16).view(np.float32)
    return view.copy()
