"""The U-Net on both sides: parts and gradients against closed forms, dropout, initial weights."""

import dataclasses
import math
from functools import partial

import numpy as np
import pytest

from ddpm import streams
from ddpm.config import UNetConfig
from tests.implementations import oracles
from tests.implementations.oracles import SMALL, error

CERTAIN = dataclasses.replace(SMALL, dropout=0.0)
pytestmark = pytest.mark.usefixtures("exact_arrays")


def randomised(implementation, dtype="float64"):
    """A network without dropout in which no layer is zero."""
    model = implementation.cast(implementation.unet.UNet(CERTAIN), dtype).train()
    implementation.load(model, oracles.off_zero(implementation.shapes(model), 0))
    return model


def part(implementation, name, *arguments):
    return implementation.cast(getattr(implementation.unet, name)(*arguments), "float64").train()


def batch(count=2, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((count, 1, 8, 8))
    return x, np.array([0, 999, 37, 500][:count])


def run(implementation, model, *arrays):
    """Call a model in its parameters' dtype, without gradients."""
    dtype = implementation.dtype(next(iter(model.parameters())))
    tensors = [
        implementation.tensor(array.astype(dtype) if array.dtype.kind == "f" else array)
        for array in arrays
    ]
    with implementation.no_grad():
        return implementation.numpy(model(*tensors))


# Gradients, dtypes


def test_the_gradient_is_that_of_finite_differences(implementation):
    model = randomised(implementation)
    x, timestep = batch(count=3)  # 1 / (3 * 64) is not exact
    noise = run(implementation, model, x, timestep) + oracles.random_arrays({"": x.shape}, 3)[""]
    given = implementation.tensor(x), implementation.tensor(timestep)

    def loss():
        return implementation.mean((model(*given) - implementation.tensor(noise)) ** 2)

    def at(weights):
        implementation.load(model, weights)
        with implementation.no_grad():
            return loss().item()

    shapes = implementation.shapes(model)
    start, along = oracles.off_zero(shapes, 0), oracles.random_arrays(shapes, 4)
    named = dict(model.named_parameters())
    gradients = implementation.gradients(loss(), list(named.values()))
    assert {implementation.dtype(gradient) for gradient in gradients} == {"float64"}
    slope = math.fsum(
        float((implementation.numpy(gradient) * along[name]).sum())
        for name, gradient in zip(named, gradients, strict=True)
    )
    assert slope == pytest.approx(oracles.derivative(at, start, along, 1e-4), rel=1e-10)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("config", [SMALL, CERTAIN], ids=["dropout", "no dropout"])
def test_everything_keeps_the_dtype(implementation, dtype, config):
    model = implementation.cast(implementation.unet.UNet(config), dtype).train()
    implementation.load(model, oracles.off_zero(implementation.shapes(model), 0))
    x, timestep = batch()
    out = model(implementation.tensor(x.astype(dtype)), implementation.tensor(timestep))
    assert implementation.dtype(out) == dtype
    assert tuple(out.shape) == x.shape
    named = dict(model.named_parameters())
    gradients = implementation.gradients(out.sum(), list(named.values()))
    for name, gradient in zip(named, gradients, strict=True):
        assert implementation.dtype(named[name]) == dtype, name
        assert implementation.dtype(gradient) == dtype, name


def test_float32_is_float64_but_for_rounding(implementation):
    x, timestep = batch()
    expected = run(implementation, randomised(implementation), x, timestep)
    narrow = run(implementation, randomised(implementation, "float32"), x, timestep)
    limit = {"torch": 1e-5, "jittor": 2e-5}[implementation.name]
    assert 1e-9 < error(narrow, expected) < limit


def test_samples_of_a_batch_do_not_mix(implementation):
    model = randomised(implementation)
    x, timestep = batch(count=4)
    together = run(implementation, model, x, timestep)
    for i in range(4):
        alone = run(implementation, model, x[i : i + 1], timestep[i : i + 1])
        assert error(alone, together[i : i + 1]) < 1e-13


# Parts


def test_the_residual_block_is_its_formula_where_all_is_constant(implementation):
    block = part(implementation, "ResidualBlock", 8, 8, CERTAIN)
    weights = {name: np.zeros(shape) for name, shape in implementation.shapes(block).items()}
    weights["norm2.bias"] = np.linspace(-1, 1, 8)
    weights["conv2.weight"][:, :, 1, 1] = np.eye(8)
    implementation.load(block, weights)
    x = oracles.random_arrays({"": (2, 8, 4, 4)}, 0)[""]
    added = oracles.silu(weights["norm2.bias"])[0].reshape(1, 8, 1, 1)
    assert error(run(implementation, block, x, np.zeros((2, 32))), x + added) < 1e-14


def test_attention_is_its_formula(implementation):
    layer = part(implementation, "Attention", 8, CERTAIN)
    weights = oracles.off_zero(implementation.shapes(layer), 1)
    implementation.load(layer, weights)
    x = oracles.random_arrays({"": (2, 8, 3, 3)}, 0)[""]
    affine = weights["norm.weight"], weights["norm.bias"]
    h = oracles.group_norm(x, 4, *affine, CERTAIN.norm_epsilon, x)["out"]
    h = h.reshape(2, 8, 9).transpose(0, 2, 1)
    q, k, v = (
        h @ weights[f"{n}.weight"].T + weights[f"{n}.bias"] for n in ("query", "key", "value")
    )
    h = oracles.attention(q, k, v, v)["out"] @ weights["out.weight"].T + weights["out.bias"]
    expected = x + h.transpose(0, 2, 1).reshape(x.shape)
    assert error(run(implementation, layer, x), expected) < 1e-13


def test_downsampling_pads_right_and_below(implementation):
    layer = part(implementation, "Downsample", 1)
    implementation.load(layer, {"conv.weight": np.ones((1, 1, 3, 3)), "conv.bias": np.zeros(1)})
    x = np.arange(16.0).reshape(1, 1, 4, 4)
    padded = np.pad(x, ((0, 0), (0, 0), (0, 1), (0, 1)))
    expected = [[padded[0, 0, i : i + 3, j : j + 3].sum() for j in (0, 2)] for i in (0, 2)]
    np.testing.assert_allclose(run(implementation, layer, x)[0, 0], expected, rtol=1e-15)


def test_upsampling_repeats_pixels(implementation):
    layer = part(implementation, "Upsample", 1)
    kernel = np.zeros((1, 1, 3, 3))
    kernel[0, 0, 1, 1] = 1
    implementation.load(layer, {"conv.weight": kernel, "conv.bias": np.zeros(1)})
    x = np.arange(9.0).reshape(1, 1, 3, 3)
    np.testing.assert_array_equal(run(implementation, layer, x), x.repeat(2, 2).repeat(2, 3))


def test_a_block_of_equal_width_has_no_shortcut(implementation):
    block, nn = implementation.unet.ResidualBlock, implementation.nn
    assert isinstance(block(8, 8, SMALL).shortcut, nn.Identity)
    assert isinstance(block(8, 16, SMALL).shortcut, implementation.conv_class)


def test_configurations_give_the_levels_they_name(implementation):
    config = UNetConfig(
        image_size=8,
        image_channels=3,
        base_channels=4,
        channel_multipliers=(1, 3),
        attention_resolutions=(),
        norm_groups=2,
    )
    model = implementation.unet.UNet(config)
    assert [len(level.resnets) for level in model.down] == [2, 2]
    assert [len(level.resnets) for level in model.up] == [3, 3]
    assert model.down[1].downsample is None
    assert model.up[1].upsample is None
    assert tuple(model.conv_out.weight.shape) == (3, 4, 3, 3)


# Time embedding


@pytest.mark.parametrize("channels", [8, 32, 128])
def test_sinusoids_are_those_of_high_precision(implementation, channels):
    timestep = np.array([0, 1, 2, 10, 99, 500, 999])
    embedding = implementation.unet.TimeEmbedding(channels, 4)
    actual = embedding.sinusoids(implementation.tensor(timestep))
    assert implementation.dtype(actual) == "float64"
    # A phase of 999 rad, rounded to float64, is known to 1e-13.
    expected = oracles.sinusoids(timestep, channels)
    assert error(implementation.numpy(actual), expected) < 5e-13


# Dropout


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_dropout_keeps_what_the_mask_keeps_and_scales_it(implementation, dtype):
    layer = implementation.unet.Dropout(0.25).train()
    mask = streams.dropout_mask((2, 3, 8, 8), 0.25, seed=0, step=0, layer="one")
    layer.mask_source = lambda shape, rate: mask
    out = layer(implementation.tensor(np.ones((2, 3, 8, 8), dtype)))
    assert implementation.dtype(out) == dtype
    expected = np.where(mask, 1 / 0.75, 0.0).astype(dtype)
    np.testing.assert_array_equal(implementation.numpy(out), expected)


def test_dropout_passes_everything_in_eval_and_at_rate_0(implementation):
    dropout, x = implementation.unet.Dropout, implementation.tensor(np.ones((2, 3), np.float32))
    off, none = dropout(0.5).eval(), dropout(0.0).train()
    off.mask_source = none.mask_source = lambda shape, rate: pytest.fail("no mask is needed")
    assert off(x) is x
    assert none(x) is x


@pytest.mark.parametrize("from_streams", [True, False])
def test_the_share_dropped_is_the_rate(implementation, from_streams):
    layer, count, rate = implementation.unet.Dropout(0.3).train(), 100_000, 0.3
    if from_streams:
        layer.mask_source = partial(streams.dropout_mask, seed=0, step=0, layer="one")
    implementation.seed(0)
    out = implementation.numpy(layer(implementation.tensor(np.ones(count, np.float32))))
    bound = 5 * math.sqrt(rate * (1 - rate) / count)
    assert (out == 0).mean() == pytest.approx(rate, abs=bound)
    (kept,) = np.unique(out[out != 0])
    assert kept == pytest.approx(1 / 0.7)


def test_layers_ask_for_masks_of_their_own_by_their_names(implementation):
    model, masks = implementation.unet.UNet(SMALL).train(), {}

    def source(shape, rate, *, layer):
        masks[layer] = streams.dropout_mask(shape, rate, seed=0, step=0, layer=layer)
        return masks[layer]

    model.use_dropout_masks(source)
    run(implementation, model, *batch())
    dropout = implementation.unet.Dropout
    names = [name for name, m in model.named_modules() if isinstance(m, dropout)]
    assert sorted(masks) == sorted(names)
    assert len(names) == 8
    firsts = [mask.ravel()[:64].tobytes() for mask in masks.values()]
    assert len(set(firsts)) == len(firsts)


def test_the_frameworks_own_masks_can_be_restored(implementation):
    model = implementation.unet.UNet(SMALL)
    dropouts = [m for m in model.modules() if isinstance(m, implementation.unet.Dropout)]
    model.use_dropout_masks(lambda shape, rate, layer: np.ones(shape, bool))
    assert all(m.mask_source is not None for m in dropouts)
    model.use_dropout_masks(None)
    assert all(m.mask_source is None for m in dropouts)


# Initial weights


def test_initial_weights_are_glorots_and_branches_end_in_zeros(implementation):
    model = implementation.unet.UNet(SMALL).initialize(3)
    layers = implementation.conv_class, implementation.nn.Linear
    norms = 0
    for name, module in model.named_modules():
        if isinstance(module, implementation.operators.GroupNorm):
            norms += 1
            assert (implementation.numpy(module.weight) == 1).all()
            assert (implementation.numpy(module.bias) == 0).all()
        if not isinstance(module, layers):
            continue
        weight = implementation.numpy(module.weight).astype(np.float64)
        assert (implementation.numpy(module.bias) == 0).all(), name
        if name.split(".")[-1] in ("conv2", "out", "conv_out"):
            assert (weight == 0).all(), name
            continue
        pixels = math.prod(weight.shape[2:])
        bound = math.sqrt(6 / (weight.shape[0] * pixels + weight.shape[1] * pixels))
        assert 0.9 * bound < np.abs(weight).max() <= bound * (1 + 1e-6), name
        deviation = np.sqrt((weight**2).mean())
        assert deviation == pytest.approx(bound / math.sqrt(3), rel=0.25), name
    assert norms > 10


def test_a_new_network_predicts_nothing_and_its_branches_pass_their_input(implementation):
    model = implementation.unet.UNet(CERTAIN).initialize(0)
    assert (run(implementation, model, *batch()) == 0).all()
    h = oracles.random_arrays({"": (2, 16, 4, 4)}, 0)[""].astype(np.float32)
    passed = run(implementation, model.middle, h, np.zeros((2, 32), np.float32))
    np.testing.assert_array_equal(passed, h)


def test_initial_weights_belong_to_the_seed_and_the_name_and_not_to_the_order(implementation):
    def weights(config, seed):
        return implementation.arrays(implementation.unet.UNet(config).initialize(seed))

    one, again, other = weights(SMALL, 1), weights(SMALL, 1), weights(SMALL, 2)
    deeper = weights(dataclasses.replace(SMALL, blocks_per_level=2), 1)
    assert oracles.same_bits(one, again)
    assert not np.array_equal(one["conv_in.weight"], other["conv_in.weight"])
    shared = [name for name in one if name in deeper and one[name].shape == deeper[name].shape]
    assert len(shared) > 40
    assert all(np.array_equal(one[name], deeper[name]) for name in shared)
