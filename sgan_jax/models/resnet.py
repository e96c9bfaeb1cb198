"""ResNet1D: the classifier, which is also the discriminator (section 2.3 of the paper)."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from flax import linen as nn

from sgan_jax.models import layers

Array = jax.Array

STEM_CHANNELS, STEM_KERNEL = 32, 13
POOL = 7  # kernel = stride; padding 3
# Four stages of two residual blocks: channels, kernel, stride of the stage's first block.
STAGES = ((32, 5, 4), (64, 7, 4), (64, 17, 5), (64, 13, 3))
LAYER_NORM_EPS = 1e-5


class DiscriminatorOutput(NamedTuple):
    """What the discriminator says of a batch."""

    logits: Array  # [B, K] of the classes
    features: Array  # [B, 64], after the global max pool
    real_fake: Array | None  # [B], logit of the released program's second head


class ConvLayer(nn.Module):
    """Convolution -> dropout -> LayerNorm over channels (-> GELU, erf form)."""

    features: int
    kernel_size: int
    stride: int
    padding: int
    dropout: float
    gelu: bool

    @nn.compact
    def __call__(self, x: Array, *, train: bool) -> Array:
        """Map [B, L, C_in] to [B, L', features]."""
        x = layers.Conv(self.features, self.kernel_size, self.stride, self.padding, name="conv")(x)
        x = nn.Dropout(self.dropout, deterministic=not train)(x)
        x = nn.LayerNorm(epsilon=LAYER_NORM_EPS, name="layer_norm")(x)
        return jax.nn.gelu(x, approximate=False) if self.gelu else x


class ResidualBlock(nn.Module):
    """Two layers and a shortcut; GELU follows the addition."""

    features: int
    kernel_size: int
    stride: int
    projection: bool
    dropout: float

    @nn.compact
    def __call__(self, x: Array, *, train: bool) -> Array:
        """Map [B, L, C_in] to [B, (L - 1) // stride + 1, features]."""
        padding = self.kernel_size // 2
        shape = (self.features, self.kernel_size)
        y = ConvLayer(*shape, self.stride, padding, self.dropout, gelu=True, name="layer1")(
            x, train=train
        )
        y = ConvLayer(*shape, 1, padding, self.dropout, gelu=False, name="layer2")(y, train=train)
        if self.projection:
            shortcut = ConvLayer(self.features, 1, self.stride, 0, 0.0, gelu=False, name="shortcut")
            x = shortcut(x, train=train)
        return jax.nn.gelu(x + y, approximate=False)


class ResNet1D(nn.Module):
    """1D ResNet-18 from patterns [B, P] to class logits [B, K].

    The defaults are the paper's; the released program has stem_pool=False,
    projection_shortcuts=True, real_fake_head=True. Training needs the rng collection 'dropout'.
    """

    classes: int
    stem_pool: bool = True
    projection_shortcuts: bool = False  # in every block, not a stage's first only
    real_fake_head: bool = False
    dropout: float = 0.1

    @nn.compact
    def __call__(self, x: Array, *, train: bool) -> DiscriminatorOutput:
        """Classify patterns [B, P]."""
        x = ConvLayer(STEM_CHANNELS, STEM_KERNEL, 1, 0, self.dropout, gelu=True, name="stem")(
            x[:, :, None], train=train
        )
        if self.stem_pool:
            x = nn.max_pool(x, (POOL,), (POOL,), [(POOL // 2, POOL // 2)])
        for stage, (features, kernel_size, first_stride) in enumerate(STAGES, 1):
            for block in (1, 2):
                x = ResidualBlock(
                    features,
                    kernel_size,
                    first_stride if block == 1 else 1,
                    block == 1 or self.projection_shortcuts,
                    self.dropout,
                    name=f"stage{stage}_block{block}",
                )(x, train=train)
        features = jnp.max(x, axis=1)
        logits = layers.Dense(self.classes, name="class_head")(features)
        real_fake = None
        if self.real_fake_head:
            real_fake = layers.Dense(1, name="real_fake_head")(features)[:, 0]
        return DiscriminatorOutput(logits, features, real_fake)
