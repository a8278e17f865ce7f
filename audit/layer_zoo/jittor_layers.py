"""The layers in Jittor; mirrors `torch_layers`."""

from __future__ import annotations

from typing import Any

import jittor_env

jt: Any = jittor_env.load()


class BatchNorm(jt.nn.BatchNorm2d):
    """Jittor's own, but with the unbiased running variance that PyTorch keeps."""

    def execute(self, x: Any) -> Any:
        """Normalise (N, C, H, W) over all axes but the second."""
        kept = self.running_var * (1 - self.momentum)
        y = super().execute(x)
        if self.is_train:
            count = x.numel() // x.shape[1]
            new = (self.running_var - kept) * (count / (count - 1))
            self.running_var.update(kept + new)
        return y


class Resize(jt.nn.Module):
    """Double the resolution, bilinear."""

    def execute(self, x: Any) -> Any:
        """Map (N, C, H, W) to (N, C, 2H, 2W)."""
        return jt.nn.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)


class Heads(jt.nn.Module):
    """Attention with two heads."""

    def __init__(self) -> None:
        super().__init__()
        self.query, self.key = jt.nn.Linear(8, 8), jt.nn.Linear(8, 8)
        self.value, self.out = jt.nn.Linear(8, 8), jt.nn.Linear(8, 8)

    def split(self, x: Any) -> Any:
        """Map (N, L, 8) to (N, 2, L, 4)."""
        return x.reshape(x.shape[0], x.shape[1], 2, 4).permute(0, 2, 1, 3)

    def execute(self, x: Any) -> Any:
        """Map (N, L, 8) to the same shape."""
        q, k, v = (self.split(f(x)) for f in (self.query, self.key, self.value))
        weights = jt.nn.softmax(jt.matmul(q, k.permute(0, 1, 3, 2)) / 2, dim=-1)
        h = jt.matmul(weights, v)
        return self.out(h.permute(0, 2, 1, 3).reshape(x.shape))


class Layers(jt.nn.Module):
    """Images to tokens: a grouped convolution, batch norm, resize, layer norm, attention, GELU."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = jt.nn.Conv2d(4, 8, 3, padding=1, groups=2)
        self.batch = BatchNorm(8)
        self.act = jt.nn.LeakyReLU(0.2)
        self.resize = Resize()
        self.norm = jt.nn.LayerNorm(8)
        self.heads = Heads()
        self.gelu = jt.nn.GELU()
        self.square = jt.nn.Linear(8, 8)

    def execute(self, x: Any) -> Any:
        """Map (N, 4, H, W) to (N, 4HW, 8)."""
        h = self.resize(self.act(self.batch(self.conv(x))))
        tokens = h.flatten(2).permute(0, 2, 1)
        tokens = tokens + self.heads(self.norm(tokens))
        return self.square(self.gelu(tokens))
