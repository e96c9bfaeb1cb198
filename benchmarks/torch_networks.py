"""The same networks and steps in torch's own layers, for train_step.py to compare with.

As a torch user would write them: nn.Conv1d, nn.LayerNorm over the channels, nn.GELU, nn.Dropout,
nn.MaxPool1d, nn.ConvTranspose1d, nn.BatchNorm1d, torch.optim.Adam.
"""

import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812 (torch's own name for it)

STAGES = ((32, 5, 4), (64, 7, 4), (64, 17, 5), (64, 13, 3))
HIDDEN = ((17, 2), (15, 1), (14, 1), (18, 3), (13, 1), (11, 4), (9, 1), (9, 1))
LATENT = 100


class ChannelNorm(nn.LayerNorm):
    """LayerNorm over the channels of [B, C, L]."""

    def forward(self, x):
        """Normalise."""
        return super().forward(x.transpose(1, 2)).transpose(1, 2)


def layer(channels, features, kernel, stride, padding, dropout):
    """Return convolution, dropout and LayerNorm."""
    return nn.Sequential(
        nn.Conv1d(channels, features, kernel, stride, padding, bias=False),
        nn.Dropout(dropout),
        ChannelNorm(features),
    )


class Block(nn.Module):
    """A residual block."""

    def __init__(self, channels, features, kernel, stride, projection, dropout):
        super().__init__()
        padding = kernel // 2
        self.layers = nn.Sequential(
            layer(channels, features, kernel, stride, padding, dropout),
            nn.GELU(),
            layer(features, features, kernel, 1, padding, dropout),
        )
        self.shortcut = nn.Identity()
        if projection:
            self.shortcut = nn.Sequential(
                nn.Conv1d(channels, features, 1, stride, bias=False), ChannelNorm(features)
            )

    def forward(self, x):
        """Map [B, C, L] to [B, F, L']."""
        return F.gelu(self.layers(x) + self.shortcut(x))


class Classifier(nn.Module):
    """The paper's 1D ResNet-18."""

    def __init__(self, classes, stem_pool, dropout=0.1):
        super().__init__()
        modules = [layer(1, 32, 13, 1, 0, dropout), nn.GELU()]
        if stem_pool:
            modules.append(nn.MaxPool1d(7, 7, 3))
        channels = 32
        for features, kernel, stride in STAGES:
            modules.append(Block(channels, features, kernel, stride, True, dropout))
            modules.append(Block(features, features, kernel, 1, False, dropout))
            channels = features
        self.body = nn.Sequential(*modules)
        self.head = nn.Linear(channels, classes)

    def forward(self, x):
        """Return the class logits of patterns [B, P]."""
        return self.head(self.body(x[:, None]).amax(-1))


class Generator(nn.Sequential):
    """Patterns from latents."""

    def __init__(self):
        modules, channels = [], 1
        for kernel, stride in HIDDEN:
            modules += [
                nn.ConvTranspose1d(channels, 32, kernel, stride, bias=False),
                nn.LeakyReLU(0.2),
                nn.BatchNorm1d(32, eps=1e-4),
            ]
            channels = 32
        super().__init__(*modules, nn.ConvTranspose1d(32, 1, 7, bias=False), nn.Sigmoid())

    def forward(self, z):
        """Return patterns [B, 3041]."""
        return super().forward(z[:, None])[:, 0]


def make_supervised_step(patterns, labels, classes, stem_pool):
    """Return a function that runs one step."""
    network = Classifier(classes, stem_pool)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-4)

    def step():
        optimizer.zero_grad()
        loss = F.cross_entropy(network(patterns), labels)
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def make_sgan_step(labelled, labels, unlabelled, classes, stem_pool):
    """Return a function that runs one step of both networks; real and generated in one batch."""
    discriminator, generator = Classifier(classes, stem_pool), Generator()
    optimizer = torch.optim.Adam(discriminator.parameters(), lr=5e-6)
    generator_optimizer = torch.optim.Adam(generator.parameters(), lr=1e-6)
    size = len(labels)

    def step():
        generated = generator(torch.randn(size, LATENT))
        optimizer.zero_grad()
        logits = discriminator(torch.cat([labelled, unlabelled, generated.detach()]))
        s = torch.logsumexp(logits[size:], -1)
        loss = F.cross_entropy(logits[:size], labels)
        loss = loss + F.softplus(-s[:size]).mean() + F.softplus(s[size:]).mean()
        loss.backward()
        optimizer.step()

        generator_optimizer.zero_grad()
        discriminator.requires_grad_(False)  # only the gradient of its input is needed
        generator_loss = F.softplus(-torch.logsumexp(discriminator(generated), -1)).mean()
        generator_loss.backward()
        generator_optimizer.step()
        discriminator.requires_grad_(True)
        return loss.item() + generator_loss.item()

    return step
