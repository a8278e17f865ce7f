"""Modules that are compiled, traced, transformed, sparse, or that have hooks of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from parity import CannotCompare, Pair, Report, Verdict, check
from parity.verdict import Cause


def report(reference: Any, candidate: Any, **options: Any) -> Report:
    settings = {"inputs": lambda g: [g.standard_normal((4, 8)).astype(np.float32)], **options}
    return check(Pair(name="mine", reference=reference, candidate=candidate, **settings))


class Inner(nn.Module):
    def __init__(self, limit: float) -> None:
        super().__init__()
        self.a, self.limit = nn.Linear(8, 8), limit

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.a(x).clamp(-self.limit, self.limit)


def with_inner(limit: float, *, compiled: bool) -> nn.Module:
    model = nn.Sequential(Inner(limit), nn.Linear(8, 2))
    if compiled:
        model[0] = torch.compile(model[0], backend="eager")  # type: ignore[assignment]
    return model


@pytest.mark.filterwarnings("ignore")  # the compiler's own
def test_a_compiled_inner_module_is_compared_as_one() -> None:
    def reference() -> nn.Module:
        return with_inner(1e9, compiled=False)

    assert report(reference, lambda: with_inner(1e9, compiled=True)).passed
    # Seen under a stress input alone, so stress inputs must reach it.
    outcome = report(reference, lambda: with_inner(50.0, compiled=True))
    assert outcome.verdict is Verdict.SEMANTIC_DIFFERENCE
    assert outcome.first_divergence is not None
    assert outcome.first_divergence.path == "0"


def layers(factor: float = 1.0) -> nn.Module:
    model = nn.Sequential(nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 3))
    with torch.no_grad():
        model[1].register_forward_hook(lambda module, args, result: result * factor)
    return model


def test_a_traced_module_is_compared() -> None:
    def traced(factor: float) -> Callable[[], Any]:
        return lambda: torch.jit.trace(layers(factor), torch.ones(4, 8))

    assert report(layers, traced(1.0)).passed
    assert report(layers, traced(1.001)).verdict is Verdict.SEMANTIC_DIFFERENCE


class Mapped(nn.Module):
    def __init__(self, transform: str, factor: float = 1.0) -> None:
        super().__init__()
        self.a, self.transform, self.factor = nn.Linear(8, 8), transform, factor

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.transform == "vmap":
            return torch.vmap(self.a)(x) * self.factor
        return torch.func.grad(lambda z: (self.a(z).tanh() * self.factor).sum())(x)


@pytest.mark.parametrize("transform", ["vmap", "grad"])
def test_function_transforms_are_compared(transform: str) -> None:
    assert report(lambda: Mapped(transform), lambda: Mapped(transform)).passed
    wrong = report(lambda: Mapped(transform), lambda: Mapped(transform, 1.001))
    assert wrong.verdict is Verdict.SEMANTIC_DIFFERENCE


class Words(nn.Module):
    def __init__(self, *, sparse: bool, factor: float = 1.0) -> None:
        super().__init__()
        self.table, self.factor = nn.Embedding(11, 4, sparse=sparse), factor

    def forward(self, t: torch.Tensor) -> torch.Tensor:
        return self.table(t) * self.factor


@pytest.mark.parametrize("sparse", [(True, True), (False, True), (True, False)])
def test_sparse_gradients_are_compared(sparse: tuple[bool, bool]) -> None:
    tokens = {"inputs": lambda g: [g.integers(0, 11, (2, 5))]}
    one, other = sparse
    assert report(lambda: Words(sparse=one), lambda: Words(sparse=other), **tokens).passed
    wrong = report(lambda: Words(sparse=one), lambda: Words(sparse=other, factor=1.1), **tokens)
    assert wrong.verdict is Verdict.SEMANTIC_DIFFERENCE


class Hooked(nn.Module):
    """Scales a gradient with a hook of its own."""

    def __init__(self, kind: str, factor: float) -> None:
        super().__init__()
        self.a, self.kind, self.factor = nn.Linear(8, 8), kind, factor
        if kind == "accumulated":
            self.a.weight.register_post_accumulate_grad_hook(self._scale)
        if kind == "parameter":
            self.a.weight.register_hook(lambda gradient: gradient * factor)

    def _scale(self, weight: torch.Tensor) -> None:
        assert weight.grad is not None
        weight.grad *= self.factor

    def forward(self, x: torch.Tensor) -> Any:
        y = torch.tanh(self.a(x))
        if self.kind == "output":
            y.register_hook(lambda gradient: gradient * self.factor)
        return {"y": y} if self.kind == "dict" else y


@pytest.mark.parametrize("kind", ["output", "accumulated", "parameter"])
def test_hooks_of_the_models_own_count(kind: str) -> None:
    assert report(lambda: Hooked(kind, 1.1), lambda: Hooked(kind, 1.1)).passed
    outcome = report(lambda: Hooked(kind, 1.0), lambda: Hooked(kind, 1.1))
    assert outcome.verdict is Verdict.SEMANTIC_DIFFERENCE
    assert outcome.first_divergence is not None
    assert outcome.first_divergence.phase == "backward"


class Cast(nn.Module):
    def __init__(self, dtype: torch.dtype) -> None:
        super().__init__()
        self.a, self.dtype = nn.Linear(8, 3), dtype

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.a(x).to(self.dtype)


@pytest.mark.parametrize("dtype", [torch.float64, torch.complex64])
def test_an_output_of_another_dtype_is_an_error(dtype: torch.dtype) -> None:
    outcome = report(lambda: Cast(torch.float32), lambda: Cast(dtype))
    assert outcome.verdict is Verdict.ERROR
    assert outcome.first_divergence is not None
    assert outcome.first_divergence.cause is Cause.DTYPE
    assert report(lambda: Cast(dtype), lambda: Cast(dtype)).passed


class Features(nn.Module):
    """Random Fourier features, drawn when the model is built."""

    def __init__(self, scale: float = 1.0, *, drawn: bool = True) -> None:
        super().__init__()
        table = torch.randn(8, 5) if drawn else torch.arange(40.0).reshape(8, 5) / 40
        self.register_buffer("table", table * scale)
        self.a = nn.Linear(5, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.a(torch.cos(x @ self.table))  # type: ignore[operator]


def test_a_buffer_that_is_drawn_when_built_is_no_table() -> None:
    outcome = report(Features, Features)
    assert outcome.passed, str(outcome)
    assert any("drawn at random when built: table" in note for note in outcome.notes)
    table = report(lambda: Features(drawn=False), lambda: Features(1.5, drawn=False))
    assert not table.passed
    model = Features()  # returned again and again: nothing shows that it is random
    assert not report(lambda: model, Features).passed


def test_a_keyword_that_is_taken_by_name_keeps_its_name() -> None:
    class Named(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a = nn.Linear(8, 8)

        def forward(self, x: torch.Tensor, shift: Any = None, **others: Any) -> torch.Tensor:
            y = self.a(x) * others.get("gain", 1.0)
            return y if shift is None else y + shift

    class Passing(Named):
        def forward(self, *args: Any, **kwargs: Any) -> torch.Tensor:
            return super().forward(*args, **kwargs)

    named = {"inputs": lambda g: {"x": g.standard_normal((4, 8)).astype(np.float32), "gain": 2.0}}
    for one, other in ((Named, Passing), (Passing, Named)):
        outcome = report(one, other, **named)
        assert outcome.passed
        assert not any("is passed" in note for note in outcome.notes)


def test_a_frozen_script_has_no_parameters() -> None:
    def frozen() -> Any:
        return torch.jit.freeze(torch.jit.script(nn.Sequential(nn.Linear(8, 3)).eval()))

    with pytest.raises(CannotCompare, match="the candidate has no parameters at all"):
        report(lambda: nn.Sequential(nn.Linear(8, 3)), frozen)


def test_attention_in_one_weight_is_split_as_proposed() -> None:
    from parity.trace.model_building import tree_of

    class Joined(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a = nn.MultiheadAttention(8, 2, batch_first=True)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y: torch.Tensor = self.a(x, x, x, need_weights=False)[0]
            return y

    class Parts(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.q_proj, self.k_proj, self.v_proj = (nn.Linear(8, 8) for _ in range(3))
            self.out_proj = nn.Linear(8, 8)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            q, k, v = (
                part(x).unflatten(-1, (2, -1)).transpose(1, 2)
                for part in (self.q_proj, self.k_proj, self.v_proj)
            )
            y = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(-2)
            result: torch.Tensor = self.out_proj(y)
            return result

    def inputs(generator: np.random.Generator) -> list[Any]:
        return [generator.standard_normal((2, 5, 8)).astype(np.float32)]

    proposal = tree_of(
        Pair(name="attention", reference=Joined, candidate=Parts, inputs=inputs)
    ).proposal
    assert len(proposal.weights) == 6
    outcome = report(
        Joined, Parts, inputs=inputs, rename=dict(proposal.rename),
        weights={path: weight.weight() for path, weight in proposal.weights.items()},
    )  # fmt: skip
    assert outcome.passed, str(outcome)
