"""A vision transformer and its port: parameters outside layers, attention in two forms.

PyTorch's side calls the fused `scaled_dot_product_attention`. Jittor has no such function, so its
side spells attention out; calls without a counterpart are judged as part of the module around them.
The class token and the position embedding belong to no layer and are reported as the model's own.
The correct port passes as NUMERICALLY_WEAKER: Jittor's LayerNorm computes the variance in one pass.
"""

from __future__ import annotations

from typing import Any

import jittor as jt
import numpy as np
import torch
import torch.nn.functional as F
from faults import inject
from seeded import seeded
from torch import nn

from parity import Pair

PATCH = 4
TOKENS = 7  # of an 8x12 image, and one for the class
WIDTH = 12
HEADS = 3
HIDDEN = 20
CLASSES = 5
EPSILON = 1e-6  # as in the original model; neither framework's default


class TorchAttention(nn.Module):
    """Self-attention with several heads."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv = nn.Linear(WIDTH, 3 * WIDTH)
        self.project = nn.Linear(WIDTH, WIDTH)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (N, TOKENS, WIDTH) to the same shape."""
        n, tokens, _ = x.shape
        qkv = self.qkv(x).reshape(n, tokens, 3, HEADS, WIDTH // HEADS)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)
        heads = F.scaled_dot_product_attention(q, k, v)
        return self.project(heads.transpose(1, 2).reshape(n, tokens, WIDTH))


class TorchBlock(nn.Module):
    """Attention and a small MLP, each behind a normalisation and beside a residual connection."""

    def __init__(self) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(WIDTH, eps=EPSILON)
        self.attention = TorchAttention()
        self.mlp_norm = nn.LayerNorm(WIDTH, eps=EPSILON)
        self.mlp = nn.Sequential(nn.Linear(WIDTH, HIDDEN), nn.GELU(), nn.Linear(HIDDEN, WIDTH))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (N, TOKENS, WIDTH) to the same shape."""
        x = x + self.attention(self.attention_norm(x))
        return x + self.mlp(self.mlp_norm(x))


class TorchTransformer(nn.Module):
    """Patches, a class token, positions and blocks; the output is read from the class token."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, WIDTH, PATCH, stride=PATCH)
        self.class_token = nn.Parameter(torch.zeros(1, 1, WIDTH))
        self.positions = nn.Parameter(0.02 * torch.randn(1, TOKENS, WIDTH))
        self.blocks = nn.Sequential(TorchBlock())
        self.norm = nn.LayerNorm(WIDTH, eps=EPSILON)
        self.head = nn.Linear(WIDTH, CLASSES)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Map (N, 3, 8, 12) to (N, CLASSES)."""
        x = self.patches(image).flatten(2).transpose(1, 2)
        x = torch.cat([self.class_token.expand(len(x), -1, -1), x], 1) + self.positions
        return self.head(self.norm(self.blocks(x))[:, 0])


class JittorAttention(jt.nn.Module):
    """Self-attention with several heads."""

    axis = -1
    scale = (WIDTH // HEADS) ** -0.5

    def __init__(self) -> None:
        self.qkv = jt.nn.Linear(WIDTH, 3 * WIDTH)
        self.project = jt.nn.Linear(WIDTH, WIDTH)

    def execute(self, x: jt.Var) -> jt.Var:
        """Map (N, TOKENS, WIDTH) to the same shape."""
        n, tokens, _ = x.shape
        qkv = self.qkv(x).reshape(n, tokens, 3, HEADS, WIDTH // HEADS).permute(2, 0, 3, 1, 4)
        q, k, v = qkv[0], qkv[1], qkv[2]
        weights = jt.nn.softmax(jt.matmul(q * self.scale, k.transpose(-2, -1)), dim=self.axis)
        return self.project(jt.matmul(weights, v).permute(0, 2, 1, 3).reshape(n, tokens, WIDTH))


class JittorBlock(jt.nn.Module):
    """Attention and a small MLP, each behind a normalisation and beside a residual connection."""

    def __init__(self, attention: Any = JittorAttention, act: Any = jt.nn.GELU) -> None:
        self.attention_norm = jt.nn.LayerNorm(WIDTH, eps=EPSILON)
        self.attention = attention()
        self.mlp_norm = jt.nn.LayerNorm(WIDTH, eps=EPSILON)
        self.mlp = jt.nn.Sequential(jt.nn.Linear(WIDTH, HIDDEN), act(), jt.nn.Linear(HIDDEN, WIDTH))

    def execute(self, x: jt.Var) -> jt.Var:
        """Map (N, TOKENS, WIDTH) to the same shape."""
        x = x + self.attention(self.attention_norm(x))
        return x + self.mlp(self.mlp_norm(x))


class JittorTransformer(jt.nn.Module):
    """Patches, a class token, positions and blocks; the output is read from the class token."""

    def __init__(self, **parts: Any) -> None:
        self.patches = jt.nn.Conv2d(3, WIDTH, PATCH, stride=PATCH)
        self.class_token = jt.zeros((1, 1, WIDTH))
        self.positions = jt.init.gauss((1, TOKENS, WIDTH), "float32", 0.0, 0.02)
        self.blocks = jt.nn.Sequential(JittorBlock(**parts))
        self.norm = jt.nn.LayerNorm(WIDTH, eps=EPSILON)
        self.head = jt.nn.Linear(WIDTH, CLASSES)

    def execute(self, image: jt.Var) -> jt.Var:
        """Map (N, 3, 8, 12) to (N, CLASSES)."""
        x = self.patches(image).flatten(2).permute(0, 2, 1)
        x = jt.concat([self.class_token.expand(x.shape[0], -1, -1), x], 1) + self.positions
        return self.head(self.norm(self.blocks(x))[:, 0])


def inputs(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Draw two images."""
    return {"image": rng.standard_normal((2, 3, 8, 12), np.float32)}


pair = Pair(
    name="vision transformer",
    reference=seeded(TorchTransformer),
    candidate=JittorTransformer,
    inputs=inputs,
)


class Unscaled(JittorAttention):
    """Does not divide by the square root of a head's width."""

    scale = 1.0


class OverQueries(JittorAttention):
    """Applies the softmax over the queries."""

    axis = -2


class TanhGelu(jt.nn.Module):
    """GELU's approximation by tanh, which some libraries call GELU; its error is at most 5e-4."""

    def execute(self, x: jt.Var) -> jt.Var:
        """Map any shape to itself."""
        return 0.5 * x * (1 + jt.tanh((2 / np.pi) ** 0.5 * (x + 0.044715 * x * x * x)))


def frozen_positions() -> JittorTransformer:
    """Build the port with a position embedding that is not trained."""
    model = JittorTransformer()
    model.positions.stop_grad()
    return model


class LatePositions(TorchTransformer):
    """Adds positions to the patches only, not to the class token."""

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Map (N, 3, 8, 12) to (N, CLASSES)."""
        x = self.patches(image).flatten(2).transpose(1, 2) + self.positions[:, 1:]
        x = torch.cat([self.class_token.expand(len(x), -1, -1), x], 1)
        return self.head(self.norm(self.blocks(x))[:, 0])


FAULTS = {
    "scale": inject(
        pair,
        "no scale",
        "blocks.0.attention",
        "forward",
        candidate=lambda: JittorTransformer(attention=Unscaled),
    ),
    "axis": inject(
        pair,
        "softmax over queries",
        "blocks.0.attention",
        "forward",
        candidate=lambda: JittorTransformer(attention=OverQueries),
    ),
    "gelu": inject(
        pair,
        "GELU by tanh",
        "blocks.0.mlp.1",
        "forward",
        candidate=lambda: JittorTransformer(act=TanhGelu),
    ),
    "frozen": inject(pair, "frozen positions", "", "backward", candidate=frozen_positions),
    "positions": inject(pair, "late positions", "", "forward", candidate=LatePositions),
}
