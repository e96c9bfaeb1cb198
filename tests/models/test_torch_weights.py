"""The released network: its weights, found by name, and the logits of torch."""

import jax.numpy as jnp
import numpy as np
import pytest

from sgan_jax.models import torch_weights
from sgan_jax.models.torch_file import TorchFileError, read_torch_file


def released_network(torch, classes):
    """Return the released ResnetClassifier in torch's own layers, with the names that it uses."""
    nn = torch.nn

    class Layer(nn.Module):
        def __init__(self, channels, features, kernel, stride=1, padding=0, gelu=True):
            super().__init__()
            self.conv = nn.Conv1d(channels, features, kernel, stride, padding, bias=False)
            self.dropout = nn.Dropout(0.05)
            self.layer_norm = nn.LayerNorm(features)
            self.gelu = nn.GELU() if gelu else nn.Identity()

        def forward(self, x):
            y = self.dropout(self.conv(x)).transpose(1, 2)
            return self.gelu(self.layer_norm(y).transpose(1, 2))

    class Block(nn.Module):
        def __init__(self, channels, features, kernel, stride):
            super().__init__()
            half = kernel // 2
            self.conv1 = Layer(channels, features, kernel, stride, half)
            self.conv2 = Layer(features, features, kernel, 1, half, gelu=False)
            self.downsample = Layer(channels, features, 1, stride, gelu=False)
            self.downsample.dropout = nn.Identity()

        def forward(self, x):
            return nn.functional.gelu(self.conv2(self.conv1(x)) + self.downsample(x))

    class Resnet(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = Layer(1, 32, 13)
            self.layer1 = nn.Sequential(Block(32, 32, 5, 4), Block(32, 32, 5, 1))
            self.layer2 = nn.Sequential(Block(32, 64, 7, 4), Block(64, 64, 7, 1))
            self.layer3 = nn.Sequential(Block(64, 64, 17, 5), Block(64, 64, 17, 1))
            self.layer4 = nn.Sequential(Block(64, 64, 13, 3), Block(64, 64, 13, 1))

        def forward(self, x):
            x = self.layer2(self.layer1(self.conv(x)))
            return self.layer4(self.layer3(x)).amax(-1)

    class Classifier(nn.Module):
        def __init__(self):
            super().__init__()
            self.resnet = Resnet()
            self.classifier = nn.Linear(64, classes)
            self.adv = nn.Linear(64, 1)

        def forward(self, patterns):
            features = self.resnet(patterns[:, None])
            return self.classifier(features), self.adv(features)[:, 0]

    network = Classifier().eval()
    with torch.no_grad():  # away from the initial ones and zeros of the norms
        for parameter in network.parameters():
            parameter += 0.05 * torch.randn_like(parameter)
    return network


@pytest.mark.parametrize("classes", [14, 144])
@pytest.mark.parametrize("precision", ["float32", "float16"])
@pytest.mark.parametrize("new_layout", [True, False])
def test_logits_are_those_of_torch(classes, precision, new_layout, tmp_path):
    torch = pytest.importorskip("torch")
    torch.manual_seed(classes)
    supervised, sgan = (released_network(torch, classes) for _ in range(2))
    for network in (supervised, sgan):  # so that both programs compute with the same numbers
        network.to(getattr(torch, precision)).float()
    assert sum(p.numel() for p in sgan.parameters()) == {14: 641_071, 144: 649_521}[classes]
    states = {
        name: {k: v.to(getattr(torch, precision)) for k, v in network.state_dict().items()}
        for name, network in (("Supervised", supervised), ("SGAN", sgan))
    }
    path = tmp_path / "published.pth"
    torch.save(states, path, _use_new_zipfile_serialization=new_layout)

    patterns = np.random.default_rng(0).uniform(size=(2, 3041)).astype(np.float32) ** 4
    for variant, network in (("Supervised", supervised), ("SGAN", sgan)):
        model, params = torch_weights.load_published(path, variant)
        out = model.apply({"params": params}, jnp.asarray(patterns), train=False)
        with torch.no_grad():
            logits, real_fake = network(torch.from_numpy(patterns))
        np.testing.assert_allclose(out.logits, logits.numpy(), atol=1e-4)
        np.testing.assert_allclose(out.real_fake, real_fake.numpy(), atol=1e-4)


def test_parameters_of_a_module_are_tensors_too(tmp_path):
    torch = pytest.importorskip("torch")
    linear = torch.nn.Linear(3, 2)
    torch.save({"w": linear.weight, "t": linear.weight.T, "n": torch.tensor(7)}, tmp_path / "x.pth")
    found = read_torch_file(tmp_path / "x.pth")
    np.testing.assert_array_equal(found["w"], linear.weight.detach().numpy())
    np.testing.assert_array_equal(found["t"], found["w"].T)
    assert found["n"] == 7
    torch.save(linear, tmp_path / "module.pth")
    with pytest.raises(TorchFileError, match=r"holds torch\.nn\.modules\.linear\.Linear"):
        read_torch_file(tmp_path / "module.pth")


def state_of_zeros(classes=14):
    shapes = {"resnet.conv.conv.weight": (32, 1, 13)}
    norms = [("resnet.conv", 32)]
    channels = 32
    for stage, (features, kernel) in enumerate([(32, 5), (64, 7), (64, 17), (64, 13)], 1):
        for block in (0, 1):
            name = f"resnet.layer{stage}.{block}"
            shapes[f"{name}.conv1.conv.weight"] = (features, channels, kernel)
            shapes[f"{name}.conv2.conv.weight"] = (features, features, kernel)
            shapes[f"{name}.downsample.conv.weight"] = (features, channels, 1)
            norms += [(f"{name}.{part}", features) for part in ("conv1", "conv2", "downsample")]
            channels = features
    for name, features in norms:
        shapes[f"{name}.layer_norm.weight"] = shapes[f"{name}.layer_norm.bias"] = (features,)
    shapes |= {"classifier.weight": (classes, 64), "classifier.bias": (classes,)}
    shapes |= {"adv.weight": (1, 64), "adv.bias": (1,)}
    return {name: np.zeros(shape, np.float32) for name, shape in shapes.items()}


def test_missing_foreign_and_misshapen_tensors_are_named():
    state = state_of_zeros()
    assert torch_weights.parameters(state)["class_head"]["kernel"].shape == (64, 14)
    prefixed = {f"module.{name}": value for name, value in state.items()}
    assert torch_weights.parameters(prefixed)["real_fake_head"]["bias"].shape == (1,)
    name = "resnet.layer3.1.conv2.conv.weight"
    for change, message in (
        ({name: None}, f"no tensor '{name}'"),
        ({name: np.zeros((64, 64, 13), np.float32)}, r"published network has \(64, 64, 17\)"),
        ({name: np.zeros((64, 64, 17), np.int64)}, "int64"),
        ({name: np.full((64, 64, 17), np.nan, np.float32)}, "not finite"),
        ({"fc.weight": np.zeros(3)}, "'fc.weight' is not part"),
    ):
        with pytest.raises(TorchFileError, match=message):
            torch_weights.parameters(state | change)
