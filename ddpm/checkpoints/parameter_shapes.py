"""Names and shapes of the U-Net's parameters, from its configuration alone."""

from __future__ import annotations

from ddpm.config import UNetConfig

Shapes = dict[str, tuple[int, ...]]


def parameter_shapes(config: UNetConfig) -> Shapes:
    """Return the shape of every parameter of `impl_torch.unet.UNet` and of its mirror, by name.

    A file can so be held against its configuration before a model of its size is made.
    """
    first, time = config.base_channels, config.time_channels
    shapes: Shapes = {}
    shapes |= _layer("time_embedding.linear1", first, time)
    shapes |= _layer("time_embedding.linear2", time, time)
    shapes |= _layer("conv_in", config.image_channels, first, kernel=3)
    last_level = len(config.level_channels) - 1
    previous, skips = first, [first]
    for level, channels in enumerate(config.level_channels):
        for block in range(config.blocks_per_level):
            shapes |= _block(f"down.{level}", block, previous, channels, config, level)
            previous = channels
            skips.append(channels)
        if level < last_level:
            shapes |= _layer(f"down.{level}.downsample.conv", channels, channels, kernel=3)
            skips.append(channels)
    shapes |= _resnet("middle.resnet1", previous, previous, time)
    shapes |= _attention("middle.attention", previous)
    shapes |= _resnet("middle.resnet2", previous, previous, time)
    for place, level in enumerate(reversed(range(len(config.level_channels)))):
        channels = config.level_channels[level]
        for block in range(config.blocks_per_level + 1):
            width = previous + skips.pop()
            shapes |= _block(f"up.{place}", block, width, channels, config, level)
            previous = channels
        if level > 0:
            shapes |= _layer(f"up.{place}.upsample.conv", channels, channels, kernel=3)
    shapes |= _norm("norm_out", previous)
    shapes |= _layer("conv_out", previous, config.image_channels, kernel=3)
    return shapes


def _block(
    path: str, block: int, inside: int, outside: int, config: UNetConfig, level: int
) -> Shapes:
    """Return the parameters of one residual block and of the attention that may follow it."""
    shapes = _resnet(f"{path}.resnets.{block}", inside, outside, config.time_channels)
    if config.level_resolutions[level] in config.attention_resolutions:
        shapes |= _attention(f"{path}.attentions.{block}", outside)
    return shapes


def _resnet(path: str, inside: int, outside: int, time: int) -> Shapes:
    shapes = _norm(f"{path}.norm1", inside)
    shapes |= _layer(f"{path}.conv1", inside, outside, kernel=3)
    shapes |= _layer(f"{path}.time_projection", time, outside)
    shapes |= _norm(f"{path}.norm2", outside)
    shapes |= _layer(f"{path}.conv2", outside, outside, kernel=3)
    if inside != outside:
        shapes |= _layer(f"{path}.shortcut", inside, outside, kernel=1)
    return shapes


def _attention(path: str, channels: int) -> Shapes:
    shapes = _norm(f"{path}.norm", channels)
    for name in ("query", "key", "value", "out"):
        shapes |= _layer(f"{path}.{name}", channels, channels)
    return shapes


def _norm(path: str, channels: int) -> Shapes:
    return {f"{path}.weight": (channels,), f"{path}.bias": (channels,)}


def _layer(path: str, inside: int, outside: int, kernel: int | None = None) -> Shapes:
    """Return weight and bias of a linear layer, or of a convolution with a square kernel."""
    weight = (outside, inside) if kernel is None else (outside, inside, kernel, kernel)
    return {f"{path}.weight": weight, f"{path}.bias": (outside,)}
