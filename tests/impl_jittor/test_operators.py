"""The operators against closed forms: exact to the precision of their input, gradients too."""

import jittor as jt
import numpy as np
import pytest

from impl_jittor import kernels, operators
from impl_jittor.operators import (
    Conv,
    GroupNorm,
    adam,
    add_to_pixels,
    attention,
    concat,
    constant,
    convolution,
    group_norm,
    mean,
    overwrite,
    pad,
    silu,
    upsample,
)
from tests.implementations import oracles
from tests.implementations.oracles import error

DTYPES = pytest.mark.parametrize(
    ("dtype", "tolerance"), [("float64", 1e-14), ("float32", 5e-6)], ids=["float64", "float32"]
)
EXTREMES = np.array([0.0, 1e-30, -1e-30, 1, -1, 20, -20, 30, -30, 80, -80, 1000, -1000])
pytestmark = pytest.mark.usefixtures("wide", "form")


@pytest.fixture(params=["kernels", "plain"])
def form(request, monkeypatch):
    """Run each test on the kernels and on their plain twins."""
    assert kernels.available()
    monkeypatch.setattr(operators, "fast", request.param == "kernels")


def var(array, dtype="float64"):
    return jt.array(array.astype(dtype))


def gradients(out, up, *inputs):
    """The output and the gradients of the inputs for the gradient `up` of the output."""
    found = jt.grad((out * var(up, str(out.dtype))).sum(), list(inputs))
    assert {str(v.dtype) for v in (out, *found)} == {str(out.dtype)}
    return [v.numpy() for v in (out, *found)]


def test_jittors_own_scalars_and_mean_are_the_fault_that_these_fix():
    """Where this fails, Jittor is fixed and these forms may go."""
    x = var(np.arange(1.0, 22.0))
    assert error((x * 0.2).numpy(), np.arange(1.0, 22.0) * 0.2) > 1e-10
    assert error(jt.grad(x.mean(), x).numpy(), np.full(21, 1 / 21)) > 1e-10


@pytest.mark.parametrize("value", [0.2, 1 / 3, 1e-30, -1e12])
def test_a_constant_keeps_all_digits(value):
    like = var(np.zeros(2))
    found = constant(value, like)
    assert str(found.dtype) == "float64"
    assert found.numpy().tolist() == [value]
    assert str(constant(value, like.float32()).dtype) == "float32"
    assert constant(value, like.float32()).numpy()[0] == np.float32(value)
    assert found.is_stop_grad()


def test_a_constant_is_exact_whatever_the_flag_of_jittor():
    with jt.flag_scope(auto_convert_64_to_32=1):
        assert constant(0.2, var(np.zeros(1)).float64()).numpy()[0] == 0.2


@DTYPES
def test_mean_and_its_gradient(dtype, tolerance):
    x = np.random.default_rng(0).standard_normal((3, 7))
    given = var(x, dtype)
    value, slope = gradients(mean(given), np.ones(1), given)
    assert error(value, np.array([x.mean()]), scale=1.0) < tolerance
    assert error(slope, np.full(x.shape, 1 / 21)) < tolerance


def test_the_mean_of_a_batch_keeps_its_digits():
    for seed in range(5):
        x = np.random.default_rng(seed).standard_normal((32, 1, 28, 28)).astype(np.float32) ** 2
        exact = x.mean(dtype=np.float64)
        assert abs(mean(var(x, "float32")).item() - exact) < 4e-7 * exact
    assert abs(var(x, "float32").mean().item() - exact) > 1e-6 * exact, "what this works around"


@DTYPES
def test_silu_and_its_gradient(dtype, tolerance):
    x = np.random.default_rng(0).standard_normal(1000).astype(dtype) * 5
    up = np.random.default_rng(1).standard_normal(1000)
    given = var(x, dtype)
    value, slope = gradients(silu(given), up, given)
    expected, derivative = oracles.silu(x)
    assert error(value, expected) < tolerance
    assert error(slope, up * derivative) < tolerance
    assert (np.abs(value - expected) <= 1e-15 + tolerance * np.abs(expected)).all()


@DTYPES
def test_silu_at_its_extremes(dtype, tolerance):
    x = EXTREMES.astype(dtype)
    given = var(x, dtype)
    value, slope = gradients(silu(given), np.ones(len(x)), given)
    expected, derivative = oracles.silu(x)
    # Beyond -80 the value is held: at -1000 it is 1.8e-32 and not 0.
    assert (np.abs(value - expected) <= 1e-31 + tolerance * np.abs(expected)).all()
    assert (np.abs(slope - derivative) <= 1e-31 + tolerance * np.abs(derivative)).all()


def test_jittors_own_silu_is_wrong_at_its_extremes():
    """Where this fails, Jittor is fixed and this form may go."""
    x = EXTREMES.astype("float32")
    assert np.abs(jt.nn.silu(var(x, "float32")).numpy() - oracles.silu(x)[0]).max() > 1e-12


def norm_inputs(offset=0.0, seed=0):
    draws = oracles.random_arrays(
        {"x": (2, 8, 4, 4), "weight": (8,), "bias": (8,), "up": (2, 8, 4, 4)}, seed
    )
    draws["x"] = (draws["x"] + offset).astype(np.float32).astype(np.float64)
    return draws


def normed(inputs, dtype, epsilon=1e-6, form=group_norm):
    x, weight, bias = (var(inputs[name], dtype) for name in ("x", "weight", "bias"))
    out = form(x, 4, weight, bias, epsilon)
    found = gradients(out, inputs["up"], x, weight, bias)
    return dict(zip(("out", "x", "weight", "bias"), found, strict=True))


def expected_norm(inputs, epsilon=1e-6):
    given = (inputs[name] for name in ("weight", "bias"))
    weight, bias = given
    return oracles.group_norm(inputs["x"], 4, weight, bias, epsilon, inputs["up"])


@DTYPES
@pytest.mark.parametrize("epsilon", [1e-6, 1e-5, 0.1])
def test_group_norm_and_its_gradients(dtype, tolerance, epsilon):
    inputs = norm_inputs()
    expected = expected_norm(inputs, epsilon)
    assert oracles.worst(normed(inputs, dtype, epsilon), expected) < tolerance


def one_pass(x, groups, weight, bias, epsilon):
    """E[x^2] - E[x]^2, as Jittor's own GroupNorm has it."""
    N, C, H, W = x.shape
    grouped = x.reshape(N, groups, -1)
    size = C // groups * H * W
    middle = grouped.sum(2, keepdims=True) / size
    variance = grouped.sqr().sum(2, keepdims=True) / size - middle.sqr()
    normal = (grouped - middle) / jt.sqrt(
        jt.maximum(variance, constant(0, x)) + constant(epsilon, x)
    )
    return normal.reshape(x.shape) * weight.reshape(1, C, 1, 1) + bias.reshape(1, C, 1, 1)


def test_group_norm_keeps_its_digits_at_a_mean_of_1000_deviations():
    inputs = norm_inputs(offset=1000.0)
    expected = expected_norm(inputs)["out"]
    assert error(normed(inputs, "float64")["out"], expected) < 1e-12
    assert error(normed(inputs, "float32")["out"], expected) < 2e-3
    assert error(normed(inputs, "float32", form=one_pass)["out"], expected) > 1e-2


@pytest.mark.parametrize("value", [0.0, 3.0, -1e4])
def test_group_norm_of_a_constant_is_the_bias(value):
    inputs = norm_inputs()
    inputs["x"] = np.full_like(inputs["x"], value)
    for dtype in ("float32", "float64"):
        found = normed(inputs, dtype)
        expected = np.broadcast_to(inputs["bias"].reshape(1, 8, 1, 1), inputs["x"].shape)
        assert error(found["out"], expected) < 1e-7
        assert all(np.isfinite(array).all() for array in found.values())


def test_the_module_is_the_function_and_starts_as_the_identity_scale():
    module, inputs = GroupNorm(4, 8, 1e-6).float64(), norm_inputs()
    assert [name for name, _ in module.named_parameters()] == ["weight", "bias"]
    assert (module.weight.numpy() == 1).all()
    assert (module.bias.numpy() == 0).all()
    module.weight.update(var(inputs["weight"]))
    module.bias.update(var(inputs["bias"]))
    out = module(var(inputs["x"])).numpy()
    assert error(out, expected_norm(inputs)["out"]) < 1e-14


def attention_inputs(factor=1.0):
    names = ("query", "key", "value", "up")
    draws = oracles.random_arrays(dict.fromkeys(names, (2, 9, 8)), seed=0)
    draws["query"] = draws["query"] * factor
    return draws


@DTYPES
@pytest.mark.parametrize("factor", [0.0, 1.0, 1000.0])
def test_attention_and_its_gradients(dtype, tolerance, factor):
    inputs = {n: a.astype(dtype) for n, a in attention_inputs(factor).items()}
    given = [var(inputs[name], dtype) for name in ("query", "key", "value")]
    out = attention(*given)
    found = dict(
        zip(("out", "query", "key", "value"), gradients(out, inputs["up"], *given), strict=True)
    )
    expected = oracles.attention(*(inputs[name] for name in ("query", "key", "value", "up")))
    grown = max(factor, 1.0)  # the exponents' own rounding grows with them
    for name, array in expected.items():
        # A saturated softmax has gradients near 0, of terms that are near 1.
        scale = max(float(np.abs(array).max()), 1.0)
        assert error(found[name], array, scale=scale) < tolerance * grown, name


def test_attention_without_its_scale_is_seen():
    inputs = attention_inputs()
    given = [var(inputs[name]) for name in ("query", "key", "value")]
    expected = oracles.attention(*inputs.values())["out"]
    wrong = attention(given[0] * constant(1.01, given[0]), *given[1:])
    assert error(wrong.numpy(), expected) > 1e-4


# Channels that are no multiple of a block, one channel, strides that leave a rest, one pixel.
CONVOLUTIONS = pytest.mark.parametrize(
    ("x", "weight", "stride", "padding"),
    [
        ((3, 1, 9, 8), (8, 1, 3, 3), 1, 1),
        ((2, 8, 9, 9), (16, 8, 3, 3), 2, 0),
        ((2, 32, 6, 6), (20, 32, 3, 3), 1, 1),
        ((2, 20, 5, 7), (12, 20, 1, 1), 1, 0),
        ((2, 3, 1, 1), (4, 3, 3, 3), 2, 1),
    ],
)


def convolved(inputs, dtype, stride, padding):
    given = [var(inputs[name], dtype) for name in ("x", "weight", "bias")]
    found = gradients(convolution(*given, stride, padding), inputs["up"], *given)
    return dict(zip(("out", "x", "weight", "bias"), found, strict=True))


def convolution_inputs(x, weight, stride, padding):
    out = [(size + 2 * padding - weight[2]) // stride + 1 for size in x[2:]]
    shapes = {"x": x, "weight": weight, "bias": weight[:1], "up": (x[0], weight[0], *out)}
    return oracles.random_arrays(shapes, seed=0)


@DTYPES
@CONVOLUTIONS
def test_convolution_and_its_gradients(dtype, tolerance, x, weight, stride, padding):
    draws = convolution_inputs(x, weight, stride, padding)
    inputs = {name: array.astype(dtype) for name, array in draws.items()}
    expected = oracles.convolution(**inputs, stride=stride, padding=padding)
    assert oracles.worst(convolved(inputs, dtype, stride, padding), expected) < tolerance


@CONVOLUTIONS
def test_convolution_without_gradients_is_bitwise_the_same(x, weight, stride, padding):
    inputs = convolution_inputs(x, weight, stride, padding)
    for dtype in ("float32", "float64"):
        given = [var(inputs[name], dtype) for name in ("x", "weight", "bias")]
        with jt.no_grad():
            alone = convolution(*given, stride, padding).numpy()
        assert np.array_equal(alone, convolved(inputs, dtype, stride, padding)["out"])


def test_a_convolution_whose_kernel_is_mirrored_is_seen():
    inputs = convolution_inputs((2, 3, 5, 5), (4, 3, 3, 3), 1, 1)
    expected = oracles.convolution(**inputs, stride=1, padding=1)
    inputs["weight"] = inputs["weight"][..., ::-1].copy()
    assert oracles.worst(convolved(inputs, "float64", 1, 1), expected) > 1e-2


@DTYPES
def test_upsampling_and_its_gradient(dtype, tolerance):
    draws = oracles.random_arrays({"x": (2, 3, 4, 5), "up": (2, 3, 8, 10)}, seed=0)
    given = var(draws["x"], dtype)
    value, slope = gradients(upsample(given), draws["up"], given)
    assert error(value, draws["x"].repeat(2, 2).repeat(2, 3)) < tolerance
    assert error(slope, draws["up"].reshape(2, 3, 4, 2, 5, 2).sum((3, 5))) < tolerance


@DTYPES
def test_concatenation_and_its_gradients(dtype, tolerance):
    shapes = {"a": (2, 3, 4, 5), "b": (2, 1, 4, 5), "up": (2, 4, 4, 5)}
    draws = oracles.random_arrays(shapes, seed=0)
    a, b = (var(draws[name], dtype) for name in "ab")
    value, *slopes = gradients(concat(a, b), draws["up"], a, b)
    assert error(value, np.concatenate([draws["a"], draws["b"]], axis=1)) < tolerance
    for slope, expected in zip(slopes, np.split(draws["up"], [3], axis=1), strict=True):
        assert error(slope, expected) < tolerance


@DTYPES
def test_padding_and_its_gradient(dtype, tolerance):
    draws = oracles.random_arrays({"x": (2, 3, 4, 5), "up": (2, 3, 5, 6)}, seed=0)
    given = var(draws["x"], dtype)
    value, slope = gradients(pad(given), draws["up"], given)
    assert error(value, np.pad(draws["x"], ((0, 0), (0, 0), (0, 1), (0, 1)))) < tolerance
    assert error(slope, draws["up"][:, :, :4, :5]) < tolerance


NUMBERS = {
    "keep1": 0.8,
    "take1": 0.2,
    "keep2": 0.99,
    "take2": 0.01,
    "rate": 0.3,
    "root2": 0.7,
    "epsilon": 1e-3,
}


def stepped(dtype, numbers, shapes):
    """Return each parameter and its moments after one step of Adam, and the closed form."""
    names, found, closed = ("p", "g", "m", "v"), [], []
    draws = [oracles.random_arrays(dict.fromkeys(names, s), seed) for seed, s in enumerate(shapes)]
    for draw in draws:
        draw["v"] = draw["v"] ** 2
    given = [[var(draw[name], dtype).stop_grad() for draw in draws] for name in names]
    adam(*given, numbers=numbers)
    for i, draw in enumerate(draws):
        m = NUMBERS["keep1"] * draw["m"] + NUMBERS["take1"] * draw["g"]
        v = NUMBERS["keep2"] * draw["v"] + NUMBERS["take2"] * draw["g"] ** 2
        p = draw["p"] - NUMBERS["rate"] * m / (np.sqrt(v) / NUMBERS["root2"] + NUMBERS["epsilon"])
        closed.append({"p": p, "g": draw["g"], "m": m, "v": v})
        after = {name: side[i] for name, side in zip(names, given, strict=True)}
        assert {str(a.dtype) for a in after.values()} == {dtype}
        found.append({name: a.numpy() for name, a in after.items()})
    return max(oracles.worst(a, b) for a, b in zip(found, closed, strict=True))


SIZES = [(3, 4, 2, 2), (5,), (70_000,)]  # the third is shared among threads


@DTYPES
def test_a_step_of_adam(dtype, tolerance):
    assert stepped(dtype, NUMBERS, SIZES) < tolerance


@pytest.mark.parametrize("name", NUMBERS)
def test_each_number_of_a_step_of_adam_has_its_place(name):
    assert stepped("float64", {**NUMBERS, name: 1.1 * NUMBERS[name]}, SIZES[:1]) > 1e-5


@DTYPES
def test_adding_to_pixels_and_its_gradients(dtype, tolerance):
    draws = oracles.random_arrays({"x": (2, 3, 4, 5), "shift": (2, 3), "up": (2, 3, 4, 5)}, seed=0)
    x, shift = (var(draws[name], dtype) for name in ("x", "shift"))
    value, *slopes = gradients(add_to_pixels(x, shift), draws["up"], x, shift)
    assert error(value, draws["x"] + draws["shift"][:, :, None, None]) < tolerance
    assert error(slopes[0], draws["up"]) < tolerance
    assert error(slopes[1], draws["up"].sum((2, 3))) < tolerance


@pytest.mark.parametrize(
    "options",
    [{"dilation": 2}, {"groups": 2}, {"bias": False}, {"stride": (1, 2)}, {"padding": (0, 1)}],
    ids=str,
)
def test_what_the_operator_does_not_have_goes_to_jittors_own(options):
    module, own = (form(4, 6, 3, **options).float64() for form in (Conv, jt.nn.Conv))
    for name, parameter in own.named_parameters():
        dict(module.named_parameters())[name].update(parameter.copy())
    x = var(np.random.default_rng(0).standard_normal((2, 4, 7, 7)))
    assert error(module(x).numpy(), own(x).numpy()) < 1e-14


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_overwriting_keeps_the_dtype_and_whether_gradients_flow(dtype):
    array = np.array([0.1, 0.2])
    for stopped in (False, True):
        target = jt.zeros(2).cast(dtype)
        if stopped:
            target.stop_grad()
        overwrite(target, array)
        assert str(target.dtype) == dtype
        assert target.is_stop_grad() == stopped
        np.testing.assert_array_equal(target.numpy(), array.astype(dtype))


def test_overwriting_refuses_another_size():
    with pytest.raises(RuntimeError, match=r"size \(1, 2\) .* size \(2,\)"):
        overwrite(jt.zeros(2), np.zeros((1, 2)))


def test_without_onednn_and_on_a_gpu_the_plain_forms_are_used(monkeypatch):
    monkeypatch.setattr(operators, "fast", True)
    monkeypatch.setattr(kernels, "_link_flags", lambda: None)
    monkeypatch.setattr(kernels, "_run", None)
    assert silu(var(np.zeros(3))).numpy().tolist() == [0.0, 0.0, 0.0]


def test_plain_forms_can_be_asked_for_and_end():
    before = operators.fast
    with operators.plain_forms():
        assert not operators.fast
    assert operators.fast == before
