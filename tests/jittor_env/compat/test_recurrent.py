"""Recurrent layers agree with PyTorch's, in the harness, where Jittor's own do not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from jittor_env.compat import numerics, recurrent
from tests.jittor_env.compat.comparison import agrees, compared, error, jt, normal

RNG = np.random.default_rng(0)
# The class, its settings after the sizes, and whether states are given.
CASES: dict[str, tuple[str, dict[str, Any], bool]] = {
    "LSTM, batch first": ("LSTM", {"batch_first": True}, False),
    "LSTM, two directions and layers": ("LSTM", {"num_layers": 2, "bidirectional": True}, True),
    "GRU, batch first, two directions": (
        "GRU", {"batch_first": True, "bidirectional": True}, True,
    ),
    "RNN, relu, without bias": ("RNN", {"nonlinearity": "relu", "bias": False}, True),
    # At a rate of 1 all is dropped, whatever the random numbers.
    "LSTM, dropout of all": ("LSTM", {"num_layers": 2, "dropout": 1.0}, False),
}  # fmt: skip
# Those that Jittor's own layer computes as PyTorch does.
ALIKE = {"LSTM, two directions and layers", "RNN, relu, without bias"}


def draw(name: str) -> Any:
    kind, settings, has_state = CASES[name]
    sizes = (3, 2, 4) if settings.get("batch_first") else (2, 3, 4)
    if not has_state:
        return normal(*sizes)
    parts = settings.get("num_layers", 1) * (1 + settings.get("bidirectional", False))

    def inputs(rng: np.random.Generator) -> tuple[Any, Any]:
        x = rng.standard_normal(sizes, np.float32)
        states = rng.standard_normal((2, parts, 3, 5), np.float32)
        return x, (states[0], states[1]) if kind == "LSTM" else states[0]

    return inputs


@pytest.mark.parametrize("name", CASES)
def test_a_layer_agrees_with_pytorchs(name: str) -> None:
    kind, settings, _ = CASES[name]
    report = compared(
        lambda: getattr(nn, kind)(4, 5, **settings),
        lambda: getattr(recurrent, kind)(4, 5, **settings),
        draw(name),
    )
    assert agrees(report), str(report)


@pytest.mark.parametrize("name", [name for name in CASES if name not in ALIKE])
def test_jittors_own_layer_does_not(name: str) -> None:
    kind, settings, _ = CASES[name]
    report = compared(
        lambda: getattr(nn, kind)(4, 5, **settings),
        lambda: getattr(jt.nn, kind)(4, 5, **settings),
        draw(name),
        stress_inputs=("plain",),
    )
    assert not report.passed


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
def test_parameters_have_pytorchs_names_and_order(kind: str) -> None:
    settings = {"num_layers": 2, "bidirectional": True}
    reference = getattr(nn, kind)(4, 5, **settings)
    names = [name for name, _ in reference.named_parameters()]
    own = getattr(jt.nn, kind)(4, 5, **settings)
    ported = getattr(recurrent, kind)(4, 5, **settings)
    assert [name for name, _ in ported.named_parameters()] == names
    assert [name for name, _ in own.named_parameters()] != names
    ported.load_state_dict(reference.state_dict())
    for name, parameter in reference.named_parameters():
        np.testing.assert_array_equal(getattr(ported, name).numpy(), parameter.detach().numpy())


@pytest.mark.parametrize("kernels", [True, False], ids=["kernels", "operators"])
@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
def test_values_gradients_and_second_derivatives_agree(
    kind: str, kernels: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not kernels:
        monkeypatch.setattr(numerics, "has_kernels", lambda *tensors: False)
    torch.manual_seed(0)
    reference = getattr(nn, kind)(4, 5).double()
    ported = getattr(recurrent, kind)(4, 5)
    ported.load_state_dict(reference.float().state_dict())
    reference.double()
    x = RNG.standard_normal((3, 2, 4))

    def of_torch(x: Any) -> Any:
        y = reference(x)[0]
        return y, torch.autograd.grad((y**3).sum(), x, create_graph=True)[0]

    def of_jittor(x: Any) -> Any:
        with jt.flag_scope(auto_convert_64_to_32=0):
            y = ported.float64()(x)[0]
            return y, jt.grad((y * y * y).sum(), x)

    assert error(of_torch, of_jittor, x) < 64


@pytest.mark.filterwarnings("ignore:LSTM with projections")
def test_a_sequence_without_a_batch_and_a_projection_agree() -> None:
    torch.manual_seed(0)
    reference = nn.LSTM(4, 5, proj_size=2)
    ported = recurrent.LSTM(4, 5, proj_size=2)
    ported.load_state_dict(reference.state_dict())
    x = RNG.standard_normal((3, 4)).astype(np.float32)
    expected, (h, c) = reference(torch.from_numpy(x))
    actual, (own_h, own_c) = ported(jt.array(x))
    for one, other in ((actual, expected), (own_h, h), (own_c, c)):
        assert tuple(one.shape) == tuple(other.shape)
        np.testing.assert_allclose(one.numpy(), other.detach().numpy(), rtol=1e-5, atol=1e-7)


def test_layers_drop_between_them_in_training_only() -> None:
    ported = recurrent.GRU(4, 50, num_layers=2, dropout=0.5)
    x = jt.randn(3, 2, 4)
    first, second = (ported(x)[0].numpy() for _ in range(2))
    assert np.abs(first - second).max() > 0
    ported.eval()
    first, second = (ported(x)[0].numpy() for _ in range(2))
    np.testing.assert_array_equal(first, second)
    own = jt.nn.GRU(4, 50, num_layers=2, dropout=0.5)
    own.train()
    first, second = (own(x)[0].numpy() for _ in range(2))
    np.testing.assert_array_equal(first, second)  # it never drops


def test_what_pytorch_refuses_is_refused() -> None:
    with pytest.raises(ValueError, match="Unknown nonlinearity"):
        recurrent.RNN(3, 4, nonlinearity="sin")
    with pytest.raises(ValueError, match="only supported for LSTM"):
        recurrent.GRU(3, 4, proj_size=2)
    with pytest.raises(ValueError, match="dropout should be"):
        recurrent.LSTM(3, 4, dropout=2)
    with pytest.raises(RuntimeError, match="expects"):
        recurrent.LSTM(3, 4)(jt.ones((2, 2, 5)))
    with pytest.raises(RuntimeError, match="hidden size"):
        recurrent.GRU(3, 4)(jt.ones((2, 2, 3)), jt.ones((1, 1, 4)))
    with jt.flag_scope(auto_convert_64_to_32=0), pytest.raises(RuntimeError, match="one dtype"):
        recurrent.LSTM(3, 4)(jt.ones((2, 2, 3), "float64"))
