"""An implementation is chosen by its framework's name."""

import numpy as np
import pytest

import implementations
from ddpm.config import DiffusionConfig, SampleConfig
from ddpm.errors import InputError


def test_parts_come_from_the_framework_that_was_named(implementation):
    name = implementation.name
    assert implementations.unet_class(name) is implementation.unet.UNet
    assert implementations.unet_class(name, "Attention") is implementation.unet.Attention
    schedule = implementations.schedule(name, DiffusionConfig(T=4))
    assert isinstance(schedule, implementation.schedule.Schedule)
    assert np.shape(schedule.beta) == (4,)
    process = implementation.diffusion.GaussianDiffusion(DiffusionConfig(T=4))
    sampler = implementations.sampler(name, process, SampleConfig(steps=2))
    assert isinstance(sampler, implementation.samplers.Sampler)
    assert list(sampler.timesteps) == [0, 3]


def test_a_gpu_that_pytorch_does_not_find_is_refused(monkeypatch):
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(InputError, match="no CUDA device: leave --device cuda out"):
        implementations.module("torch", "unet", "cuda")
