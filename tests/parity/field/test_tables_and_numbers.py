"""Tables that training never changes, complex numbers, checkpointing, shared weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from parity import Pair, Report, Verdict, check
from parity.verdict import Cause


def compared(reference: Callable[[], Any], candidate: Callable[[], Any], **options: Any) -> Report:
    settings: dict[str, Any] = {
        "stress_inputs": ("plain", "zeros"),
        "inputs": lambda g: {"x": g.standard_normal((3, 4)).astype(np.float32)},
        **options,
    }
    return check(Pair(name="field", reference=reference, candidate=candidate, **settings))


class Tables(nn.Module):
    """A layer beside a table that no training changes, and statistics that it does change."""

    def __init__(self, table: Callable[[torch.Tensor], torch.Tensor], count: int = 3) -> None:
        super().__init__()
        self.l, self.norm = nn.Linear(4, 4), nn.BatchNorm1d(4)
        self.register_buffer("table", table(torch.linspace(1e-4, 0.02, 4)))
        self.register_buffer("count", torch.tensor(count))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = self.norm(self.l(x)) * self.table
        return result


def alpha_bar(beta: torch.Tensor) -> torch.Tensor:
    return torch.cumprod(1 - beta, 0)


def test_a_wrong_table_is_found_although_it_is_overwritten() -> None:
    report = compared(
        lambda: Tables(alpha_bar), lambda: Tables(lambda b: torch.cumprod(1 - b**2, 0))
    )
    (finding,) = (f for f in report.findings if not f.passes())
    assert (finding.phase, finding.label, finding.cause) == ("init", "table", Cause.OTHER_BUFFER)
    assert finding.verdict is Verdict.SEMANTIC_DIFFERENCE


def test_a_table_rounded_otherwise_passes() -> None:
    def in_logarithms(beta: torch.Tensor) -> torch.Tensor:
        return torch.exp(torch.cumsum(torch.log1p(-beta.double()), 0)).float()

    assert compared(lambda: Tables(alpha_bar), lambda: Tables(in_logarithms)).passed


def test_an_integer_buffer_is_compared_exactly() -> None:
    report = compared(lambda: Tables(alpha_bar), lambda: Tables(alpha_bar, count=4))
    assert [f.label for f in report.findings if not f.passes()] == ["count"]


class Other(Tables):
    """Starts its running statistics elsewhere, which the first batches forget."""

    def __init__(self) -> None:
        super().__init__(alpha_bar)
        self.norm.running_mean.add_(1.0)  # type: ignore[union-attr]


def test_buffers_that_training_changes_may_start_anywhere() -> None:
    report = compared(lambda: Tables(alpha_bar), Other)
    assert report.passed
    note = "buffers built otherwise, which training changes: norm.running_mean; not judged"
    assert note in report.notes


class Wave(nn.Module):
    """A complex weight, and what is real of its product."""

    def __init__(self, change: Callable[[torch.Tensor], torch.Tensor] = lambda w: w) -> None:
        super().__init__()
        self.w, self.change = nn.Parameter(torch.randn(4, dtype=torch.complex64)), change

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        product = x * self.change(self.w)
        return product if product.is_complex() else product.real


@pytest.mark.parametrize("inputs", [np.float32, np.complex64])
def test_complex_weights_keep_their_imaginary_part(inputs: Any) -> None:
    def drawn(generator: np.random.Generator) -> dict[str, Any]:
        real, imaginary = generator.standard_normal((2, 3, 4))
        return {"x": (real + 1j * imaginary).astype(inputs) if inputs == np.complex64
                else real.astype(inputs)}  # fmt: skip

    assert compared(Wave, Wave, inputs=drawn).passed
    wrong = compared(Wave, lambda: Wave(torch.conj), inputs=drawn)
    assert wrong.verdict is Verdict.SEMANTIC_DIFFERENCE
    slightly = compared(Wave, lambda: Wave(lambda w: w * 1.00001), inputs=drawn)
    assert slightly.verdict is Verdict.SEMANTIC_DIFFERENCE


class Deep(nn.Module):
    """Two blocks, recomputed in the backward pass where asked for."""

    def __init__(self, reentrant: bool | None = None, slope: float = 1.0) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(4, 4), nn.Linear(4, 4)
        self.reentrant, self.slope = reentrant, slope

    def block(self, x: torch.Tensor) -> torch.Tensor:
        return torch.tanh(self.second(torch.tanh(self.first(x)))) * self.slope

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.reentrant is None:
            return self.block(x)
        result: torch.Tensor = checkpoint(self.block, x, use_reentrant=self.reentrant)
        return result


@pytest.mark.parametrize("reentrant", [False, True])
def test_gradient_checkpointing_on_one_side(reentrant: bool) -> None:
    assert compared(Deep, lambda: Deep(reentrant)).passed
    assert compared(lambda: Deep(reentrant), Deep).passed
    wrong = compared(Deep, lambda: Deep(reentrant, 1.001))
    assert wrong.verdict is Verdict.SEMANTIC_DIFFERENCE


@pytest.mark.parametrize("reentrant", [False, True])
def test_checkpointing_works_again_afterwards(reentrant: bool) -> None:
    compared(Deep, lambda: Deep(reentrant))
    model, calls = Deep(reentrant), []
    model.first.register_forward_hook(lambda *_: calls.append(1))
    model(torch.ones(2, 4, requires_grad=True)).sum().backward()
    assert len(calls) == 2  # forward, and again in the backward pass


class _Sum(nn.Module):
    """A sum of a bias and of many products, one by one or the bias last."""

    def __init__(self, bias_first: bool, factor: float = 1.0) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.weight = nn.Parameter(torch.rand(2048) * 0.01 + 0.01)
        self.bias = nn.Parameter(torch.full((1,), 0.7))
        self.bias_first, self.factor = bias_first, factor

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        products = x * 1.6e-15 * self.weight  # far below the bias
        if not self.bias_first:
            return (products.sum(-1, keepdim=True) + self.bias) * self.factor
        # One by one, inside one operation, as a kernel of a convolution does.
        terms = torch.cat([self.bias.expand(len(x), 1), products], -1)
        return torch.cumsum(terms, -1)[:, -1:] * self.factor


def test_terms_far_below_a_bias_round_alike() -> None:
    def compared(**candidate: Any) -> Report:
        return check(
            Pair(
                name="sum",
                reference=lambda: _Sum(True),
                candidate=lambda: _Sum(**candidate),
                stress_inputs=("plain", "constant"),
                inputs=lambda g: {"x": g.standard_normal((3, 2048)).astype(np.float32)},
            )
        )

    assert compared(bias_first=False).passed
    assert not compared(bias_first=False, factor=1 + 1e-12).passed  # with plain inputs
