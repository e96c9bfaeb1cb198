"""The authors' published weights (.pth) as parameters of the released variant of `ResNet1D`.

The file holds a dictionary with the keys 'Supervised' and 'SGAN', each a state dictionary of the
released program's ResnetClassifier, in half or single precision.
"""

import pathlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from sgan_jax.models import resnet, stem
from sgan_jax.models.torch_file import TorchFileError, read_torch_file

VARIANTS = ("SGAN", "Supervised")


class PublishedClassifier(NamedTuple):
    """A published classifier.

    Attributes:
        model: the network; `model.apply({"params": params}, patterns, train=False).logits`.
        params: its parameters, float32.
    """

    model: resnet.ResNet1D
    params: dict[str, Any]


def load_published(path: str | pathlib.Path, variant: str = "SGAN") -> PublishedClassifier:
    """Return one of the classifiers in a published file, 'SGAN' or 'Supervised'.

    It expects patterns [B, 3041], divided by their maximum, with 1e-3 added, as in the released
    program. The file decides the number of classes: 14 Bravais lattices or 144 space groups.

    Raises:
        TorchFileError: the file was not written by torch.save, or holds another network.
        OSError: the file cannot be read.
    """
    if variant not in VARIANTS:
        raise ValueError(
            f"variant {variant!r} is unknown; use one of {', '.join(map(repr, VARIANTS))}"
        )
    whole = read_torch_file(path)
    if not (isinstance(whole, dict) and isinstance(whole.get(variant), dict)):
        keys = sorted(map(str, whole)) if isinstance(whole, dict) else type(whole).__name__
        raise TorchFileError(f"{path}: no state dictionary {variant!r}; the file has {keys!s:.200}")
    try:
        params = parameters(whole[variant])
    except TorchFileError as error:
        raise TorchFileError(f"{path}, {variant}: {error}") from error
    classes = params["class_head"]["bias"].shape[0]
    model = resnet.ResNet1D(
        classes, stem_pool=False, projection_shortcuts=True, real_fake_head=True
    )
    return PublishedClassifier(model, params)


def parameters(state: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters of `ResNet1D` from a state dictionary of the released program.

    Raises:
        TorchFileError: a tensor is missing, left over, not finite, or has another shape or type.
    """
    reader = _Reader(state)
    head = reader.left.get("classifier.weight")
    classes = len(head) if isinstance(head, np.ndarray) and head.ndim == 2 else 0
    params: dict[str, Any] = {
        "stem": {
            "conv": {"kernel": reader.kernel("resnet.conv.conv", stem.KERNEL, 1, stem.CHANNELS)},
            "norm": reader.norm("resnet.conv.layer_norm", stem.CHANNELS),
        }
    }
    channels = stem.CHANNELS
    for stage, (features, size, _) in enumerate(resnet.STAGES, 1):
        for block in (1, 2):
            name = f"resnet.layer{stage}.{block - 1}"
            params[f"stage{stage}_block{block}"] = {
                "conv1": {"kernel": reader.kernel(f"{name}.conv1.conv", size, channels, features)},
                "norm1": reader.norm(f"{name}.conv1.layer_norm", features),
                "conv2": {"kernel": reader.kernel(f"{name}.conv2.conv", size, features, features)},
                "norm2": reader.norm(f"{name}.conv2.layer_norm", features),
                "shortcut_conv": {
                    "kernel": reader.kernel(f"{name}.downsample.conv", 1, channels, features)
                },
                "shortcut_norm": reader.norm(f"{name}.downsample.layer_norm", features),
            }
            channels = features
    params["class_head"] = reader.dense("classifier", channels, classes)
    params["real_fake_head"] = reader.dense("adv", channels, 1)
    if reader.left:
        raise TorchFileError(f"{sorted(reader.left)[0]!r} is not part of the published network")
    return params


class _Reader:
    """Takes tensors by torch's names and returns them in our layout; `left` has the others."""

    def __init__(self, state: Mapping[str, Any]):
        # DataParallel puts 'module.' before every name.
        self.left = {str(name).removeprefix("module."): value for name, value in state.items()}

    def kernel(self, name: str, size: int, channels: int, features: int) -> np.ndarray:
        """Return a convolution's kernel [K, C, F] from torch's [F, C, K]."""
        return self._take(f"{name}.weight", (features, channels, size)).transpose(2, 1, 0)

    def norm(self, name: str, channels: int) -> dict[str, np.ndarray]:
        return {
            "scale": self._take(f"{name}.weight", (channels,)),
            "bias": self._take(f"{name}.bias", (channels,)),
        }

    def dense(self, name: str, channels: int, features: int) -> dict[str, np.ndarray]:
        return {
            "kernel": self._take(f"{name}.weight", (features, channels)).T,
            "bias": self._take(f"{name}.bias", (features,)),
        }

    def _take(self, name: str, shape: tuple[int, ...]) -> np.ndarray:
        value = self.left.pop(name, None)
        if not isinstance(value, np.ndarray):
            raise TorchFileError(f"no tensor {name!r}")
        if value.shape != shape or value.dtype.kind != "f":
            raise TorchFileError(
                f"{name!r} is {value.dtype} {value.shape}; the published network has {shape}"
            )
        if not np.isfinite(value).all():
            raise TorchFileError(f"{name!r} holds values that are not finite")
        return value.astype(np.float32)
