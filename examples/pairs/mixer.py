"""An MLP-Mixer and its port: a plain feed-forward model with the most common faults.

They are an epsilon left at another default, patches in another order, a missing residual
connection, and a gradient stopped by `stop_grad`, which in Jittor changes the tensor in place where
PyTorch's `detach` makes a copy. The correct port passes as NUMERICALLY_WEAKER: Jittor's LayerNorm
computes the variance in one pass and loses digits where the mean is far from zero. Run it in this
folder: `parity check mixer:pair`, and `parity check mixer:FAULTS` for the reports of the faults.
"""

from __future__ import annotations

from typing import Any

import jittor as jt
import numpy as np
import torch
from faults import inject
from seeded import seeded
from torch import nn

from parity import Pair

PATCH = 4
PATCHES = 6  # of an 8x12 image; no weight is square, so a transposed one shows by its shape
CHANNELS = 8
CLASSES = 5


class TorchMlp(nn.Module):
    """Two linear layers along the last axis, (..., size) to (..., size)."""

    def __init__(self, size: int, hidden: int) -> None:
        super().__init__()
        self.inner = nn.Linear(size, hidden)
        self.act = nn.GELU()
        self.outer = nn.Linear(hidden, size)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (..., size) to (..., size)."""
        return self.outer(self.act(self.inner(x)))


class TorchBlock(nn.Module):
    """Mixes tokens, then channels, each beside a residual connection."""

    def __init__(self) -> None:
        super().__init__()
        self.token_norm = nn.LayerNorm(CHANNELS)
        self.tokens = TorchMlp(PATCHES, 5)
        self.channel_norm = nn.LayerNorm(CHANNELS)
        self.channels = TorchMlp(CHANNELS, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (N, PATCHES, CHANNELS) to the same shape."""
        x = x + self.tokens(self.token_norm(x).transpose(1, 2)).transpose(1, 2)
        return x + self.channels(self.channel_norm(x))


class TorchMixer(nn.Module):
    """Patches, blocks, a mean over patches, classes."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Conv2d(3, CHANNELS, PATCH, stride=PATCH)
        self.blocks = nn.Sequential(TorchBlock(), TorchBlock())
        self.norm = nn.LayerNorm(CHANNELS)
        self.head = nn.Linear(CHANNELS, CLASSES)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Map (N, 3, 8, 12) to (N, CLASSES)."""
        x = self.embed(image).flatten(2).transpose(1, 2)
        return self.head(self.norm(self.blocks(x)).mean(1))


class JittorMlp(jt.nn.Module):
    """Two linear layers along the last axis."""

    def __init__(self, size: int, hidden: int) -> None:
        self.inner = jt.nn.Linear(size, hidden)
        self.act = jt.nn.GELU()
        self.outer = jt.nn.Linear(hidden, size)

    def execute(self, x: jt.Var) -> jt.Var:
        """Map (..., size) to (..., size)."""
        return self.outer(self.act(self.inner(x)))


class JittorBlock(jt.nn.Module):
    """Mixes tokens, then channels."""

    def __init__(self) -> None:
        self.token_norm = jt.nn.LayerNorm(CHANNELS)
        self.tokens = JittorMlp(PATCHES, 5)
        self.channel_norm = jt.nn.LayerNorm(CHANNELS)
        self.channels = JittorMlp(CHANNELS, 10)

    def execute(self, x: jt.Var) -> jt.Var:
        """Map (N, PATCHES, CHANNELS) to the same shape."""
        x = x + self.tokens(self.token_norm(x).permute(0, 2, 1)).permute(0, 2, 1)
        return x + self.channels(self.channel_norm(x))


class JittorMixer(jt.nn.Module):
    """Patches, blocks, a mean over patches, classes."""

    def __init__(self, block: Any = JittorBlock) -> None:
        self.embed = jt.nn.Conv2d(3, CHANNELS, PATCH, stride=PATCH)
        self.blocks = jt.nn.Sequential(block(), block())
        self.norm = jt.nn.LayerNorm(CHANNELS)
        self.head = jt.nn.Linear(CHANNELS, CLASSES)

    def patches(self, x: jt.Var) -> jt.Var:
        """Reshape (N, CHANNELS, 2, 3) to (N, PATCHES, CHANNELS), row by row."""
        return x.flatten(2).permute(0, 2, 1)

    def execute(self, image: jt.Var) -> jt.Var:
        """Map (N, 3, 8, 12) to (N, CLASSES)."""
        x = self.patches(self.embed(image))
        return self.head(self.norm(self.blocks(x)).mean(1))


def inputs(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Draw two images."""
    return {"image": rng.standard_normal((2, 3, 8, 12), np.float32)}


pair = Pair(
    name="MLP-Mixer",
    reference=seeded(TorchMixer),
    candidate=JittorMixer,
    inputs=inputs,
)


def other_epsilon() -> JittorMixer:
    """Build the port with another library's epsilon in one normalisation."""
    model = JittorMixer()
    model.blocks[1].token_norm.eps = 1e-6
    return model


class ColumnsFirst(JittorMixer):
    """Orders the patches column by column."""

    def patches(self, x: jt.Var) -> jt.Var:
        """Reshape (N, CHANNELS, 2, 3) to (N, PATCHES, CHANNELS), column by column."""
        return x.permute(0, 3, 2, 1).reshape(x.shape[0], PATCHES, CHANNELS)


class StoppedBlock(JittorBlock):
    """Stops a gradient where a copy without one was meant."""

    def execute(self, x: jt.Var) -> jt.Var:
        """Map (N, PATCHES, CHANNELS) to the same shape."""
        mixed = self.tokens(self.token_norm(x).permute(0, 2, 1)).permute(0, 2, 1)
        self.largest = float(mixed.stop_grad().max().item())  # for a log; stops `mixed` itself
        x = x + mixed
        return x + self.channels(self.channel_norm(x))


class NoResidual(TorchBlock):
    """Omits the second residual connection."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (N, PATCHES, CHANNELS) to the same shape."""
        x = x + self.tokens(self.token_norm(x).transpose(1, 2)).transpose(1, 2)
        return self.channels(self.channel_norm(x))


def no_residual() -> TorchMixer:
    """Build a copy whose second block omits a residual connection."""
    model = TorchMixer()
    model.blocks[1] = NoResidual()
    return model


FAULTS = {
    "epsilon": inject(
        pair, "other epsilon", "blocks.1.token_norm", "forward", candidate=other_epsilon
    ),
    "patches": inject(pair, "patches by column", "", "forward", candidate=ColumnsFirst),
    "stopped": inject(
        pair,
        "stopped gradient",
        "blocks.1",
        "backward",
        candidate=lambda: JittorMixer(StoppedBlock),
    ),
    "residual": inject(pair, "no residual", "blocks.1", "forward", candidate=no_residual),
}
