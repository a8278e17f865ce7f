"""Normalisation layers agree with PyTorch's, in the harness, where Jittor's own do not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from jittor_env.compat import norms, numerics
from tests.jittor_env.compat.comparison import Draw, agrees, compared, error, jt, normal

RNG = np.random.default_rng(0)
X = RNG.standard_normal((4, 6, 5, 3))
WEIGHT, BIAS = RNG.standard_normal((2, 6))

# Builders of PyTorch's layer, of this package's and of Jittor's own that differs; the input.
LAYERS: dict[str, tuple[Any, Any, Any, Draw]] = {
    "BatchNorm1d": (
        lambda: nn.BatchNorm1d(4), lambda: norms.BatchNorm1d(4),
        lambda: jt.nn.BatchNorm1d(4), normal(6, 4),
    ),
    "BatchNorm2d": (
        lambda: nn.BatchNorm2d(4), lambda: norms.BatchNorm2d(4),
        lambda: jt.nn.BatchNorm2d(4), normal(3, 4, 5, 6),
    ),
    "BatchNorm3d, cumulative average": (
        lambda: nn.BatchNorm3d(2, momentum=None), lambda: norms.BatchNorm3d(2, momentum=None),
        lambda: jt.nn.BatchNorm3d(2), normal(3, 2, 2, 3, 2),
    ),
    "BatchNorm1d, untracked and without parameters": (
        lambda: nn.BatchNorm1d(3, affine=False, track_running_stats=False),
        lambda: norms.BatchNorm1d(3, affine=False, track_running_stats=False),
        lambda: jt.nn.BatchNorm1d(3, affine=False), normal(3, 3, 5),
    ),
    "LayerNorm, far from zero": (
        lambda: nn.LayerNorm((4, 5)), lambda: norms.LayerNorm((4, 5)),
        lambda: jt.nn.LayerNorm((4, 5)), normal(6, 4, 5, mean=100),
    ),
    "GroupNorm, far from zero": (
        lambda: nn.GroupNorm(2, 6), lambda: norms.GroupNorm(2, 6),
        lambda: jt.nn.GroupNorm(2, 6), normal(3, 6, 4, mean=100),
    ),
    "InstanceNorm2d, defaults": (
        lambda: nn.InstanceNorm2d(3), lambda: norms.InstanceNorm2d(3),
        lambda: jt.nn.InstanceNorm2d(3, affine=False), normal(2, 3, 4, 5, mean=100),
    ),
    "InstanceNorm1d, tracked": (
        lambda: nn.InstanceNorm1d(3, affine=True, track_running_stats=True),
        lambda: norms.InstanceNorm1d(3, affine=True, track_running_stats=True),
        lambda: jt.nn.InstanceNorm1d(3), normal(2, 3, 8, mean=100),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_agrees_with_pytorchs(name: str) -> None:
    reference, candidate, _, inputs = LAYERS[name]
    report = compared(reference, candidate, inputs)
    assert agrees(report), str(report)


@pytest.mark.parametrize("name", LAYERS)
def test_jittors_own_layer_does_not(name: str) -> None:
    reference, _, own, inputs = LAYERS[name]
    training = "untracked" not in name  # Jittor's own takes its running statistics in evaluation
    assert not agrees(compared(reference, own, inputs, training=training))


@pytest.mark.parametrize("name", ["BatchNorm2d", "BatchNorm1d, untracked and without parameters"])
def test_a_layer_in_evaluation_agrees(name: str) -> None:
    reference, candidate, _, inputs = LAYERS[name]
    report = compared(reference, candidate, inputs, training=False)
    assert agrees(report), str(report)


def test_a_layer_agrees_through_several_steps_of_training() -> None:
    report = compared(
        lambda: nn.BatchNorm1d(4, momentum=None),
        lambda: norms.BatchNorm1d(4, momentum=None),
        normal(6, 4),
        stress_inputs=("plain",),
        loss=lambda output: (output * output * output).sum(),
        optimizer={
            "torch": lambda parameters: torch.optim.SGD(parameters, 0.1),
            "jittor": lambda parameters: jt.nn.SGD(parameters, 0.1),
        },
    )
    assert agrees(report), str(report)


def test_a_state_dict_of_pytorch_loads_by_name() -> None:
    reference = nn.BatchNorm2d(6)
    reference(torch.from_numpy(X).float())
    layer = norms.BatchNorm2d(6)
    layer.load_state_dict(reference.state_dict())
    assert {*layer.state_dict()} == {*reference.state_dict()}
    for name, tensor in reference.state_dict().items():
        np.testing.assert_array_equal(
            layer.state_dict()[name].numpy().reshape(tensor.shape), tensor
        )


FUNCTIONS: dict[str, tuple[Callable[..., Any], Callable[..., Any], Callable[..., Any]]] = {
    "group_norm": (
        lambda x, w, b: F.group_norm(x, 2, w, b),
        lambda x, w, b: norms.group_norm(x, 2, w, b),
        lambda x, w, b: jt.nn.group_norm(x, 2, w, b),
    ),
    "layer_norm": (
        lambda x, w, b: F.layer_norm(x.permute(0, 2, 3, 1), (6,), w, b),
        lambda x, w, b: norms.layer_norm(x.permute(0, 2, 3, 1), (6,), w, b),
        lambda x, w, b: jt.nn.layer_norm(x.permute(0, 2, 3, 1), (6,), w, b),
    ),
}


@pytest.mark.parametrize("kernels", [True, False], ids=["kernels", "operators"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_agrees_in_values_and_gradients(
    name: str, dtype: str, kernels: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not kernels:
        monkeypatch.setattr(numerics, "has_kernels", lambda *tensors: False)
    reference, function, own = FUNCTIONS[name]
    assert error(reference, function, X, WEIGHT, BIAS, dtype=dtype) < 16
    # Numbers far from zero: PyTorch's float32 sums leave about as much.
    far = 8000 if dtype == "float32" else 1000
    assert error(reference, function, X + 100, WEIGHT, BIAS, dtype=dtype) < far
    assert error(reference, own, X + 100, WEIGHT, BIAS, dtype=dtype) > far


@pytest.mark.parametrize("kernels", [True, False], ids=["kernels", "operators"])
def test_the_gradient_can_be_differentiated(kernels: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not kernels:
        monkeypatch.setattr(numerics, "has_kernels", lambda *tensors: False)

    def of_torch(x: Any, w: Any) -> Any:
        y = F.group_norm(x, 2, w)
        return torch.autograd.grad((y**3).sum(), x, create_graph=True)[0]

    def of_jittor(x: Any, w: Any) -> Any:
        y = norms.group_norm(x, 2, w)
        return jt.grad((y * y * y).sum(), x)

    assert error(of_torch, of_jittor, X, WEIGHT) < 64


def test_what_pytorch_refuses_is_refused() -> None:
    x = jt.ones((2, 4, 3))
    with pytest.raises(ValueError, match="expected 4D input"):
        norms.BatchNorm2d(4)(x)
    with pytest.raises(RuntimeError, match="expects 5 channels"):
        norms.BatchNorm1d(5)(x)
    with pytest.raises(ValueError, match="more than 1 value per channel"):
        norms.BatchNorm1d(4)(jt.ones((1, 4)))
    with pytest.raises(ValueError, match="more than 1 spatial element"):
        norms.InstanceNorm1d(4)(jt.ones((2, 4, 1)))
    with pytest.raises(RuntimeError, match="divisible by 3 groups"):
        norms.group_norm(x, 3)
    with pytest.raises(RuntimeError, match="ends in it"):
        norms.LayerNorm((4,))(x)
    with pytest.raises(RuntimeError, match="not implemented for int32"):
        norms.layer_norm(jt.ones((2, 3), "int32"), (3,))
    with jt.flag_scope(auto_convert_64_to_32=0), pytest.raises(RuntimeError, match="one dtype"):
        norms.LayerNorm(3)(jt.ones((2, 3), "float64"))
