"""ResNet1D: the classifier, which is also the discriminator (section 2.3 of the paper)."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import linen as nn

from sgan_jax.models import activations, convolution, layers, stem
from sgan_jax.models.dropout import Dropout

Array = jax.Array

# Four stages of two residual blocks: channels, kernel, stride of the stage's first block.
STAGES = ((32, 5, 4), (64, 7, 4), (64, 17, 5), (64, 13, 3))


class DiscriminatorOutput(NamedTuple):
    """The discriminator's output for a batch."""

    logits: Array  # [B, K], of the classes
    features: Array  # [B, 64 x width], after the global max pool
    real_fake: Array | None  # [B], logit of the released program's second head


class ResidualBlock(nn.Module):
    """Two layers and a shortcut, added, followed by GELU.

    A layer is convolution (no bias) -> dropout -> LayerNorm over channels -> GELU, without the GELU
    in the second. The shortcut is 1x1 convolution -> LayerNorm with `projection`, else the input.
    """

    channels: int  # of the input
    features: int
    kernel_size: int
    stride: int
    projection: bool
    dropout: float

    @nn.compact
    def __call__(self, on_input: Callable[[Callable], Any], *, train: bool) -> Array:
        """Map [B, L, C] to [B, ceil(L / stride), features].

        `on_input` applies a function to the input, since the stem's output is too large to pass on.
        """
        kernel1 = layers.ConvKernel(self.kernel_size, self.features, name="conv1")(self.channels)
        half = self.kernel_size // 2
        if self.projection:
            shortcut = layers.ConvKernel(1, self.features, name="shortcut_conv")(self.channels)
            y, x = on_input(
                lambda x: convolution.conv_and_shortcut(x, kernel1, shortcut, self.stride)
            )
            x = layers.LayerNorm(name="shortcut_norm")(x)
        else:
            y, x = on_input(lambda x: (convolution.conv(x, kernel1, padding=half), x))
        y = Dropout(self.dropout)(y, train=train)
        y = layers.LayerNorm(name="norm1")(y, gelu=True)

        kernel2 = layers.ConvKernel(self.kernel_size, self.features, name="conv2")(self.features)
        y = convolution.conv(y, kernel2, padding=half)
        y = Dropout(self.dropout)(y, train=train)
        y = layers.LayerNorm(name="norm2")(y)
        return activations.gelu(x + y)


def _on(x):
    return lambda function: function(x)


class ResNet1D(nn.Module):
    """1D ResNet-18 from patterns [B, P] to class logits [B, K].

    The defaults are the paper's; the released program has stem_pool=False,
    projection_shortcuts=True, real_fake_head=True. Training needs the rng collection 'dropout'.
    Parameters, LayerNorm statistics and outputs are float32 whatever the `dtype`.
    """

    classes: int
    input_power: float = 1.0  # of the intensities: 0.5 makes weak peaks count more
    stem_pool: bool = True
    projection_shortcuts: bool = False  # in every block, not only the first of each stage
    real_fake_head: bool = False
    width: int = 1  # times the paper's channels in stages 2 to 4
    dropout: float = 0.1
    dtype: jax.typing.DTypeLike = jnp.float32  # of convolutions and activations

    @nn.compact
    def __call__(self, x: Array, *, train: bool) -> DiscriminatorOutput:
        """Classify patterns [B, P]."""
        if self.input_power != 1.0:
            # Kept away from 0, where the slope of a root is infinite.
            x = jnp.maximum(x, 1e-6) ** self.input_power
        x = x.astype(self.dtype)
        on_input = stem.Stem(self.stem_pool, STAGES[0][2], self.dropout, name="stem")(
            x, train=train
        )
        channels = stem.CHANNELS
        for stage, (features, kernel_size, stride) in enumerate(STAGES, 1):
            features *= self.width if stage > 1 else 1
            for block in (1, 2):
                x = ResidualBlock(
                    channels,
                    features,
                    kernel_size,
                    stride=stride if block == 1 else 1,
                    projection=block == 1 or self.projection_shortcuts,
                    dropout=self.dropout,
                    name=f"stage{stage}_block{block}",
                )(on_input, train=train)
                on_input, channels = _on(x), features
        features = jnp.max(x, axis=1).astype(jnp.float32)
        logits = layers.Dense(self.classes, name="class_head")(features)
        real_fake = None
        if self.real_fake_head:
            real_fake = layers.Dense(1, name="real_fake_head")(features)[:, 0]
        return DiscriminatorOutput(logits, features, real_fake)
