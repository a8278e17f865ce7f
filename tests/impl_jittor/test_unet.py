"""The U-Net in float64: gradients, time embedding, dropout and initial weights."""

import dataclasses
import math
from functools import partial

import jittor as jt
import numpy as np
import pytest
from jittor import nn

from ddpm import streams
from impl_jittor import operators
from impl_jittor import unet as under_test
from impl_jittor.operators import GroupNorm
from impl_jittor.unet import (
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

CERTAIN = dataclasses.replace(SMALL, dropout=0.0)
pytestmark = pytest.mark.usefixtures("wide")


def shapes(model):
    return {name: tuple(p.shape) for name, p in model.named_parameters()}


def load(model, weights):
    for name, parameter in model.named_parameters():
        parameter.update(jt.array64(weights[name]).cast(parameter.dtype))
    jt.sync_all()


def randomised(dtype="float64"):
    model = getattr(UNet(CERTAIN), dtype)().train()
    load(model, oracles.off_zero(shapes(model), 0))
    return model


def batch(count=2, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((count, 1, 8, 8))
    return x, np.array([0, 999, 37, 500][:count])


def run(model, x, timestep):
    with jt.no_grad():
        return model(jt.array(x).cast(model.conv_in.weight.dtype), jt.array(timestep)).numpy()


# Gradients, dtypes


def gradient_gap():
    """The relative gap of the gradient to finite differences, along a random direction."""
    model = randomised()
    x, timestep = batch(count=3)  # 1 / (3 * 64) is not exact
    noise = run(model, x, timestep) + oracles.random_arrays({"": x.shape}, 3)[""]

    def loss():
        gap = model(jt.array(x), jt.array(timestep)) - jt.array(noise)
        return operators.mean(gap.sqr())

    def at(weights):
        load(model, weights)
        with jt.no_grad():
            return loss().item()

    start = oracles.off_zero(shapes(model), 0)
    along = oracles.random_arrays(shapes(model), 4)
    named = dict(model.named_parameters())
    found = jt.grad(loss(), list(named.values()))
    assert {str(gradient.dtype) for gradient in found} == {"float64"}
    slope = math.fsum(
        float((gradient.numpy() * along[name]).sum())
        for name, gradient in zip(named, found, strict=True)
    )
    expected = oracles.derivative(at, start, along, 1e-4)
    return abs(slope - expected) / abs(expected)


def test_the_gradient_is_that_of_finite_differences():
    assert gradient_gap() < 1e-10


def test_a_float32_constant_on_the_way_is_seen(monkeypatch):
    monkeypatch.setattr(operators, "mean", lambda x: x.mean())
    assert gradient_gap() > 1e-9


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_everything_keeps_the_dtype(dtype):
    model = randomised(dtype)
    x, timestep = batch()
    out = model(jt.array(x).cast(dtype), jt.array(timestep))
    assert str(out.dtype) == dtype
    assert tuple(out.shape) == x.shape
    named = dict(model.named_parameters())
    for name, gradient in zip(named, jt.grad(out.sum(), list(named.values())), strict=True):
        assert str(named[name].dtype) == dtype, name
        assert str(gradient.dtype) == dtype, name


def test_float32_is_float64_but_for_rounding():
    x, timestep = batch()
    narrow = run(randomised("float32"), x, timestep)
    assert 1e-9 < error(narrow, run(randomised(), x, timestep)) < 2e-5


def test_samples_of_a_batch_do_not_mix():
    model = randomised()
    x, timestep = batch(count=4)
    whole = run(model, x, timestep)
    for i in range(4):
        alone = run(model, x[i : i + 1], timestep[i : i + 1])
        assert error(alone, whole[i : i + 1]) < 1e-13


def test_the_residual_block_is_its_formula_in_numpy_where_all_is_constant():
    block = ResidualBlock(8, 8, CERTAIN).float64().train()
    weights = {name: np.zeros(shape) for name, shape in shapes(block).items()}
    weights["norm2.bias"] = np.linspace(-1, 1, 8)
    weights["conv2.weight"][:, :, 1, 1] = np.eye(8)
    load(block, weights)
    x = oracles.random_arrays({"": (2, 8, 4, 4)}, 0)[""]
    out = block(jt.array(x), jt.array(np.zeros((2, 32)))).numpy()
    added = oracles.silu(weights["norm2.bias"])[0].reshape(1, 8, 1, 1)
    assert error(out, x + added) < 1e-14


def test_attention_is_its_formula_in_numpy():
    part = Attention(8, CERTAIN).float64().train()
    weights = oracles.off_zero(shapes(part), 1)
    load(part, weights)
    x = oracles.random_arrays({"": (2, 8, 3, 3)}, 0)[""]
    given = weights["norm.weight"], weights["norm.bias"]
    h = oracles.group_norm(x, 4, *given, CERTAIN.norm_epsilon, x)["out"]
    h = h.reshape(2, 8, 9).transpose(0, 2, 1)
    q, k, v = (
        h @ weights[f"{n}.weight"].T + weights[f"{n}.bias"] for n in ("query", "key", "value")
    )
    h = oracles.attention(q, k, v, v)["out"] @ weights["out.weight"].T + weights["out.bias"]
    expected = x + h.transpose(0, 2, 1).reshape(x.shape)
    assert error(part(jt.array(x)).numpy(), expected) < 1e-13


def test_downsampling_pads_right_and_below():
    part = Downsample(1).float64()
    load(part, {"conv.weight": np.ones((1, 1, 3, 3)), "conv.bias": np.zeros(1)})
    x = np.arange(16.0).reshape(1, 1, 4, 4)
    padded = np.pad(x, ((0, 0), (0, 0), (0, 1), (0, 1)))
    expected = [[padded[0, 0, i : i + 3, j : j + 3].sum() for j in (0, 2)] for i in (0, 2)]
    np.testing.assert_allclose(part(jt.array(x)).numpy()[0, 0], expected, rtol=1e-15)


def test_upsampling_repeats_pixels():
    part = Upsample(1).float64()
    kernel = np.zeros((1, 1, 3, 3))
    kernel[0, 0, 1, 1] = 1
    load(part, {"conv.weight": kernel, "conv.bias": np.zeros(1)})
    x = np.arange(9.0).reshape(1, 1, 3, 3)
    np.testing.assert_array_equal(part(jt.array(x)).numpy(), x.repeat(2, 2).repeat(2, 3))


def test_a_block_of_equal_width_has_no_shortcut():
    assert isinstance(ResidualBlock(8, 8, SMALL).shortcut, nn.Identity)
    assert isinstance(ResidualBlock(8, 16, SMALL).shortcut, nn.Conv)


# Time embedding


@pytest.mark.parametrize("channels", [8, 32, 128])
@pytest.mark.parametrize("converts", [0, 1])
def test_sinusoids_are_those_of_high_precision(channels, converts):
    timestep = np.array([0, 1, 2, 10, 99, 500, 999])
    with jt.flag_scope(auto_convert_64_to_32=converts):
        actual = TimeEmbedding(channels, 4).sinusoids(jt.array(timestep))
    assert str(actual.dtype) == "float64"
    # A phase of 999 rad, rounded to float64, is known to 1e-13.
    assert error(actual.numpy(), oracles.sinusoids(timestep, channels)) < 5e-13


def test_a_frequency_in_float32_is_seen(monkeypatch):
    timestep = np.array([999])
    monkeypatch.setattr(under_test, "constant", lambda value, like: jt.array(np.float32(value)))
    actual = TimeEmbedding(32, 4).sinusoids(jt.array(timestep)).numpy()
    assert error(actual, oracles.sinusoids(timestep, 32)) > 1e-9


# Dropout


def test_dropout_keeps_what_the_mask_keeps_and_scales_it():
    layer = Dropout(0.25).train()
    mask = streams.dropout_mask((2, 3, 8, 8), 0.25, seed=0, step=0, layer="one")
    layer.mask_source = lambda shape, rate: mask
    for dtype in ("float32", "float64"):
        x = jt.ones((2, 3, 8, 8)).cast(dtype)
        out = layer(x)
        assert str(out.dtype) == dtype
        expected = np.where(mask, 1 / 0.75, 0.0).astype(dtype)
        np.testing.assert_array_equal(out.numpy(), expected)


def test_dropout_passes_everything_in_eval_and_at_rate_0():
    x = jt.ones((2, 3))
    off, none = Dropout(0.5).eval(), Dropout(0.0).train()
    off.mask_source = none.mask_source = lambda shape, rate: pytest.fail("no mask is needed")
    assert off(x) is x
    assert none(x) is x


@pytest.mark.parametrize("from_streams", [True, False])
def test_the_share_dropped_is_the_rate(from_streams):
    layer, count, rate = Dropout(0.3).train(), 100_000, 0.3
    if from_streams:
        layer.mask_source = partial(streams.dropout_mask, seed=0, step=0, layer="one")
    jt.set_global_seed(0)
    out = layer(jt.ones((count,))).numpy()
    bound = 5 * math.sqrt(rate * (1 - rate) / count)
    assert (out == 0).mean() == pytest.approx(rate, abs=bound)
    assert np.unique(out[out != 0]) == pytest.approx(1 / 0.7)


def test_layers_ask_for_masks_of_their_own_by_their_names():
    model, asked = UNet(SMALL).train(), {}

    def source(shape, rate, *, layer):
        asked[layer] = streams.dropout_mask(shape, rate, seed=0, step=0, layer=layer)
        return asked[layer]

    model.use_dropout_masks(source)
    x, timestep = batch()
    model(jt.array(x).float32(), jt.array(timestep))
    names = [name for name, m in model.named_modules() if isinstance(m, Dropout)]
    assert sorted(asked) == sorted(names)
    assert len(names) == 8
    firsts = [mask.ravel()[:64].tobytes() for mask in asked.values()]
    assert len(set(firsts)) == len(firsts)


def test_masks_can_be_given_back_to_jittor():
    model = UNet(SMALL)
    model.use_dropout_masks(lambda shape, rate, layer: np.ones(shape, bool))
    model.use_dropout_masks(None)
    assert all(m.mask_source is None for m in model.modules() if isinstance(m, Dropout))


# Initial weights


def test_initial_weights_are_glorots_and_branches_end_in_zeros():
    model = UNet(SMALL).initialize(3)
    for name, module in model.named_modules():
        if isinstance(module, GroupNorm):
            assert (module.weight.numpy() == 1).all()
            assert (module.bias.numpy() == 0).all()
        if not isinstance(module, (nn.Conv, nn.Linear)):
            continue
        weight = module.weight.numpy().astype(np.float64)
        assert (module.bias.numpy() == 0).all(), name
        if name.split(".")[-1] in ("conv2", "out", "conv_out"):
            assert (weight == 0).all(), name
            continue
        pixels = math.prod(weight.shape[2:])
        bound = math.sqrt(6 / (weight.shape[0] * pixels + weight.shape[1] * pixels))
        assert 0.9 * bound < np.abs(weight).max() <= bound * (1 + 1e-6), name
        spread = np.sqrt((weight**2).mean())
        assert spread == pytest.approx(bound / math.sqrt(3), rel=0.25), name


def test_a_new_network_predicts_nothing_and_its_branches_pass_their_input():
    model = UNet(CERTAIN).initialize(0)
    x, timestep = batch()
    assert (run(model, x, timestep) == 0).all()
    h = oracles.random_arrays({"": (2, 16, 4, 4)}, 0)[""].astype(np.float32)
    with jt.no_grad():
        np.testing.assert_array_equal(model.middle(jt.array(h), jt.zeros((2, 32))).numpy(), h)


def test_initial_weights_belong_to_the_seed_and_the_name_and_not_to_the_order():
    def weights(config, seed):
        model = UNet(config).initialize(seed)
        return {name: p.numpy() for name, p in model.named_parameters()}

    one, again, other = weights(SMALL, 1), weights(SMALL, 1), weights(SMALL, 2)
    deeper = weights(dataclasses.replace(SMALL, blocks_per_level=2), 1)
    assert oracles.same_bits(one, again)
    assert not np.array_equal(one["conv_in.weight"], other["conv_in.weight"])
    shared = [name for name in one if name in deeper and one[name].shape == deeper[name].shape]
    assert len(shared) > 40
    assert all(np.array_equal(one[name], deeper[name]) for name in shared)
