"""The layers in PyTorch; `jittor_layers` mirrors them."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Resize(nn.Module):
    """Double the resolution, bilinear."""

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to (N, C, 2H, 2W)."""
        return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)


class Heads(nn.Module):
    """Attention with two heads."""

    def __init__(self) -> None:
        super().__init__()
        self.query, self.key = nn.Linear(8, 8), nn.Linear(8, 8)
        self.value, self.out = nn.Linear(8, 8), nn.Linear(8, 8)

    def split(self, x: Tensor) -> Tensor:
        """Map (N, L, 8) to (N, 2, L, 4)."""
        return x.reshape(x.shape[0], x.shape[1], 2, 4).permute(0, 2, 1, 3)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, L, 8) to the same shape."""
        q, k, v = (self.split(f(x)) for f in (self.query, self.key, self.value))
        h = torch.softmax(q @ k.transpose(2, 3) / 2, -1) @ v
        return self.out(h.permute(0, 2, 1, 3).reshape(x.shape))


class Layers(nn.Module):
    """Images to tokens: a grouped convolution, batch norm, resize, layer norm, attention, GELU."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv = nn.Conv2d(4, 8, 3, padding=1, groups=2)
        self.batch = nn.BatchNorm2d(8)
        self.act = nn.LeakyReLU(0.2)
        self.resize = Resize()
        self.norm = nn.LayerNorm(8)
        self.heads = Heads()
        self.gelu = nn.GELU()
        self.square = nn.Linear(8, 8)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, 4, H, W) to (N, 4HW, 8)."""
        h = self.resize(self.act(self.batch(self.conv(x))))
        tokens = h.flatten(2).transpose(1, 2)
        tokens = tokens + self.heads(self.norm(tokens))
        return self.square(self.gelu(tokens))
