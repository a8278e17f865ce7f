"""A small model of the layers that the U-Net has not, in PyTorch and in Jittor."""

from __future__ import annotations

from typing import Any

import jittor as jt
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from audit.correct_pairs import PairBase
from parity.pair import Pair


class TorchResize(nn.Module):
    """Double the resolution, bilinear."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (N, C, H, W) to (N, C, 2H, 2W)."""
        return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)


class TorchHeads(nn.Module):
    """Attention with two heads."""

    def __init__(self) -> None:
        super().__init__()
        self.query, self.key = nn.Linear(8, 8), nn.Linear(8, 8)
        self.value, self.out = nn.Linear(8, 8), nn.Linear(8, 8)

    def split(self, x: torch.Tensor) -> torch.Tensor:
        """Map (N, L, 8) to (N, 2, L, 4)."""
        return x.reshape(x.shape[0], x.shape[1], 2, 4).permute(0, 2, 1, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (N, L, 8) to the same shape."""
        q, k, v = (self.split(f(x)) for f in (self.query, self.key, self.value))
        cross_framework = torch.softmax(q @ k.transpose(2, 3) / 2, -1) @ v
        return self.out(cross_framework.permute(0, 2, 1, 3).reshape(x.shape))


class TorchLayers(nn.Module):
    """Images to tokens: a grouped convolution, batch norm, resize, layer norm, attention, GELU."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv = nn.Conv2d(4, 8, 3, padding=1, groups=2)
        self.batch = nn.BatchNorm2d(8)
        self.act = nn.LeakyReLU(0.2)
        self.resize = TorchResize()
        self.norm = nn.LayerNorm(8)
        self.heads = TorchHeads()
        self.gelu = nn.GELU()
        self.square = nn.Linear(8, 8)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (N, 4, H, W) to (N, 4HW, 8)."""
        h = self.resize(self.act(self.batch(self.conv(x))))
        tokens = h.flatten(2).transpose(1, 2)
        tokens = tokens + self.heads(self.norm(tokens))
        return self.square(self.gelu(tokens))


class JittorBatchNorm(jt.nn.BatchNorm2d):
    """Jittor's own, but for the running variance: unbiased, as PyTorch keeps it."""

    def execute(self, x: Any) -> Any:
        """Normalise (N, C, H, W) over all axes but the second."""
        kept = self.running_var * (1 - self.momentum)
        y = super().execute(x)
        if self.is_train:
            count = x.numel() // x.shape[1]
            new = (self.running_var - kept) * (count / (count - 1))
            self.running_var.update(kept + new)
        return y


class JittorResize(jt.nn.Module):
    """Double the resolution, bilinear."""

    def execute(self, x: Any) -> Any:
        """Map (N, C, H, W) to (N, C, 2H, 2W)."""
        return jt.nn.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)


class JittorHeads(jt.nn.Module):
    """Attention with two heads."""

    def __init__(self) -> None:
        self.query, self.key = jt.nn.Linear(8, 8), jt.nn.Linear(8, 8)
        self.value, self.out = jt.nn.Linear(8, 8), jt.nn.Linear(8, 8)

    def split(self, x: Any) -> Any:
        """Map (N, L, 8) to (N, 2, L, 4)."""
        return x.reshape(x.shape[0], x.shape[1], 2, 4).permute(0, 2, 1, 3)

    def execute(self, x: Any) -> Any:
        """Map (N, L, 8) to the same shape."""
        q, k, v = (self.split(f(x)) for f in (self.query, self.key, self.value))
        cross_framework = jt.matmul(
            jt.nn.softmax(jt.matmul(q, k.permute(0, 1, 3, 2)) / 2, dim=-1), v
        )
        return self.out(cross_framework.permute(0, 2, 1, 3).reshape(x.shape))


class JittorLayers(jt.nn.Module):
    """The same in Jittor."""

    def __init__(self) -> None:
        self.conv = jt.nn.Conv2d(4, 8, 3, padding=1, groups=2)
        self.batch = JittorBatchNorm(8)
        self.act = jt.nn.LeakyReLU(0.2)
        self.resize = JittorResize()
        self.norm = jt.nn.LayerNorm(8)
        self.heads = JittorHeads()
        self.gelu = jt.nn.GELU()
        self.square = jt.nn.Linear(8, 8)

    def execute(self, x: Any) -> Any:
        """Map (N, 4, H, W) to (N, 4HW, 8)."""
        h = self.resize(self.act(self.batch(self.conv(x))))
        tokens = h.flatten(2).permute(0, 2, 1)
        tokens = tokens + self.heads(self.norm(tokens))
        return self.square(self.gelu(tokens))


LAYERS = PairBase(
    Pair(
        name="layers",
        reference=TorchLayers,
        candidate=JittorLayers,
        inputs=lambda rng: {"x": rng.standard_normal((3, 4, 3, 5), np.float32)},
        training=True,
        stress_inputs=("plain", "low variance", "large magnitude"),
    )
)
