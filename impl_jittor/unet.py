"""The U-Net that predicts the noise (Ho et al. 2020, appendix B)."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import jittor as jt
import numpy as np
from jittor import Var, nn

from ddpm import streams
from ddpm.config import UNetConfig
from impl_jittor.operators import (
    Conv,
    GroupNorm,
    add_to_pixels,
    attention,
    concat,
    constant,
    pad,
    silu,
    upsample,
)

MaskSource = Callable[..., np.ndarray]


class TimeEmbedding(nn.Module):
    """Sinusoids of the timestep, then a perceptron of two layers."""

    def __init__(self, channels: int, time_channels: int) -> None:
        super().__init__()
        self.channels = channels
        self.linear1 = nn.Linear(channels, time_channels)
        self.linear2 = nn.Linear(time_channels, time_channels)

    def execute(self, timestep: Var) -> Var:
        """Embed integer timesteps (N,) as (N, time_channels)."""
        wave = self.sinusoids(timestep).cast(self.linear1.weight.dtype)
        return self.linear2(silu(self.linear1(wave)))

    def sinusoids(self, timestep: Var) -> Var:
        """Return sin(t f_i) and cos(t f_i), f_i = 10000^(-i / (half - 1)), float64 (N, channels).

        Phases reach 1,000 rad, which in float32 would lose three digits.
        """
        half = self.channels // 2
        index = jt.array64(np.arange(half, dtype=np.float64))
        frequency = jt.exp(index * constant(-math.log(10000) / (half - 1), index))
        phase = timestep.float64().unsqueeze(1) * frequency.unsqueeze(0)
        return jt.concat([phase.sin(), phase.cos()], dim=1)


class Dropout(nn.Module):
    """Dropout with masks from a given source, so that two frameworks drop the same elements."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate
        self.mask_source: MaskSource | None = None

    def execute(self, x: Var) -> Var:
        """In training, zero the share `rate` of elements and scale the rest by 1 / (1 - rate)."""
        if not self.is_training() or self.rate == 0:
            return x
        if self.mask_source is None:
            return nn.dropout(x, self.rate, is_train=True)
        kept = jt.array(self.mask_source(tuple(x.shape), self.rate)).cast(x.dtype)
        return x * (kept * constant(1 / (1 - self.rate), x))


class ResidualBlock(nn.Module):
    """Two convolutions, the time embedding added between them, and a residual connection."""

    def __init__(self, in_channels: int, out_channels: int, config: UNetConfig) -> None:
        super().__init__()
        groups, epsilon = config.norm_groups, config.norm_epsilon
        self.norm1 = GroupNorm(groups, in_channels, epsilon)
        self.conv1 = Conv(in_channels, out_channels, 3, padding=1)
        self.time_projection = nn.Linear(config.time_channels, out_channels)
        self.norm2 = GroupNorm(groups, out_channels, epsilon)
        self.dropout = Dropout(config.dropout)
        self.conv2 = Conv(out_channels, out_channels, 3, padding=1)
        self.shortcut: nn.Module = nn.Identity()
        if in_channels != out_channels:
            self.shortcut = Conv(in_channels, out_channels, 1)

    def execute(self, x: Var, time: Var) -> Var:
        """Map (N, in_channels, H, W) and (N, time_channels) to (N, out_channels, H, W)."""
        h = self.conv1(silu(self.norm1(x)))
        h = add_to_pixels(h, self.time_projection(silu(time)))
        h = self.conv2(self.dropout(silu(self.norm2(h))))
        return self.shortcut(x) + h


class Attention(nn.Module):
    """Self-attention over the pixels, one head, with a residual connection."""

    def __init__(self, channels: int, config: UNetConfig) -> None:
        super().__init__()
        self.norm = GroupNorm(config.norm_groups, channels, config.norm_epsilon)
        self.query = nn.Linear(channels, channels)
        self.key = nn.Linear(channels, channels)
        self.value = nn.Linear(channels, channels)
        self.out = nn.Linear(channels, channels)

    def execute(self, x: Var) -> Var:
        """Map (N, C, H, W) to the same shape."""
        N, C, H, W = x.shape
        h = self.norm(x).reshape(N, C, H * W).transpose(0, 2, 1)
        h = attention(self.query(h), self.key(h), self.value(h))
        return x + self.out(h).transpose(0, 2, 1).reshape(N, C, H, W)


class Downsample(nn.Module):
    """Halve the resolution by a strided convolution."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = Conv(channels, channels, 3, stride=2)

    def execute(self, x: Var) -> Var:
        """Map (N, C, H, W) to (N, C, H/2, W/2); padded right and below, as in the paper's code."""
        return self.conv(pad(x))


class Upsample(nn.Module):
    """Double the resolution by repeating pixels, then a convolution."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = Conv(channels, channels, 3, padding=1)

    def execute(self, x: Var) -> Var:
        """Map (N, C, H, W) to (N, C, 2H, 2W)."""
        return self.conv(upsample(x))


class DownLevel(nn.Module):
    """One resolution of the downward path; every output is also a skip connection."""

    def __init__(self, channels: list[int], attends: bool, last: bool, config: UNetConfig) -> None:
        super().__init__()
        pairs = list(itertools.pairwise(channels))
        self.resnets = nn.ModuleList([ResidualBlock(a, b, config) for a, b in pairs])
        self.attentions = nn.ModuleList([Attention(b, config) for _, b in pairs if attends])
        self.downsample = None if last else Downsample(channels[-1])

    def execute(self, h: Var, time: Var) -> tuple[Var, list[Var]]:
        """Map (N, C, H, W) and (N, time_channels) to the output and skip connections, in order."""
        skips = []
        for i, resnet in enumerate(self.resnets):
            h = resnet(h, time)
            if len(self.attentions) > 0:
                h = self.attentions[i](h)
            skips.append(h)
        if self.downsample is not None:
            h = self.downsample(h)
            skips.append(h)
        return h, skips


class Middle(nn.Module):
    """The coarsest resolution: a block, attention, a block."""

    def __init__(self, channels: int, config: UNetConfig) -> None:
        super().__init__()
        self.resnet1 = ResidualBlock(channels, channels, config)
        self.attention = Attention(channels, config)
        self.resnet2 = ResidualBlock(channels, channels, config)

    def execute(self, h: Var, time: Var) -> Var:
        """Map (N, C, H, W) and (N, time_channels) to (N, C, H, W)."""
        return self.resnet2(self.attention(self.resnet1(h, time)), time)


class UpLevel(nn.Module):
    """One resolution of the upward path; each block takes one skip connection."""

    def __init__(
        self, pairs: list[tuple[int, int]], attends: bool, last: bool, config: UNetConfig
    ) -> None:
        super().__init__()
        self.resnets = nn.ModuleList([ResidualBlock(a, b, config) for a, b in pairs])
        self.attentions = nn.ModuleList([Attention(b, config) for _, b in pairs if attends])
        self.upsample = None if last else Upsample(pairs[-1][1])

    def execute(self, h: Var, skips: list[Var], time: Var) -> Var:
        """Map (N, C, H, W), skip connections (taken from the end) and time to the output."""
        for i, resnet in enumerate(self.resnets):
            h = resnet(concat(h, skips.pop()), time)
            if len(self.attentions) > 0:
                h = self.attentions[i](h)
        return h if self.upsample is None else self.upsample(h)


class UNet(nn.Module):
    """The noise predictor epsilon_theta(x_t, t)."""

    def __init__(self, config: UNetConfig) -> None:
        super().__init__()
        self.config = config
        self.time_embedding = TimeEmbedding(config.base_channels, config.time_channels)
        self.conv_in = Conv(config.image_channels, config.base_channels, 3, padding=1)
        self.down = nn.ModuleList([])
        skip_channels = [config.base_channels]
        for level, channels in enumerate(config.level_channels):
            inside = [skip_channels[-1]] + [channels] * config.blocks_per_level
            last = level == len(config.level_channels) - 1
            self.down.append(DownLevel(inside, self._attends(level), last, config))
            skip_channels += inside[1:] + ([] if last else [channels])
        self.middle = Middle(skip_channels[-1], config)
        self.up = nn.ModuleList([])
        previous = skip_channels[-1]
        for level, channels in reversed(list(enumerate(config.level_channels))):
            pairs = []
            for _ in range(config.blocks_per_level + 1):
                pairs.append((previous + skip_channels.pop(), channels))
                previous = channels
            self.up.append(UpLevel(pairs, self._attends(level), level == 0, config))
        self.norm_out = GroupNorm(config.norm_groups, previous, config.norm_epsilon)
        self.conv_out = Conv(previous, config.image_channels, 3, padding=1)

    def _attends(self, level: int) -> bool:
        return self.config.level_resolutions[level] in self.config.attention_resolutions

    def execute(self, x: Var, timestep: Var) -> Var:
        """Map images (N, C, H, W) and integer timesteps (N,) to the noise, (N, C, H, W)."""
        time = self.time_embedding(timestep)
        h = self.conv_in(x)
        skips = [h]
        for level in self.down:
            h, new_skips = level(h, time)
            skips += new_skips
        h = self.middle(h, time)
        for level in self.up:
            h = level(h, skips, time)
        return self.conv_out(silu(self.norm_out(h)))

    def initialize(self, seed: int) -> UNet:
        """Draw the initial weights from their streams; return self.

        Glorot-uniform weights, zero biases, and zeros in the last layer of each residual branch and
        of the network, so that every branch starts as the identity (the code of Ho et al.).
        """
        for name, module in self.named_modules():
            if isinstance(module, (nn.Conv, nn.Linear)):
                fan_out, fan_in, *kernel = module.weight.shape
                bound = math.sqrt(6 / ((fan_in + fan_out) * math.prod(kernel)))
                if name.split(".")[-1] in ("conv2", "out", "conv_out"):
                    bound = 0.0
                shape = tuple(module.weight.shape)
                weight = streams.initial_weight(shape, seed=seed, name=name, bound=bound)
                module.weight.update(jt.array(weight))
                module.bias.update(jt.zeros_like(module.bias))
        return self

    def use_dropout_masks(self, source: MaskSource | None) -> None:
        """Take every dropout mask from `source(shape, rate, layer=path)`; None: from Jittor."""
        for name, module in self.named_modules():
            if isinstance(module, Dropout):
                module.mask_source = None if source is None else _for_layer(source, name)


def _for_layer(source: MaskSource, layer: str) -> MaskSource:
    return lambda shape, rate: source(shape, rate, layer=layer)
