"""Peers as workloads: the same architecture in diffusers, and a similar one by lucidrains.

denoising-diffusion-pytorch imports torchvision and other packages that its U-Net does not use, and
torchvision does not load beside every build of torch. It is installed alone,

    pip install --no-deps denoising-diffusion-pytorch einops

and its process gets empty modules in place of the missing packages.
"""

from __future__ import annotations

import importlib.abc
import importlib.util
import sys
import types
import warnings
from bisect import bisect_left
from collections.abc import Callable, Sequence
from functools import cache
from importlib.machinery import ModuleSpec
from typing import Any
from unittest.mock import MagicMock

import torch
import torch.nn.functional as F
from torch import nn

from ddpm.checkpoints.diffusers_folder import unet_options
from ddpm.config import RunConfig, UNetConfig
from ddpm_study.timing.machine import operations
from ddpm_study.timing.workloads import random_images
from impl_torch.unet import UNet

WorkItem = Callable[[], None]
UNUSED = ("torchvision", "ema_pytorch", "accelerate", "pytorch_fid")


def unet_of_diffusers(config: UNetConfig) -> nn.Module:
    """Return diffusers' UNet2DModel of the same architecture, layer for layer."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from diffusers import UNet2DModel
    model: nn.Module = UNet2DModel(**unet_options(config))
    return model


class _EmptyModules(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Provides an empty module for each package that is imported but not used, inside `with`."""

    def __enter__(self) -> None:
        sys.meta_path.insert(0, self)

    def __exit__(self, *error: object) -> None:
        sys.meta_path.remove(self)
        for name in [name for name in sys.modules if name.split(".")[0] in UNUSED]:
            if isinstance(sys.modules[name], MagicMock):
                del sys.modules[name]

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: types.ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return a spec for the unused packages and their submodules."""
        if name.split(".")[0] not in UNUSED:
            return None
        return importlib.util.spec_from_loader(name, self, is_package=True)

    def create_module(self, spec: ModuleSpec) -> types.ModuleType:
        """Return a module that has every attribute."""
        module = MagicMock()
        module.__spec__, module.__path__, module.__name__ = spec, [], spec.name
        return module

    def exec_module(self, module: types.ModuleType) -> None:
        """Do nothing."""


def unet_of_lucidrains(config: UNetConfig) -> nn.Module:
    """Return denoising-diffusion-pytorch's Unet of as many levels, grey or RGB.

    It has full attention at the innermost level, linear attention at all others, and GELU. Its
    width is the multiple of 4 whose forward pass is nearest in operations to this project's U-Net.

    Raises:
        ModuleNotFoundError: it is not installed.
    """
    return _lucidrains(config, _nearest_width(config))


def operations_of_lucidrains(config: RunConfig) -> dict[str, int]:
    """Return the operations of a work item of each benchmark, and `parameters` and `width`."""
    width = _nearest_width(config.unet)
    batch, sampled = config.train.batch_size, config.sample.batch_size
    with torch.device("meta"):
        model = _lucidrains(config.unet, width)
        images, timestep = _meta_batch(config.unet)
        step = operations(lambda: _predict(model, images, timestep).sum().backward())
    forward = _forward_operations(config.unet, width)
    return {
        "forward": forward * batch,
        "training_step": step * batch,
        "sampling_step": forward * sampled,
        "sampling": forward * sampled * config.diffusion.T,
        "parameters": sum(p.numel() for p in model.parameters()),
        "width": width,
    }


def _lucidrains(config: UNetConfig, width: int) -> nn.Module:
    if importlib.util.find_spec("denoising_diffusion_pytorch") is None:
        raise ModuleNotFoundError(
            "denoising-diffusion-pytorch is not installed; type pip install --no-deps"
            " denoising-diffusion-pytorch einops"
        )
    with _EmptyModules():
        from denoising_diffusion_pytorch.denoising_diffusion_pytorch import Unet

    model: nn.Module = Unet(
        dim=width,
        dim_mults=config.channel_multipliers,
        channels=config.image_channels,
        dropout=config.dropout,
    )
    return model


def _nearest_width(config: UNetConfig) -> int:
    with torch.device("meta"):
        unet = UNet(config)
        images, timestep = _meta_batch(config)
        with torch.no_grad():
            wanted = operations(lambda: unet(images, timestep))
    widths = range(4, 4 * config.base_channels, 4)
    above = bisect_left(widths, wanted, key=lambda width: _forward_operations(config, width))
    nearest = widths[max(above - 1, 0) : above + 1]
    return min(nearest, key=lambda width: abs(_forward_operations(config, width) - wanted))


@cache
def _forward_operations(config: UNetConfig, width: int) -> int:
    """Return the operations of a forward pass of one image, on PyTorch's meta device."""
    with torch.device("meta"), torch.no_grad():
        model = _lucidrains(config, width)
        images, timestep = _meta_batch(config)
        return operations(lambda: _predict(model, images, timestep))


def _meta_batch(config: UNetConfig) -> tuple[torch.Tensor, torch.Tensor]:
    shape = (1, config.image_channels, config.image_size, config.image_size)
    return torch.empty(shape), torch.empty(1, dtype=torch.int64)


def make(benchmark: str, options: dict[str, Any]) -> WorkItem:
    """Return a function that does one work item of a benchmark with a peer's model.

    Args:
        benchmark: `training_step`, `sampling_step`, `forward` or `sampling`.
        options: `peer`, `diffusers` or `lucidrains`; `config`, a `RunConfig` as plain values.
    """
    config = RunConfig.from_dict(options["config"])
    build = {"diffusers": unet_of_diffusers, "lucidrains": unet_of_lucidrains}[options["peer"]]
    torch.manual_seed(0)
    model = build(config.unet)
    return {
        "training_step": _training_step,
        "forward": _forward,
        "sampling_step": _sampling_step,
        "sampling": _sampling,
    }[benchmark](model, config)


def _predict(model: nn.Module, x: torch.Tensor, timestep: torch.Tensor) -> torch.Tensor:
    predicted = model(x, timestep)
    tensor: torch.Tensor = getattr(predicted, "sample", predicted)
    return tensor


def _images(config: RunConfig, count: int) -> torch.Tensor:
    return torch.from_numpy(random_images(config, count))


def _training_step(model: nn.Module, config: RunConfig) -> WorkItem:
    """Train as diffusers' example does, with this project's clipping and averaging of weights."""
    from diffusers import DDPMScheduler
    from diffusers.training_utils import EMAModel

    options = config.train
    scheduler = DDPMScheduler(config.diffusion.T)
    optimizer = torch.optim.Adam(model.parameters(), options.lr)
    average = EMAModel(model.parameters(), decay=options.ema_decay)
    images = _images(config, options.batch_size)

    def item() -> None:
        noise = torch.randn_like(images)
        timestep = torch.randint(0, config.diffusion.T, (len(images),))
        noisy = scheduler.add_noise(images, noise, timestep)
        optimizer.zero_grad()
        F.mse_loss(_predict(model, noisy, timestep), noise).backward()
        nn.utils.clip_grad_norm_(model.parameters(), options.clip_norm)
        optimizer.step()
        average.step(model.parameters())

    return item


def _forward(model: nn.Module, config: RunConfig) -> WorkItem:
    images = _images(config, config.train.batch_size)
    timestep = torch.zeros(len(images), dtype=torch.int64)
    model.eval()

    def item() -> None:
        with torch.inference_mode():
            _predict(model, images, timestep)

    return item


def _scheduler(config: RunConfig) -> Any:
    from diffusers import DDPMScheduler

    scheduler = DDPMScheduler(config.diffusion.T, variance_type=config.diffusion.variance)
    scheduler.set_timesteps(config.diffusion.T)
    return scheduler


def _sampling_step(model: nn.Module, config: RunConfig) -> WorkItem:
    """Take a step as DDPMPipeline does."""
    scheduler, count = _scheduler(config), config.sample.batch_size
    x = torch.randn_like(_images(config, count))
    timesteps = scheduler.timesteps
    model.eval()
    number = 0

    def item() -> None:
        nonlocal x, number
        t = timesteps[number % len(timesteps)]
        number += 1
        with torch.no_grad():
            predicted = _predict(model, x, t.expand(count))
            x = scheduler.step(predicted, t, x).prev_sample

    return item


def _sampling(model: nn.Module, config: RunConfig) -> WorkItem:
    """Run diffusers' pipeline from noise to images."""
    from diffusers import DDPMPipeline

    pipeline = DDPMPipeline(unet=model.eval(), scheduler=_scheduler(config))
    pipeline.set_progress_bar_config(disable=True)

    def item() -> None:
        pipeline(
            batch_size=config.sample.batch_size,
            num_inference_steps=config.diffusion.T,
            output_type="np",
        )

    return item
