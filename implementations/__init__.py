"""The two implementations by name. The only place that chooses one; it is imported when chosen."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import Any

from ddpm.checkpoint import Checkpoint
from ddpm.config import DiffusionConfig, RunConfig, SampleConfig
from ddpm.errors import InputError
from ddpm.sampling import Chain
from ddpm.training import Trainer

FRAMEWORKS = ("torch", "jittor")
TITLES = {"torch": "PyTorch", "jittor": "Jittor"}


@dataclass(frozen=True, kw_only=True)
class Acceleration:
    """Options that make PyTorch faster and change its rounding; see `impl_torch.acceleration`.

    Attributes:
        compiled: whether the model runs through `torch.compile`.
        bfloat16: whether convolutions and products are computed in bfloat16.
    """

    compiled: bool = False
    bfloat16: bool = False

    def apply(self, framework: str, model: Any) -> None:
        """Make a model's calls faster, in place.

        Raises:
            InputError: the framework is Jittor, or there is no compiler.
        """
        if not (self.compiled or self.bfloat16):
            return
        if framework != "torch":
            option = "--compile" if self.compiled else "--precision bfloat16"
            raise InputError(f"{option} is for PyTorch only: leave it out for --framework jittor")
        compiler = os.environ.get("CXX", "g++")
        if self.compiled and shutil.which(compiler) is None:
            raise InputError(f"--compile needs a C++ compiler, and {compiler} is not installed")
        from impl_torch.acceleration import accelerate

        accelerate(model, compiled=self.compiled, bfloat16=self.bfloat16)


NO_ACCELERATION = Acceleration()


def module(framework: str, name: str, device: str = "cpu") -> Any:
    """Import a file of an implementation, such as `unet`, with its framework ready for a device.

    Raises:
        InputError: PyTorch has no such device.
        JittorEnvError: Jittor cannot be used.
    """
    if framework == "torch":
        _require_cuda(device)
    else:
        import jittor_env

        jittor_env.load(cuda=device == "cuda")
    return import_module(f"impl_{framework}.{name}")


def unet_class(framework: str, name: str = "UNet") -> Any:
    """Return the U-Net's class, or that of one of its parts, such as `Attention`."""
    return getattr(module(framework, "unet"), name)


def schedule(framework: str, config: DiffusionConfig) -> Any:
    """Return the noise schedule's tables."""
    return module(framework, "schedule").Schedule(config)


def sampler(framework: str, diffusion: Any, config: SampleConfig) -> Any:
    """Return a sampler for the framework's `GaussianDiffusion`."""
    return module(framework, "samplers").make_sampler(diffusion, config)


def trainer(
    framework: str,
    config: RunConfig,
    device: str = "cpu",
    dtype: str = "float32",
    acceleration: Acceleration = NO_ACCELERATION,
) -> Trainer:
    """Return a fresh trainer.

    Raises:
        InputError: the device or the acceleration is not available.
    """
    created = module(framework, "train", device).Trainer(config, dtype=dtype, device=device)
    acceleration.apply(framework, created.model)
    trainer: Trainer = created
    return trainer


def chain(
    framework: str,
    checkpoint: Checkpoint,
    device: str = "cpu",
    dtype: str = "float32",
    acceleration: Acceleration = NO_ACCELERATION,
    *,
    averaged: bool = True,
) -> Chain:
    """Return the reverse chain of a checkpoint's weights, by its configured sampler.

    Args:
        framework: which implementation samples.
        checkpoint: whose weights it has.
        device: where it runs.
        dtype: of the weights.
        acceleration: of PyTorch.
        averaged: whether the averaged weights are taken, or else those of the last step.

    Raises:
        InputError: the device or the acceleration is not available.
    """
    sample = module(framework, "sample", device)
    model = sample.load_model(checkpoint, dtype=dtype, device=device, averaged=averaged)
    acceleration.apply(framework, model)
    config = checkpoint.config
    diffusion = module(framework, "diffusion", device).GaussianDiffusion(config.diffusion)
    steps = sampler(framework, diffusion, config.sample)
    return partial(sample.p_sample_loop, model, steps, seed=config.sample.seed)


def _require_cuda(device: str) -> None:
    if device != "cuda":
        return
    import torch

    if not torch.cuda.is_available():
        raise InputError("PyTorch finds no CUDA device: leave --device cuda out")
