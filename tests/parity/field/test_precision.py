"""Precision inside models: casts, mixed precision, weights in bfloat16 and float16."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.checkpoint import checkpoint

from parity import Pair, Report, Verdict, check
from parity.verdict import Cause

Forward = Callable[[nn.Module, torch.Tensor], torch.Tensor]


class Net(nn.Module):
    """Two linear layers around a function of the test's."""

    def __init__(self, inside: Forward, low: torch.dtype | None = None) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(8, 16), nn.Linear(16, 4)
        self.inside, self.low = inside, low

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(self.inside(self, self.first(x)))


def inputs(rng: np.random.Generator) -> dict[str, np.ndarray]:
    return {"x": rng.standard_normal((5, 8), np.float32)}


def compare(reference: Any, candidate: Any, **options: Any) -> Report:
    pair = Pair(name="cast", reference=reference, candidate=candidate, inputs=inputs, **options)
    return check(pair)


def judged(reference: Forward, candidate: Forward, **options: Any) -> Report:
    return compare(lambda: Net(reference), lambda: Net(candidate), **options)


def plain(net: nn.Module, h: torch.Tensor) -> torch.Tensor:
    return F.softmax(h, -1) * 0.3


class Custom(torch.autograd.Function):
    """A function that casts in its backward pass."""

    @staticmethod
    def forward(ctx: Any, h: torch.Tensor) -> torch.Tensor:
        return h.float() * 0.3

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> torch.Tensor:
        return gradient.float() * 0.3


CASTS: dict[str, Forward] = {
    "float": lambda net, h: F.softmax(h.float(), -1).type_as(h) * 0.3,
    "to": lambda net, h: F.softmax(h.to(torch.float32), -1).to(h.dtype) * 0.3,
    "to by keyword": lambda net, h: F.softmax(h.to(dtype=torch.float32), -1) * 0.3,
    "type": lambda net, h: F.softmax(h.type(torch.float32), -1).type(h.dtype) * 0.3,
    "old type": lambda net, h: F.softmax(h.type("torch.FloatTensor"), -1) * 0.3,
    "old class": lambda net, h: F.softmax(h.type(torch.FloatTensor), -1) * 0.3,
    "softmax": lambda net, h: F.softmax(h, -1, dtype=torch.float32) * 0.3,
    "method": lambda net, h: h.softmax(-1, dtype=torch.float32) * 0.3,
    "module": lambda net, h: nn.Identity().float()(F.softmax(h.float(), -1)) * 0.3,
    "like a constant": lambda net, h: F.softmax(h.to(torch.FloatTensor([1.0])), -1) * 0.3,
    "factory": lambda net, h: (
        F.softmax(h, -1) * torch.full(h.shape, 0.3, dtype=torch.float32, device=h.device)
    ),
    "scalar": lambda net, h: F.softmax(h, -1) * torch.tensor(0.3, dtype=torch.float32),
    "sum": lambda net, h: h.exp() / h.exp().sum(-1, True, dtype=torch.float32) * 0.3,
    "matmul with a constant": lambda net, h: (
        F.softmax(h, -1) @ torch.eye(16, dtype=torch.float32) * 0.3
    ),
    "matmul with an array": lambda net, h: (
        F.softmax(h, -1) @ torch.from_numpy(np.eye(16, dtype=np.float32)) * 0.3
    ),
    "complex": lambda net, h: F.softmax(h.to(torch.complex64).real, -1) * 0.3,
    "checkpoint": lambda net, h: checkpoint(
        lambda a: F.softmax(a.float(), -1) * 0.3, h, use_reentrant=False
    ),
}


@pytest.mark.parametrize("cast", CASTS)
def test_a_cast_to_float32_on_one_side_is_no_difference(cast: str) -> None:
    report = judged(plain, CASTS[cast], stress_inputs=("plain",))
    assert report.verdict in (Verdict.IDENTICAL, Verdict.WITHIN_NOISE), str(report)


def test_a_backward_pass_that_casts_is_no_difference() -> None:
    report = judged(
        lambda net, h: h * 0.3, lambda net, h: Custom.apply(h), stress_inputs=("plain",)
    )
    assert report.verdict in (Verdict.IDENTICAL, Verdict.WITHIN_NOISE), str(report)


def test_a_module_that_casts_as_clip_does_agrees_with_itself() -> None:
    class WideNorm(nn.LayerNorm):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return super().forward(x.type(torch.float32)).type(x.dtype)

    class Wide(nn.Module):
        def __init__(self, norm: type[nn.LayerNorm]) -> None:
            super().__init__()
            self.norm, self.last = norm(8), nn.Linear(8, 4)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.last(self.norm(x))

    report = compare(lambda: Wide(nn.LayerNorm), lambda: Wide(WideNorm))
    assert report.passed, str(report)


def test_a_tensor_kept_as_an_attribute_follows() -> None:
    class Kept(Net):
        def __init__(self) -> None:
            super().__init__(lambda net, h: F.softmax(h, -1) @ net.table["eye"] * 0.3)
            self.table = {"eye": torch.eye(16)}

    candidate = Kept()
    report = compare(lambda: Net(plain), lambda: candidate, stress_inputs=("plain",))
    assert report.passed, str(report)
    assert candidate.table["eye"].dtype == torch.float32


def half(net: nn.Module, h: torch.Tensor) -> torch.Tensor:
    return plain(net, h.half().float())


def autocast(net: nn.Module, h: torch.Tensor) -> torch.Tensor:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        return plain(net, h @ net.last.weight.T @ net.last.weight).float()


def no_autocast(net: nn.Module, h: torch.Tensor) -> torch.Tensor:
    return plain(net, h @ net.last.weight.T @ net.last.weight)


@pytest.mark.parametrize("low", [half, autocast])
def test_half_precision_on_both_sides_agrees(low: Forward) -> None:
    other = (lambda net, h: half(net, h + 0)) if low is half else low
    report = judged(low, other, stress_inputs=("plain",))
    assert report.verdict in (Verdict.IDENTICAL, Verdict.WITHIN_NOISE), str(report)


@pytest.mark.parametrize(("full", "low"), [(plain, half), (no_autocast, autocast)])
@pytest.mark.parametrize("side", ["reference", "candidate"])
def test_half_precision_on_one_side_is_another_program(
    full: Forward, low: Forward, side: str
) -> None:
    sides = (low, full) if side == "reference" else (full, low)
    report = judged(*sides, stress_inputs=("plain",))
    verdict, cause = Verdict.SEMANTIC_DIFFERENCE, Cause.COARSER
    assert report.verdict is verdict, str(report)
    worse = [f for f in report.findings if f.verdict is verdict]
    assert {(f.side, f.cause) for f in worse} == {(side, cause)}


@pytest.mark.parametrize("scale", [0.3 * 1.001, 0.3 * (1 + 1e-9)])
@pytest.mark.parametrize("low", [half, CASTS["float"]])
def test_a_wrong_scale_beside_a_cast_is_found(low: Forward, scale: float) -> None:
    report = judged(low, lambda net, h: low(net, h) * (scale / 0.3), stress_inputs=("plain",))
    assert report.verdict is Verdict.SEMANTIC_DIFFERENCE, str(report)


def lowered(inside: Forward, dtype: torch.dtype, only: str = "") -> Callable[[], nn.Module]:
    def build() -> nn.Module:
        torch.manual_seed(0)
        net = Net(inside)
        getattr(net, only).to(dtype) if only else net.to(dtype)
        return net

    return build


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_weights_in_half_precision_are_judged(dtype: torch.dtype) -> None:
    def spelled_out(net: nn.Module, h: torch.Tensor) -> torch.Tensor:
        powers = (h - h.amax(-1, keepdim=True).detach()).exp()
        return powers / powers.sum(-1, keepdim=True) * 0.3

    candidate = lowered(spelled_out, dtype)
    report = compare(lowered(plain, dtype), candidate)
    assert report.verdict in (Verdict.IDENTICAL, Verdict.WITHIN_NOISE), str(report)
    assert any(f.quantity == "parameter_gradient" for f in report.findings)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_a_fault_between_weights_in_half_precision_is_found(dtype: torch.dtype) -> None:
    candidate = lowered(lambda net, h: F.softmax(h, -1) * 0.3001, dtype)
    report = compare(lowered(plain, dtype), candidate, stress_inputs=("plain",))
    assert report.verdict is Verdict.SEMANTIC_DIFFERENCE, str(report)
    assert report.first_divergence is not None
    assert report.first_divergence.path == ""


@pytest.mark.parametrize("only", ["first", "last"])
def test_some_weights_in_half_precision_are_judged(only: str) -> None:
    dtype = torch.bfloat16

    def mixed(net: nn.Module, h: torch.Tensor) -> torch.Tensor:
        return plain(net, h.float()).to(net.last.weight.dtype)

    report = compare(lowered(mixed, dtype, only), lowered(mixed, dtype, only))
    assert report.verdict in (Verdict.IDENTICAL, Verdict.WITHIN_NOISE), str(report)


def test_half_precision_weights_of_a_port_alone_are_a_difference() -> None:
    report = compare(lambda: Net(plain), lowered(plain, torch.bfloat16), stress_inputs=("plain",))
    assert report.verdict is Verdict.SEMANTIC_DIFFERENCE, str(report)
    assert {f.cause for f in report.findings if not f.passes()} == {Cause.COARSER}


def test_training_with_half_precision_weights_is_judged() -> None:
    pair = Pair(
        name="half",
        reference=lowered(plain, torch.bfloat16),
        candidate=lowered(plain, torch.bfloat16),
        inputs=inputs,
        stress_inputs=("plain",),
        loss=lambda y: y.square().mean(),
        optimizer={"torch": lambda parameters: torch.optim.SGD(parameters, lr=0.1)},
    )
    assert check(pair).passed


def test_the_examples_of_the_document_run() -> None:
    page = Path(__file__).parents[3] / "docs" / "precision-and-randomness.md"
    blocks = re.findall(r"^```python\n(.*?)^```", page.read_text(encoding="utf-8"), re.S | re.M)
    assert len(blocks) == 4
    names: dict[str, Any] = {}
    for block in blocks:
        exec(compile(block, str(page), "exec"), names)
