"""Models written as those in the package are, and read again."""

import functools
import json

import made_up
import numpy as np
import pytest

from sgan_jax.answers import loading, packaged, saved_model
from sgan_jax.answers.saved_model import ModelError
from sgan_jax.models import resnet


@pytest.fixture(scope="module")
def real():
    """The paper's network, untrained."""
    return made_up.classifier("bl", model=resnet.ResNet1D, offset=1e-3)


def test_a_model_is_written_and_read_in_half_precision(real, tmp_path):
    saved_model.write(real, tmp_path, {"seed": 3})
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 1.5e6
    with np.load(tmp_path / "params.npz") as arrays:
        assert {arrays[name].dtype for name in arrays.files} == {np.dtype(np.float16)}
        assert sum(arrays[name].size for name in arrays.files) > 5e5
    read = loading.load(tmp_path)
    patterns = np.random.default_rng(1).uniform(size=(8, 3041)).astype(np.float32)
    np.testing.assert_allclose(read.logits(patterns), real.logits(patterns), atol=2e-2)
    assert (read.task, read.classes, read.instrument) == ("bl", real.classes, real.instrument)
    assert (read.intensity_offset, read.temperature) == (1e-3, 2.0)
    np.testing.assert_allclose(read.calibration.scores, real.calibration.scores)
    assert json.loads((tmp_path / "model.json").read_text())["config"] == {"seed": 3}


def test_a_model_that_half_precision_changes_keeps_single(tmp_path):
    network = made_up.classifier("bl", model=resnet.ResNet1D)
    network.params["class_head"]["kernel"] = 1e7 * network.params["class_head"]["kernel"]
    saved_model.write(network, tmp_path, {})
    patterns = np.random.default_rng(1).uniform(size=(1, 3041)).astype(np.float32)
    np.testing.assert_array_equal(loading.load(tmp_path).logits(patterns), network.logits(patterns))


def test_a_wider_network_is_read_again(tmp_path):
    wide = made_up.classifier("bl", model=functools.partial(resnet.ResNet1D, width=2))
    saved_model.write(wide, tmp_path, {})
    patterns = np.random.default_rng(1).uniform(size=(2, 3041)).astype(np.float32)
    np.testing.assert_allclose(
        loading.load(tmp_path).logits(patterns), wide.logits(patterns), atol=2e-2
    )


def test_a_model_with_another_checksum_is_refused(real, tmp_path):
    saved_model.write(real, tmp_path, {})
    content = bytearray((tmp_path / "params.npz").read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / "params.npz").write_bytes(content)
    with pytest.raises(ModelError, match="does not have the checksum"):
        loading.load(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [({"format": 99}, "format 99"), ({"network": {}}, "input_power"), ({"classes": 3}, "int")],
)
def test_a_model_of_another_version_is_refused(real, tmp_path, change, message):
    saved_model.write(real, tmp_path, {})
    path = tmp_path / "model.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(ModelError, match=message):
        loading.load(tmp_path)


def test_models_of_the_package_have_names(real, tmp_path, monkeypatch):
    monkeypatch.setattr(packaged, "FOLDER", tmp_path)
    with pytest.raises(ModelError, match=r"bl is not a model: .*none in this package"):
        loading.load("bl")
    saved_model.write(real, tmp_path / "bl", {})
    assert loading.load("bl").task == "bl"
    with pytest.raises(ModelError, match=r"sg is not a model: .*\(bl\)"):
        loading.load("sg")
    with pytest.raises(ModelError, match="variant 'SGAN' is only for a published file"):
        loading.load("bl", variant="SGAN")
