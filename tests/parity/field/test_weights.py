"""Ports whose weights have other names, other shapes, or other numbers of tensors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from parity import CannotCompare, Pair, Report, Verdict, check
from parity.weights import by_head, concat, interleave, split, transpose

HEADS = 2


class Split(nn.Module):
    """Attention with three layers."""

    def __init__(self) -> None:
        super().__init__()
        self.q, self.k, self.v = nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return attention(self.q(x), self.k(x), self.v(x))


def attention(*parts: torch.Tensor) -> torch.Tensor:
    q, k, v = (part.unflatten(-1, (HEADS, -1)).transpose(1, 2) for part in parts)
    return F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(-2)


class Fused(nn.Module):
    """Attention with one layer, whose rows are in one of three orders."""

    def __init__(self, layout: str) -> None:
        super().__init__()
        self.qkv, self.layout = nn.Linear(4, 12), layout

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        rows = self.qkv(x)
        if self.layout == "concatenated":
            return attention(*rows.chunk(3, -1))
        if self.layout == "by head":
            parts = rows.unflatten(-1, (HEADS, 3, -1)).unbind(-2)
            return attention(*(part.flatten(-2) for part in parts))
        return attention(*rows.unflatten(-1, (-1, 3)).unbind(-1))


LAYOUTS: dict[str, Callable[..., Any]] = {
    "concatenated": concat,
    "by head": lambda *parts: by_head(*parts, heads=HEADS),
    "interleaved": interleave,
}


def inputs(generator: np.random.Generator) -> dict[str, Any]:
    return {"x": generator.standard_normal((2, 3, 4)).astype(np.float32)}


def compared(reference: Any, candidate: Any, **options: Any) -> Report:
    settings: dict[str, Any] = {"stress_inputs": ("plain", "zeros"), "inputs": inputs, **options}
    return check(Pair(name="weights", reference=reference, candidate=candidate, **settings))


def fused(layout: str, function: Callable[..., Any], **options: Any) -> Report:
    weights = {
        f"qkv.{name}": function(*(f"{part}.{name}" for part in "qkv"))
        for name in ("weight", "bias")
    }
    return compared(Split, lambda: Fused(layout), weights=weights, **options)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_fused_queries_keys_and_values(layout: str) -> None:
    optimizer = {"torch": lambda parameters: torch.optim.Adam(parameters, 1e-2)}
    report = fused(layout, LAYOUTS[layout], optimizer=optimizer, loss=lambda y: y.square().mean())
    assert report.passed, str(report)
    gradients = {f.path for f in report.findings if f.quantity == "parameter_gradient"}
    assert gradients >= {"q", "k", "v"}
    assert any(f.phase == "optimizer" for f in report.findings)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_another_layout_than_was_said_is_found(layout: str) -> None:
    for name, function in LAYOUTS.items():
        if name != layout:
            assert fused(layout, function).verdict is Verdict.SEMANTIC_DIFFERENCE


def test_a_fused_reference_and_a_split_port() -> None:
    weights = {
        f"{part}.{name}": split(f"qkv.{name}", number, 3)
        for number, part in enumerate("qkv")
        for name in ("weight", "bias")
    }
    assert compared(lambda: Fused("concatenated"), Split, weights=weights).passed


class Matrix(nn.Module):
    """A linear layer stored the other way round."""

    def __init__(self, slope: float = 1.0) -> None:
        super().__init__()
        self.w, self.slope = nn.Parameter(torch.randn(4, 5)), slope

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        return input @ self.w * self.slope


@pytest.mark.parametrize(("slope", "passes"), [(1.0, True), (1.001, False)])
def test_a_transposed_weight(slope: float, passes: bool) -> None:
    report = compared(
        lambda: nn.Linear(4, 5, bias=False),
        lambda: Matrix(slope),
        weights={"w": transpose("weight")},
    )
    assert report.passed is passes


class Named(nn.Module):
    def __init__(self, *names: str) -> None:
        super().__init__()
        self.names = names
        for name in names:
            setattr(self, name, nn.Linear(4, 4))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        first, second = (getattr(self, name)(x) for name in sorted(self.names))
        return torch.tanh(first) * second


def test_layers_of_one_shape_are_not_paired_against_their_names() -> None:
    with pytest.raises(CannotCompare) as raised:
        compared(lambda: Named("q", "k"), lambda: Named("key", "query"))
    text = str(raised.value)
    assert "perhaps rename={'q': 'query', 'k': 'key'}" in text
    rename = {"q": "query", "k": "key"}
    assert compared(lambda: Named("q", "k"), lambda: Named("key", "query"), rename=rename).passed


def test_layers_whose_names_say_nothing_are_paired_in_order() -> None:
    assert compared(lambda: Named("a", "b"), lambda: Named("f", "g")).passed


def test_a_wrappers_prefix_is_no_other_name() -> None:
    assert compared(lambda: Named("a", "b"), lambda: nn.DataParallel(Named("a", "b"))).passed
    assert compared(lambda: nn.DataParallel(Named("a", "b")), lambda: Named("a", "b")).passed


class Masked(nn.Module):
    """Keeps a mask as a parameter, as a port did."""

    def __init__(self, has_mask: bool) -> None:
        super().__init__()
        self.l = nn.Linear(4, 4)
        mask = torch.ones(4, 4).tril()
        self.mask = nn.Parameter(mask, requires_grad=False) if has_mask else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = self.l(x)
        return result


def test_a_tensor_that_is_no_weight_is_ignored_by_name() -> None:
    with pytest.raises(CannotCompare, match="the reference has none for the candidate's 'mask'"):
        compared(lambda: Masked(False), lambda: Masked(True))
    assert compared(lambda: Masked(False), lambda: Masked(True), ignore=("ma*",)).passed
    with pytest.raises(CannotCompare, match="ignore names 'nothing', which matches no tensor"):
        compared(lambda: Masked(False), lambda: Masked(True), ignore=("mask", "nothing"))


class Passes(nn.Module):
    """Passes a parameter to a module, which returns one of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.position = nn.Parameter(torch.randn(4))
        self.table, self.add = Table(), Add()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = self.add(x, self.position) * self.table()
        return result


class Table(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.randn(4))

    def forward(self) -> torch.Tensor:
        return self.scale


class Add(nn.Module):
    def forward(self, x: torch.Tensor, position: torch.Tensor) -> torch.Tensor:
        return x + position


def test_parameters_passed_to_and_returned_by_modules() -> None:
    model = Passes()
    report = compared(lambda: model, Passes)
    assert report.passed, str(report)
    x = torch.ones(2, 3, 4)
    model(x).sum().backward()
    expected = torch.autograd.grad(Passes.forward(model, x).sum(), [*model.parameters()])
    for parameter, gradient in zip(model.parameters(), expected, strict=True):
        torch.testing.assert_close(parameter.grad, gradient, rtol=0, atol=0)


@pytest.mark.parametrize(
    "wrap",
    [nn.utils.parametrizations.weight_norm, nn.utils.parametrizations.spectral_norm],
)
@pytest.mark.parametrize("training", [False, True])
def test_parametrizations(wrap: Callable[[nn.Module], nn.Module], training: bool) -> None:
    def build() -> nn.Module:
        torch.manual_seed(0)
        return nn.Sequential(wrap(nn.Linear(4, 4)), nn.Tanh())

    assert compared(build, build, training=training).passed


def test_numbers_without_a_dimension_are_weights() -> None:
    class Scaled(nn.Module):
        def __init__(self, slope: float = 1.0) -> None:
            super().__init__()
            self.l, self.scale = nn.Linear(4, 4), nn.Parameter(torch.tensor(2.6))
            self.register_buffer("offset", torch.tensor(0.5))
            self.slope = slope

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.l(x) * self.scale.exp() * self.slope + self.offset

    assert compared(Scaled, Scaled).passed
    assert compared(Scaled, lambda: Scaled(1.001)).verdict is Verdict.SEMANTIC_DIFFERENCE
