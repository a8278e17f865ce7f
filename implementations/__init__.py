"""The two implementations by name; each is imported only when it is chosen."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from functools import partial
from typing import Any

from ddpm.checkpoint import Checkpoint
from ddpm.config import RunConfig
from ddpm.errors import InputError
from ddpm.session import Chain, Trainer

FRAMEWORKS = ("torch", "jittor")
TITLES = {"torch": "PyTorch", "jittor": "Jittor"}


@dataclass(frozen=True, kw_only=True)
class Acceleration:
    """What makes PyTorch faster and changes its rounding; see `impl_torch.acceleration`."""

    compiled: bool = False
    bfloat16: bool = False

    def apply(self, framework: str, model: Any) -> None:
        """Make a model's calls faster, in place.

        Raises:
            InputError: Jittor's is asked for, or no compiler is there.
        """
        if not (self.compiled or self.bfloat16):
            return
        if framework != "torch":
            option = "--compile" if self.compiled else "--precision bfloat16"
            raise InputError(f"{option} is PyTorch's alone: leave it out for --framework jittor")
        compiler = os.environ.get("CXX", "g++")
        if self.compiled and shutil.which(compiler) is None:
            raise InputError(f"--compile needs a C++ compiler, and {compiler} is not here")
        from impl_torch.acceleration import accelerate

        accelerate(model, compiled=self.compiled, bfloat16=self.bfloat16)


AS_IT_IS = Acceleration()


def trainer(
    framework: str,
    config: RunConfig,
    device: str = "cpu",
    dtype: str = "float32",
    acceleration: Acceleration = AS_IT_IS,
) -> Trainer:
    """Return a fresh trainer.

    Raises:
        InputError: the device or the acceleration is not to be had.
    """
    made = _module(framework, "train", device).Trainer(config, dtype=dtype, device=device)
    acceleration.apply(framework, made.model)
    trainer: Trainer = made
    return trainer


def chain(
    framework: str,
    checkpoint: Checkpoint,
    device: str = "cpu",
    dtype: str = "float32",
    acceleration: Acceleration = AS_IT_IS,
) -> Chain:
    """Return the sampler of a checkpoint's averaged weights.

    Raises:
        InputError: the device or the acceleration is not to be had.
    """
    module = _module(framework, "sample", device)
    model = module.load_model(checkpoint, dtype=dtype, device=device)
    acceleration.apply(framework, model)
    diffusion = module.GaussianDiffusion(checkpoint.config.diffusion)
    return partial(module.p_sample_loop, model, diffusion, seed=checkpoint.config.sample.seed)


def _module(framework: str, name: str, device: str) -> Any:
    if framework == "torch":
        import impl_torch.sample
        import impl_torch.train

        _require_cuda(device)
        return {"train": impl_torch.train, "sample": impl_torch.sample}[name]
    import jittor_env

    jittor_env.load(cuda=device == "cuda")
    import impl_jittor.sample
    import impl_jittor.train

    return {"train": impl_jittor.train, "sample": impl_jittor.sample}[name]


def _require_cuda(device: str) -> None:
    import torch

    if device == "cuda" and not torch.cuda.is_available():
        raise InputError("PyTorch sees no CUDA device here: leave --device cuda out")
