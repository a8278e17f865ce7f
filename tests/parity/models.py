"""Small PyTorch models for the engine's own tests, with faults to inject."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from parity import Pair


class Block(nn.Module):
    """A convolution, a normalisation, an activation and a residual connection."""

    def __init__(self, *, epsilon: float = 1e-5, fault: str = "") -> None:
        super().__init__()
        self.fault = fault
        self.runs = 0
        self.conv = nn.Conv2d(4, 8, 3, padding=1)
        self.norm = nn.GroupNorm(2, 8, eps=epsilon)
        self.batch = nn.BatchNorm2d(8)
        self.dropout = nn.Dropout(0.3)
        self.act = nn.ReLU(inplace=True)
        self.head = nn.Linear(8, 8)

    def forward(self, x: torch.Tensor, t: torch.Tensor) -> tuple[torch.Tensor, dict[str, Any]]:
        h = F.silu(self.norm(self.conv(x)))
        if self.fault == "glue":
            h = h * 1.0001
        branch = self.act(self.batch(h))
        if self.fault == "cut":
            branch = branch.detach()
        if self.fault == "gradient":
            branch = _ScaledGradient.apply(branch)
        h = branch if self.fault == "residual" else h + branch
        h = self.dropout(h).mean((2, 3)) + t[:, None]
        if self.fault == "transposed":
            return h @ self.head.weight + self.head.bias, {"h": h}
        out = self.head(h)
        if self.fault == "random":
            out = out + torch.rand_like(out)
        if self.fault == "unstable":
            self.runs += 1
            out = out + self.runs % 7 / 10
        if self.fault == "nan":
            out = out / 0 * 0
        return out, {"h": h}


class _ScaledGradient(torch.autograd.Function):
    """The identity whose gradient is one per cent too large."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
        return x.clone()

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> torch.Tensor:
        return grad * 1.01


def block_inputs(rng: np.random.Generator) -> dict[str, np.ndarray]:
    return {"x": rng.standard_normal((3, 4, 6, 6), np.float32), "t": np.array([1, 5, 9])}


def block_pair(candidate: Any = None, **options: Any) -> Pair:
    """Pair a correct block with another one, a faulty one for example."""
    settings: dict[str, Any] = {
        "name": "block", "stress_inputs": ("plain",), "reference": Block, **options
    }  # fmt: skip
    return Pair(candidate=candidate or Block, inputs=block_inputs, **settings)


def faulty(fault: str) -> Pair:
    return block_pair(lambda: Block(fault=fault))
