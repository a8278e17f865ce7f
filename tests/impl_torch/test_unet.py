"""The U-Net against diffusers' UNet2DModel, and its time embedding."""

import dataclasses

import numpy as np
import pytest
import torch
from torch import nn

from bench.peers import unet_of_diffusers
from ddpm.checkpoints.diffusers_folder import diffusers_name
from ddpm.config import PRESETS
from impl_torch.unet import Attention, Downsample, TimeEmbedding, UNet, Upsample
from tests.implementations import oracles
from tests.implementations.oracles import SMALL, error

CIFAR10 = PRESETS["cifar10"].unet
CONFIGS = {
    "small": SMALL,
    "tiny": PRESETS["tiny"].unet,
    "mnist": PRESETS["mnist"].unet,
    "cifar10 with fewer channels": dataclasses.replace(CIFAR10, base_channels=8, norm_groups=4),
    "attention everywhere": dataclasses.replace(SMALL, attention_resolutions=(8, 4)),
    "no attention": dataclasses.replace(SMALL, attention_resolutions=()),
    "one level": dataclasses.replace(SMALL, channel_multipliers=(1,), attention_resolutions=(8,)),
    "three blocks, three colours": dataclasses.replace(SMALL, blocks_per_level=3, image_channels=3),
    "another epsilon": dataclasses.replace(SMALL, norm_epsilon=0.1),
}
TOLERANCE = 1e-10


# diffusers' UNet2DModel


class ClosedFormSinusoids(nn.Module):
    """In place of diffusers' own, which are float32."""

    def __init__(self, channels):
        super().__init__()
        self.channels = channels

    def forward(self, timestep):
        return torch.from_numpy(oracles.sinusoids(timestep.numpy(), self.channels))


def shapes(model):
    return {name: tuple(p.shape) for name, p in model.named_parameters()}


def load(model, weights):
    model.load_state_dict({name: torch.from_numpy(value) for name, value in weights.items()})


def randomised(config, seed=0):
    model = UNet(config).double().eval()
    load(model, oracles.off_zero(shapes(model), seed))
    return model


def batch(config, count=2, seed=0):
    rng = np.random.default_rng(seed)
    shape = (count, config.image_channels, config.image_size, config.image_size)
    timestep = torch.tensor([0, 999, 37, 500][:count])
    return torch.from_numpy(rng.standard_normal(shape)), timestep


def gaps(config, mine=None):
    """The errors of the output, of the input's gradient, and the largest of the parameters'."""
    reference, candidate = randomised(mine or config), unet_of_diffusers(config).double().eval()
    weights = {diffusers_name(name): value for name, value in reference.state_dict().items()}
    candidate.load_state_dict(weights, strict=True)
    candidate.time_proj = ClosedFormSinusoids(config.base_channels)
    x, timestep = batch(config)
    found = []
    for run in (lambda x: reference(x, timestep), lambda x: candidate(x, timestep).sample):
        x_in = x.clone().requires_grad_()
        out = run(x_in)
        assert out.dtype == torch.float64
        direction = torch.from_numpy(np.random.default_rng(5).standard_normal(tuple(out.shape)))
        (out * direction).sum().backward()
        found.append((out.detach().numpy(), x_in.grad.numpy()))
    own = {diffusers_name(name): p.grad.numpy() for name, p in reference.named_parameters()}
    other = {name: p.grad.numpy() for name, p in candidate.named_parameters()}
    assert own.keys() == other.keys()
    worst = 0.0
    for name, gradient in other.items():
        # Softmax does not see the bias of the keys: its gradient is 0 but for rounding.
        weight_gradient = other[name.replace("to_k.bias", "to_k.weight")]
        worst = max(worst, error(own[name], gradient, scale=float(np.abs(weight_gradient).max())))
    (out, grad), (their_out, their_grad) = found
    return error(out, their_out), error(grad, their_grad), worst


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS.keys())
def test_output_and_gradients_are_those_of_diffusers_in_float64(config):
    assert max(gaps(config)) < TOLERANCE


@pytest.mark.slow
def test_the_papers_network_is_that_of_diffusers_in_float64():
    assert max(gaps(CIFAR10)) < TOLERANCE


def symmetric_padding(self, x):
    return nn.functional.conv2d(x, self.conv.weight, self.conv.bias, stride=2, padding=1)


def shifted_frequencies(self, timestep):
    wave = oracles.sinusoids(timestep.numpy() + 1, self.channels)
    return torch.from_numpy(wave)


def without_scale(self, x):
    N, C, H, W = x.shape
    h = self.norm(x).reshape(N, C, H * W).transpose(1, 2)
    h = nn.functional.scaled_dot_product_attention(
        self.query(h), self.key(h), self.value(h), scale=1.0
    )
    return x + self.out(h).transpose(1, 2).reshape(N, C, H, W)


@pytest.mark.parametrize(
    ("part", "method", "fault"),
    [
        (Downsample, "forward", symmetric_padding),
        (TimeEmbedding, "sinusoids", shifted_frequencies),
        (Attention, "forward", without_scale),
        (Upsample, "forward", lambda self, x: self.conv(nn.functional.interpolate(
            x, scale_factor=2, mode="bilinear"))),
    ],
    ids=["padding", "timestep off by one", "attention's scale", "bilinear"],
)  # fmt: skip
def test_an_injected_fault_is_not_diffusers(part, method, fault, monkeypatch):
    monkeypatch.setattr(part, method, fault)
    assert max(gaps(SMALL)) > 1e-4


def test_another_norm_epsilon_is_not_diffusers():
    assert max(gaps(SMALL, mine=dataclasses.replace(SMALL, norm_epsilon=1e-5))) > 1e-8


def test_the_papers_network_has_as_many_parameters_as_the_published_one():
    with torch.device("meta"):
        reference, candidate = UNet(CIFAR10), unet_of_diffusers(CIFAR10)
    assert sum(p.numel() for p in reference.parameters()) == 35_746_307
    assert sum(p.numel() for p in candidate.parameters()) == 35_746_307
    assert sorted(diffusers_name(name) for name in shapes(reference)) == sorted(shapes(candidate))


def test_sinusoids_are_those_of_diffusers_to_float32():
    from diffusers.models.embeddings import get_timestep_embedding

    timestep = torch.tensor([0, 1, 10, 500, 999])
    candidate = get_timestep_embedding(timestep, 128, flip_sin_to_cos=False, downscale_freq_shift=1)
    actual = TimeEmbedding(128, 4).sinusoids(timestep)
    # The phase is float32 there: 999 rad keeps 6e-5.
    assert error(actual.numpy(), candidate.double().numpy()) < 2e-4
    flipped = get_timestep_embedding(timestep, 128, flip_sin_to_cos=True, downscale_freq_shift=1)
    assert error(actual.numpy(), flipped.double().numpy()) > 0.1
