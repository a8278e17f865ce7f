"""The two implementations by name; each is imported only when it is chosen."""

from __future__ import annotations

from functools import partial
from typing import Any

from ddpm.checkpoint import Checkpoint
from ddpm.config import RunConfig
from ddpm.errors import InputError
from ddpm.session import Chain, Trainer

FRAMEWORKS = ("torch", "jittor")
TITLES = {"torch": "PyTorch", "jittor": "Jittor"}


def trainer(
    framework: str, config: RunConfig, device: str = "cpu", dtype: str = "float32"
) -> Trainer:
    """Return a fresh trainer."""
    made: Trainer = _module(framework, "train", device).Trainer(config, dtype=dtype, device=device)
    return made


def chain(
    framework: str, checkpoint: Checkpoint, device: str = "cpu", dtype: str = "float32"
) -> Chain:
    """Return the sampler of a checkpoint's averaged weights."""
    module = _module(framework, "sample", device)
    model = module.load_model(checkpoint, dtype=dtype, device=device)
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
