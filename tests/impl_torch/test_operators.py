"""GroupNorm on each of its ways against closed forms, gradients too, and that each is taken."""

import numpy as np
import pytest
import torch
from torch import nn

from impl_torch import operators
from impl_torch.operators import GroupNorm, group_norm
from tests.implementations import oracles

DTYPES = pytest.mark.parametrize(
    ("dtype", "tolerance"), [("float64", 1e-14), ("float32", 5e-6)], ids=["float64", "float32"]
)
LAYOUTS = pytest.mark.parametrize("layout", [torch.channels_last, torch.contiguous_format], ids=str)
# Channels in a group: few, one, and so many that torch's own form is taken.
SHAPES = pytest.mark.parametrize(
    ("shape", "groups"), [((3, 8, 4, 5), 4), ((2, 6, 3, 3), 6), ((2, 32, 4, 4), 4)], ids=str
)


def inputs(shape=(3, 8, 4, 5), offset=0.0):
    channels = shape[1:2]
    shapes = {"x": shape, "weight": channels, "bias": channels, "up": shape}
    draws = oracles.random_arrays(shapes, seed=0)
    draws["x"] = (draws["x"] + offset).astype(np.float32).astype(np.float64)
    return draws


def normed(draws, groups=4, dtype="float64", layout=torch.channels_last, up_layout=None):
    """The output and the gradients of all three inputs."""
    given = {name: torch.from_numpy(array.astype(dtype)) for name, array in draws.items()}
    up = given.pop("up").contiguous(memory_format=up_layout or layout)
    given["x"] = given["x"].contiguous(memory_format=layout)
    leaves = [given[name].requires_grad_() for name in ("x", "weight", "bias")]
    out = group_norm(leaves[0], groups, *leaves[1:], 1e-6)
    found = (out, *torch.autograd.grad(out, leaves, up))
    return dict(
        zip(("out", "x", "weight", "bias"), (t.detach().numpy() for t in found), strict=True)
    )


def expected(draws, groups=4):
    return oracles.group_norm(draws["x"], groups, draws["weight"], draws["bias"], 1e-6, draws["up"])


@pytest.fixture
def ways(monkeypatch):
    """Record the form that each call takes, `own` or `torch`."""
    taken = []
    own, candidate = operators._GroupNorm.apply, operators.F.group_norm

    def noted(name, form):
        return lambda *given: (taken.append(name), form(*given))[1]

    monkeypatch.setattr(operators._GroupNorm, "apply", noted("own", own))
    monkeypatch.setattr(operators.F, "group_norm", noted("torch", candidate))
    return taken


@DTYPES
@LAYOUTS
@SHAPES
def test_group_norm_and_its_gradients(dtype, tolerance, layout, shape, groups):
    draws = inputs(shape)
    found = normed(draws, groups, dtype, layout)
    assert oracles.worst(found, expected(draws, groups)) < tolerance


def test_few_channels_in_a_group_and_last_are_taken_by_the_own_form(ways):
    normed(inputs((3, 8, 4, 5)))
    normed(inputs((3, 28, 4, 5)))
    normed(inputs((3, 32, 4, 5)))
    normed(inputs((3, 8, 4, 5)), layout=torch.contiguous_format)
    assert ways == ["own", "own", "torch", "torch"]


def test_half_precision_and_compiled_graphs_are_torchs_own(ways):
    x = torch.zeros(2, 8, 3, 3, dtype=torch.bfloat16).to(memory_format=torch.channels_last)
    group_norm(x, 4, torch.ones(8).bfloat16(), torch.zeros(8).bfloat16(), 1e-6)
    compiled = torch.compile(group_norm, backend="eager", fullgraph=True)
    compiled(x.float(), 4, torch.ones(8), torch.zeros(8), 1e-6)
    assert ways[0] == "torch"
    assert "own" not in ways


def test_the_layout_is_kept():
    for layout in (torch.channels_last, torch.contiguous_format):
        x = torch.randn(2, 8, 3, 3).contiguous(memory_format=layout).requires_grad_()
        out = GroupNorm(4, 8)(x)
        out.backward(torch.randn(2, 8, 3, 3))
        assert out.is_contiguous(memory_format=layout)
        assert x.grad.is_contiguous(memory_format=layout)


def test_a_gradient_of_another_layout_is_the_same():
    draws = inputs()
    found = normed(draws, up_layout=torch.contiguous_format)
    assert oracles.same_bits(found, normed(draws))


def test_a_mean_of_1000_deviations_costs_no_more_digits_than_in_torchs_own_form():
    draws = inputs(offset=1000.0)
    errors = [
        oracles.worst(normed(draws, dtype="float32", layout=layout), expected(draws))
        for layout in (torch.channels_last, torch.contiguous_format)
    ]
    assert errors[0] < 2 * errors[1]
    assert oracles.worst(normed(draws), expected(draws)) < 1e-11


@pytest.mark.parametrize("value", [0.0, 3.0, -1e4])
def test_a_constant_becomes_the_bias(value):
    draws = inputs()
    draws["x"] = np.full_like(draws["x"], value)
    found = normed(draws)
    bias = np.broadcast_to(draws["bias"].reshape(1, 8, 1, 1), draws["x"].shape)
    assert oracles.error(found["out"], bias) < 1e-7
    assert all(np.isfinite(array).all() for array in found.values())


def test_the_derivatives_are_those_of_finite_differences():
    x = torch.randn(2, 4, 3, 2, dtype=torch.float64).contiguous(memory_format=torch.channels_last)
    leaves = [x, *torch.randn(2, 4, dtype=torch.float64)]
    assert torch.autograd.gradcheck(
        lambda x, weight, bias: group_norm(x, 2, weight, bias, 1e-3),
        [leaf.requires_grad_() for leaf in leaves],
    )


def test_a_second_derivative_is_refused_and_not_wrong():
    x = torch.randn(2, 8, 3, 3).contiguous(memory_format=torch.channels_last).requires_grad_()
    out = group_norm(x, 4, torch.ones(8), torch.zeros(8), 1e-6)
    (slope,) = torch.autograd.grad((out**3).sum(), x, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        slope.square().sum().backward()


def test_the_module_has_torchs_parameters_and_says_the_same():
    reference, candidate = GroupNorm(4, 8, 1e-3), nn.GroupNorm(4, 8, 1e-3)
    assert reference.state_dict().keys() == candidate.state_dict().keys()
    assert repr(reference) == repr(candidate)
    x = torch.randn(2, 8, 3, 3).contiguous(memory_format=torch.channels_last)
    assert oracles.error(reference(x).detach().numpy(), candidate(x).detach().numpy()) < 1e-6


@pytest.mark.parametrize(
    "fault",
    [
        lambda sums, groups, pixels: sums / pixels.shape[1],  # each channel its own group
        lambda sums, groups, pixels: 1.001 * MEAN(sums, groups, pixels),
    ],
    ids=["channels for groups", "a size that is off"],
)
def test_a_mean_over_something_else_is_seen(fault, monkeypatch):
    draws = inputs()
    monkeypatch.setattr(operators, "_mean_of_group", fault)
    assert oracles.worst(normed(draws), expected(draws)) > 1e-4


MEAN = operators._mean_of_group
