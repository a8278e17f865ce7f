"""A DCGAN and its port: batch statistics, transposed convolutions, a module called twice.

In training mode a BatchNorm does two things, it normalises and it keeps running statistics, and the
harness compares both. Jittor keeps the biased variance of a batch where PyTorch keeps the unbiased
one. No loss shows that while training; only evaluation is off. `BatchNorm` below corrects it; with
Jittor's own instead, the report names the layer and the statistic. The variance is still computed
in one pass, so the correct port passes as NUMERICALLY_WEAKER.
"""

from __future__ import annotations

from typing import Any

import jittor as jt
import numpy as np
import torch
from faults import inject
from seeded import seeded
from torch import nn

from parity import Pair

NOISE = 6


def torch_generator() -> nn.Sequential:
    """Build noise (N, NOISE, 1, 1) -> images (N, 3, 8, 8)."""
    return nn.Sequential(
        nn.ConvTranspose2d(NOISE, 8, 4, stride=1, padding=0, bias=False),
        nn.BatchNorm2d(8),
        nn.ReLU(inplace=True),
        nn.ConvTranspose2d(8, 3, 4, stride=2, padding=1, bias=False),
        nn.Tanh(),
    )


def torch_discriminator() -> nn.Sequential:
    """Build images (N, 3, 8, 8) -> logits (N, 1, 1, 1)."""
    return nn.Sequential(
        nn.Conv2d(3, 5, 4, stride=2, padding=1, bias=False),
        nn.LeakyReLU(0.2, inplace=True),
        nn.Conv2d(5, 7, 4, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(7),
        nn.LeakyReLU(0.2, inplace=True),
        nn.Conv2d(7, 1, 2, bias=False),
    )


class TorchGan(nn.Module):
    """The generator, and the discriminator on its images and on real ones."""

    def __init__(self) -> None:
        super().__init__()
        self.generator = torch_generator()
        self.discriminator = torch_discriminator()

    def forward(self, noise: torch.Tensor, image: torch.Tensor) -> dict[str, torch.Tensor]:
        """Map (N, NOISE, 1, 1) and (N, 3, 8, 8) to images (N, 3, 8, 8) and two logits (N,)."""
        fake = self.generator(noise)
        return {
            "fake": fake,
            "fake logit": self.discriminator(fake).flatten(),
            "real logit": self.discriminator(image).flatten(),
        }


class BatchNorm(jt.nn.BatchNorm2d):
    """Jittor's BatchNorm2d with the unbiased running variance that PyTorch keeps."""

    def execute(self, x: jt.Var) -> jt.Var:
        """Normalise (N, C, H, W) over all axes but the second."""
        old_part = self.running_var * (1 - self.momentum)
        y = super().execute(x)
        if self.is_train:
            count = x.numel() // x.shape[1]
            new_part = (self.running_var - old_part) * (count / (count - 1))
            self.running_var.update(old_part + new_part)
        return y


def jittor_generator(norm: Any = BatchNorm) -> jt.nn.Sequential:
    """Build noise (N, NOISE, 1, 1) -> images (N, 3, 8, 8)."""
    return jt.nn.Sequential(
        jt.nn.ConvTranspose(NOISE, 8, 4, stride=1, padding=0, bias=False),
        norm(8),
        jt.nn.ReLU(),
        jt.nn.ConvTranspose(8, 3, 4, stride=2, padding=1, bias=False),
        jt.nn.Tanh(),
    )


def jittor_discriminator(slope: float = 0.2) -> jt.nn.Sequential:
    """Build images (N, 3, 8, 8) -> logits (N, 1, 1, 1)."""
    return jt.nn.Sequential(
        jt.nn.Conv2d(3, 5, 4, stride=2, padding=1, bias=False),
        jt.nn.LeakyReLU(slope),
        jt.nn.Conv2d(5, 7, 4, stride=2, padding=1, bias=False),
        BatchNorm(7),
        jt.nn.LeakyReLU(0.2),
        jt.nn.Conv2d(7, 1, 2, bias=False),
    )


class JittorGan(jt.nn.Module):
    """The generator, and the discriminator on its images and on real ones."""

    def __init__(self, generator: Any = jittor_generator, slope: float = 0.2) -> None:
        self.generator = generator()
        self.discriminator = jittor_discriminator(slope)

    def execute(self, noise: jt.Var, image: jt.Var) -> dict[str, jt.Var]:
        """Map (N, NOISE, 1, 1) and (N, 3, 8, 8) to images (N, 3, 8, 8) and two logits (N,)."""
        fake = self.generator(noise)
        return {
            "fake": fake,
            "fake logit": self.discriminator(fake).flatten(),
            "real logit": self.discriminator(image).flatten(),
        }


def inputs(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Draw a batch of four."""
    return {
        "noise": rng.standard_normal((4, NOISE, 1, 1), np.float32),
        "image": rng.uniform(-1, 1, (4, 3, 8, 8)).astype(np.float32),
    }


pair = Pair(
    name="DCGAN",
    reference=seeded(TorchGan),
    candidate=JittorGan,
    inputs=inputs,
    training=True,
)


def keras_momentum() -> JittorGan:
    """Build the port with momentum in the other convention: the share of the old value."""
    model = JittorGan()
    model.discriminator[3].momentum = 0.9
    return model


def no_padding() -> TorchGan:
    """Build a copy whose generator does not crop the border: images of 10x10."""
    model = TorchGan()
    model.generator[3].padding = (0, 0)
    return model


class DetachedGan(TorchGan):
    """Stops the gradient of the discriminator before the generator, as GAN training does."""

    def forward(self, noise: torch.Tensor, image: torch.Tensor) -> dict[str, torch.Tensor]:
        """Map (N, NOISE, 1, 1) and (N, 3, 8, 8) to images (N, 3, 8, 8) and two logits (N,)."""
        fake = self.generator(noise)
        return {
            "fake": fake,
            "fake logit": self.discriminator(fake.detach()).flatten(),
            "real logit": self.discriminator(image).flatten(),
        }


FAULTS = {
    "biased": inject(
        pair,
        "biased running variance",
        "generator.1",
        "forward",
        candidate=lambda: JittorGan(lambda: jittor_generator(jt.nn.BatchNorm2d)),
    ),
    "momentum": inject(
        pair, "other momentum", "discriminator.3", "forward", candidate=keras_momentum
    ),
    "slope": inject(
        pair, "other slope", "discriminator.1", "forward", candidate=lambda: JittorGan(slope=0.01)
    ),
    "padding": inject(pair, "no padding", "generator.3", "forward", candidate=no_padding),
    "detached": inject(pair, "detached images", "", "backward", candidate=DetachedGan),
}
