"""Peers as workloads: the same architecture and batch in diffusers, and one like it in lucidrains'.

denoising-diffusion-pytorch imports torchvision and other packages that its U-Net does not use, and
torchvision does not load beside every build of torch. It is installed alone,

    pip install --no-deps denoising-diffusion-pytorch einops

and its process gets a stand-in for what is missing.
"""

from __future__ import annotations

import importlib.abc
import importlib.util
import sys
import types
import warnings
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec
from typing import Any
from unittest.mock import MagicMock

import torch
import torch.nn.functional as F
from torch import nn

from ddpm import streams
from ddpm.config import RunConfig, UNetConfig

Unit = Callable[[], None]
UNUSED = ("torchvision", "ema_pytorch", "accelerate", "pytorch_fid")


def unet_of_diffusers(config: UNetConfig) -> nn.Module:
    """Return diffusers' UNet2DModel of the same architecture, layer for layer."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from diffusers import UNet2DModel
    attends = [size in config.attention_resolutions for size in config.level_resolutions]
    down = tuple("AttnDownBlock2D" if a else "DownBlock2D" for a in attends)
    up = tuple("AttnUpBlock2D" if a else "UpBlock2D" for a in reversed(attends))
    model: nn.Module = UNet2DModel(
        sample_size=config.image_size,
        in_channels=config.image_channels,
        out_channels=config.image_channels,
        layers_per_block=config.blocks_per_level,
        block_out_channels=config.level_channels,
        down_block_types=down,
        up_block_types=up,
        norm_num_groups=config.norm_groups,
        norm_eps=config.norm_epsilon,
        dropout=config.dropout,
        downsample_padding=0,
        flip_sin_to_cos=False,
        freq_shift=1,
        attention_head_dim=None,
    )
    return model


class _StandIn(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds an empty module for each package that is imported and not used."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: types.ModuleType | None = None
    ) -> ModuleSpec | None:
        """Answer for the unused packages and what lies in them."""
        if name.split(".")[0] not in UNUSED:
            return None
        return importlib.util.spec_from_loader(name, self, is_package=True)

    def create_module(self, spec: ModuleSpec) -> types.ModuleType:
        """Return a module that has whatever is asked of it."""
        module = MagicMock()
        module.__spec__, module.__path__, module.__name__ = spec, [], spec.name
        return module

    def exec_module(self, module: types.ModuleType) -> None:
        """Do nothing."""


def unet_of_lucidrains(config: UNetConfig) -> nn.Module:
    """Return denoising-diffusion-pytorch's Unet of as many levels, as wide as ours, grey or RGB.

    It has full attention at the innermost level, linear attention at all others, and GELU. Its
    width is ours; `workload` measures and states both models' floating-point operations.

    Raises:
        ModuleNotFoundError: it is not installed.
    """
    if importlib.util.find_spec("denoising_diffusion_pytorch") is None:
        raise ModuleNotFoundError(
            "denoising-diffusion-pytorch is not installed; type pip install --no-deps"
            " denoising-diffusion-pytorch einops"
        )
    sys.meta_path.insert(0, _StandIn())
    # the package's own __init__ imports models that need yet more
    from denoising_diffusion_pytorch.denoising_diffusion_pytorch import Unet

    model: nn.Module = Unet(
        dim=config.base_channels,
        dim_mults=config.channel_multipliers,
        channels=config.image_channels,
        dropout=config.dropout,
    )
    return model


def make(subject: str, options: dict[str, Any]) -> Unit:
    """Return one unit of `subject` with a peer's model.

    Args:
        subject: `training_step`, `sampling_step`, `forward` or `sampling`.
        options: `peer`, `diffusers` or `lucidrains`; `config`, a `RunConfig` as plain values.
    """
    config = RunConfig.from_dict(options["config"])
    build = {"diffusers": unet_of_diffusers, "lucidrains": unet_of_lucidrains}[options["peer"]]
    torch.manual_seed(0)
    model = build(config.unet)
    named = {"training_step": _training_step, "forward": _forward}
    if subject in named:
        return named[subject](model, config)
    return {"sampling_step": _sampling_step, "sampling": _sampling}[subject](model, config)


def _predict(model: nn.Module, x: torch.Tensor, timestep: torch.Tensor) -> torch.Tensor:
    predicted = model(x, timestep)
    tensor: torch.Tensor = getattr(predicted, "sample", predicted)
    return tensor


def _images(config: RunConfig, count: int) -> torch.Tensor:
    unet = config.unet
    shape = (count, unet.image_channels, unet.image_size, unet.image_size)
    return torch.from_numpy(streams.stream(0, "probe", "images").uniform(-1, 1, shape)).float()


def _training_step(model: nn.Module, config: RunConfig) -> Unit:
    """Train as diffusers' own example does, with our clipping and average of the weights."""
    from diffusers import DDPMScheduler
    from diffusers.training_utils import EMAModel

    options = config.train
    scheduler = DDPMScheduler(config.diffusion.T)
    optimizer = torch.optim.Adam(model.parameters(), options.lr)
    average = EMAModel(model.parameters(), decay=options.ema_decay)
    images = _images(config, options.batch_size)

    def unit() -> None:
        noise = torch.randn_like(images)
        timestep = torch.randint(0, config.diffusion.T, (len(images),))
        noisy = scheduler.add_noise(images, noise, timestep)
        optimizer.zero_grad()
        F.mse_loss(_predict(model, noisy, timestep), noise).backward()
        nn.utils.clip_grad_norm_(model.parameters(), options.clip_norm)
        optimizer.step()
        average.step(model.parameters())

    return unit


def _forward(model: nn.Module, config: RunConfig) -> Unit:
    images = _images(config, config.train.batch_size)
    timestep = torch.zeros(len(images), dtype=torch.int64)
    model.eval()

    def unit() -> None:
        with torch.inference_mode():
            _predict(model, images, timestep)

    return unit


def _scheduler(config: RunConfig) -> Any:
    from diffusers import DDPMScheduler

    scheduler = DDPMScheduler(config.diffusion.T, variance_type=config.diffusion.variance)
    scheduler.set_timesteps(config.diffusion.T)
    return scheduler


def _sampling_step(model: nn.Module, config: RunConfig) -> Unit:
    """Take a step as DDPMPipeline does."""
    scheduler, count = _scheduler(config), config.sample.batch_size
    x = torch.randn_like(_images(config, count))
    timesteps = scheduler.timesteps
    model.eval()
    number = 0

    def unit() -> None:
        nonlocal x, number
        t = timesteps[number % len(timesteps)]
        number += 1
        with torch.no_grad():
            predicted = _predict(model, x, t.expand(count))
            x = scheduler.step(predicted, t, x).prev_sample.clamp(-4, 4)

    return unit


def _sampling(model: nn.Module, config: RunConfig) -> Unit:
    """Run diffusers' pipeline from noise to images."""
    from diffusers import DDPMPipeline

    pipeline = DDPMPipeline(unet=model.eval(), scheduler=_scheduler(config))
    pipeline.set_progress_bar_config(disable=True)

    def unit() -> None:
        pipeline(
            batch_size=config.sample.batch_size,
            num_inference_steps=config.diffusion.T,
            output_type="np",
        )

    return unit
