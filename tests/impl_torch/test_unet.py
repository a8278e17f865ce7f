"""The U-Net against diffusers' UNet2DModel, its time embedding, dropout and initial weights."""

import dataclasses
import math
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

from bench.peers import unet_of_diffusers
from ddpm import streams
from ddpm.config import PRESETS, UNetConfig
from impl_torch.unet import (
    Attention,
    Downsample,
    Dropout,
    ResidualBlock,
    TimeEmbedding,
    UNet,
    Upsample,
)
from tests.impl_torch import oracles
from tests.impl_torch.oracles import SMALL, error

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


def their_name(name):
    """Return diffusers' name of a parameter."""
    for ours, theirs in (
        ("time_embedding.linear1", "time_embedding.linear_1"),
        ("time_embedding.linear2", "time_embedding.linear_2"),
        ("middle.resnet1", "mid_block.resnets.0"),
        ("middle.resnet2", "mid_block.resnets.1"),
        ("middle.attention", "mid_block.attentions.0"),
        ("downsample.conv", "downsamplers.0.conv"),
        ("upsample.conv", "upsamplers.0.conv"),
        ("time_projection", "time_emb_proj"),
        ("shortcut", "conv_shortcut"),
        ("norm_out", "conv_norm_out"),
        (".query.", ".to_q."),
        (".key.", ".to_k."),
        (".value.", ".to_v."),
        (".out.", ".to_out.0."),
        (".norm.", ".group_norm."),
    ):
        name = name.replace(ours, theirs)
    return name.replace("down.", "down_blocks.", name.startswith("down.")).replace(
        "up.", "up_blocks.", name.startswith("up.")
    )


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
    ours, theirs = randomised(mine or config), unet_of_diffusers(config).double().eval()
    weights = {their_name(name): value for name, value in ours.state_dict().items()}
    theirs.load_state_dict(weights, strict=True)
    theirs.time_proj = ClosedFormSinusoids(config.base_channels)
    x, timestep = batch(config)
    found = []
    for run in (lambda x: ours(x, timestep), lambda x: theirs(x, timestep).sample):
        x_in = x.clone().requires_grad_()
        out = run(x_in)
        assert out.dtype == torch.float64
        direction = torch.from_numpy(np.random.default_rng(5).standard_normal(tuple(out.shape)))
        (out * direction).sum().backward()
        found.append((out.detach().numpy(), x_in.grad.numpy()))
    own = {their_name(name): p.grad.numpy() for name, p in ours.named_parameters()}
    other = {name: p.grad.numpy() for name, p in theirs.named_parameters()}
    assert own.keys() == other.keys()
    worst = 0.0
    for name, gradient in other.items():
        # Softmax does not see the bias of the keys: its gradient is 0 but for rounding.
        whole = other[name.replace("to_k.bias", "to_k.weight")]
        worst = max(worst, error(own[name], gradient, scale=float(np.abs(whole).max())))
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
def test_a_planted_fault_is_not_diffusers(part, method, fault, monkeypatch):
    monkeypatch.setattr(part, method, fault)
    assert max(gaps(SMALL)) > 1e-4


def test_another_norm_epsilon_is_not_diffusers():
    assert max(gaps(SMALL, mine=dataclasses.replace(SMALL, norm_epsilon=1e-5))) > 1e-8


def test_the_papers_network_has_as_many_parameters_as_the_published_one():
    with torch.device("meta"):
        ours, theirs = UNet(CIFAR10), unet_of_diffusers(CIFAR10)
    assert sum(p.numel() for p in ours.parameters()) == 35_746_307
    assert sum(p.numel() for p in theirs.parameters()) == 35_746_307
    assert sorted(their_name(name) for name in shapes(ours)) == sorted(shapes(theirs))


# Gradients, dtypes, devices of shape


def test_the_gradient_is_that_of_finite_differences():
    model = randomised(SMALL)
    x, timestep = batch(SMALL)
    with torch.no_grad():
        noise = model(x, timestep) + torch.from_numpy(oracles.random_arrays({"": x.shape}, 3)[""])

    def loss():
        return ((model(x, timestep) - noise) ** 2).mean()

    def at(weights):
        load(model, weights)
        with torch.no_grad():
            return loss().item()

    start = oracles.off_zero(shapes(model), 0)
    along = oracles.random_arrays(shapes(model), 4)
    loss().backward()
    slope = math.fsum(
        (p.grad * torch.from_numpy(along[name])).sum().item()
        for name, p in model.named_parameters()
    )
    assert slope == pytest.approx(oracles.derivative(at, start, along, 1e-4), rel=1e-10)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_everything_keeps_the_dtype(dtype):
    model = UNet(SMALL).to(dtype).train()
    x, timestep = batch(SMALL)
    out = model(x.to(dtype), timestep)
    assert out.dtype == dtype
    assert out.shape == x.shape
    out.sum().backward()
    for name, parameter in model.named_parameters():
        assert parameter.dtype == dtype, name
        assert parameter.grad.dtype == dtype, name


def test_float32_is_float64_but_for_rounding():
    model = randomised(SMALL)
    x, timestep = batch(SMALL)
    with torch.no_grad():
        expected = model(x, timestep)
        assert 1e-9 < error(model.float()(x.float(), timestep).numpy(), expected.numpy()) < 1e-5


def test_samples_of_a_batch_do_not_mix():
    model = randomised(SMALL)
    x, timestep = batch(SMALL, count=4)
    with torch.no_grad():
        whole = model(x, timestep)
        for i in range(4):
            alone = model(x[i : i + 1], timestep[i : i + 1])
            assert error(alone.numpy(), whole[i : i + 1].numpy()) < 1e-13


def test_a_block_of_equal_width_has_no_shortcut():
    assert isinstance(ResidualBlock(8, 8, SMALL).shortcut, nn.Identity)
    assert isinstance(ResidualBlock(8, 16, SMALL).shortcut, nn.Conv2d)


# Time embedding


@pytest.mark.parametrize("channels", [8, 32, 128])
def test_sinusoids_are_those_of_high_precision(channels):
    timestep = np.array([0, 1, 2, 10, 99, 500, 999])
    actual = TimeEmbedding(channels, 4).sinusoids(torch.from_numpy(timestep))
    assert actual.dtype == torch.float64
    # A phase of 999 rad, rounded to float64, is known to 1e-13.
    assert error(actual.numpy(), oracles.sinusoids(timestep, channels)) < 5e-13


def test_sinusoids_are_those_of_diffusers_to_float32():
    from diffusers.models.embeddings import get_timestep_embedding

    timestep = torch.tensor([0, 1, 10, 500, 999])
    theirs = get_timestep_embedding(timestep, 128, flip_sin_to_cos=False, downscale_freq_shift=1)
    actual = TimeEmbedding(128, 4).sinusoids(timestep)
    # The phase is float32 there: 999 rad keeps 6e-5.
    assert error(actual.numpy(), theirs.double().numpy()) < 2e-4
    flipped = get_timestep_embedding(timestep, 128, flip_sin_to_cos=True, downscale_freq_shift=1)
    assert error(actual.numpy(), flipped.double().numpy()) > 0.1


# Dropout


def test_dropout_keeps_what_the_mask_keeps_and_scales_it():
    layer, x = Dropout(0.25).train(), torch.ones(2, 3, 8, 8, dtype=torch.float64)
    mask = streams.dropout_mask((2, 3, 8, 8), 0.25, seed=0, step=0, layer="one")
    layer.mask_source = lambda shape, rate: mask
    np.testing.assert_array_equal(layer(x).numpy(), np.where(mask, 1 / 0.75, 0.0))


def test_dropout_passes_everything_in_eval_and_at_rate_0():
    x = torch.ones(2, 3)
    off, none = Dropout(0.5).eval(), Dropout(0.0).train()
    off.mask_source = none.mask_source = lambda shape, rate: pytest.fail("no mask is needed")
    assert off(x) is x
    assert none(x) is x


@pytest.mark.parametrize("from_streams", [True, False])
def test_the_share_dropped_is_the_rate(from_streams):
    layer, count, rate = Dropout(0.3).train(), 100_000, 0.3
    if from_streams:
        layer.mask_source = partial(streams.dropout_mask, seed=0, step=0, layer="one")
    torch.manual_seed(0)
    out = layer(torch.ones(count))
    dropped = (out == 0).double().mean().item()
    assert dropped == pytest.approx(rate, abs=5 * math.sqrt(rate * (1 - rate) / count))
    assert out[out != 0].unique().item() == pytest.approx(1 / 0.7)


def test_layers_ask_for_masks_of_their_own_by_their_names():
    model, asked = UNet(SMALL).train(), {}

    def source(shape, rate, *, layer):
        asked[layer] = streams.dropout_mask(shape, rate, seed=0, step=0, layer=layer)
        return asked[layer]

    model.use_dropout_masks(source)
    x, timestep = batch(SMALL)
    model(x.float(), timestep)
    names = [name for name, m in model.named_modules() if isinstance(m, Dropout)]
    assert sorted(asked) == sorted(names)
    assert len(names) == 8
    firsts = [mask.ravel()[:64].tobytes() for mask in asked.values()]
    assert len(set(firsts)) == len(firsts)


def test_masks_can_be_given_back_to_torch():
    model = UNet(SMALL)
    model.use_dropout_masks(lambda shape, rate, layer: np.ones(shape, bool))
    model.use_dropout_masks(None)
    assert all(m.mask_source is None for m in model.modules() if isinstance(m, Dropout))


# Initial weights


def test_initial_weights_are_glorots_and_branches_end_in_zeros():
    model = UNet(SMALL).initialize(3)
    for name, module in model.named_modules():
        if isinstance(module, nn.GroupNorm):
            assert (module.weight == 1).all()
            assert (module.bias == 0).all()
        if not isinstance(module, (nn.Conv2d, nn.Linear)):
            continue
        assert (module.bias == 0).all(), name
        if name.split(".")[-1] in ("conv2", "out", "conv_out"):
            assert (module.weight == 0).all(), name
            continue
        fan_in, fan_out = nn.init._calculate_fan_in_and_fan_out(module.weight)
        bound = math.sqrt(6 / (fan_in + fan_out))
        largest = module.weight.abs().max().item()
        assert 0.9 * bound < largest <= bound * (1 + 1e-6), name
        spread = module.weight.double().pow(2).mean().sqrt().item()
        assert spread == pytest.approx(bound / math.sqrt(3), rel=0.25), name


def test_a_new_network_predicts_nothing_and_its_branches_pass_their_input():
    model = UNet(SMALL).initialize(0).eval()
    x, timestep = batch(SMALL)
    with torch.no_grad():
        assert (model(x.float(), timestep) == 0).all()
        h = torch.randn(2, 16, 4, 4, generator=torch.Generator().manual_seed(0))
        assert torch.equal(model.middle(h, torch.zeros(2, 32)), h)


def test_initial_weights_belong_to_the_seed_and_the_name_and_not_to_the_order():
    config = dataclasses.replace(SMALL, blocks_per_level=2)
    one, again, other = (UNet(c).initialize(s).state_dict() for c, s in
                         ((SMALL, 1), (SMALL, 1), (SMALL, 2)))  # fmt: skip
    deeper = UNet(config).initialize(1).state_dict()
    assert all(torch.equal(one[name], again[name]) for name in one)
    assert not torch.equal(one["conv_in.weight"], other["conv_in.weight"])
    shared = [name for name in one if name in deeper and one[name].shape == deeper[name].shape]
    assert len(shared) > 40
    assert all(torch.equal(one[name], deeper[name]) for name in shared)


def test_configurations_give_the_levels_they_name():
    config = UNetConfig(
        image_size=8,
        image_channels=3,
        base_channels=4,
        channel_multipliers=(1, 3),
        attention_resolutions=(),
        norm_groups=2,
    )
    model = UNet(config)
    assert [len(level.resnets) for level in model.down] == [2, 2]
    assert [len(level.resnets) for level in model.up] == [3, 3]
    assert model.down[1].downsample is None
    assert model.up[1].upsample is None
    assert model.conv_out.weight.shape == (3, 4, 3, 3)
