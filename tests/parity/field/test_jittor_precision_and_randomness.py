"""Jittor ports that cast, keep half-precision weights, or draw random numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import jittor_env
from parity import Pair, Report, Verdict, check
from parity.verdict import Cause

jt = jittor_env.load()
Inside = Callable[[Any], Any]


class TorchNet(nn.Module):
    """Two linear layers around a function."""

    def __init__(self, inside: Inside) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(8, 6), nn.Linear(6, 4)
        self.inside = inside

    def forward(self, x: Any) -> Any:
        return self.last(self.inside(self.first(x)))


class JittorNet(jt.Module):
    """Its port."""

    def __init__(self, inside: Inside) -> None:
        super().__init__()
        self.first, self.last = jt.nn.Linear(8, 6), jt.nn.Linear(6, 4)
        self.inside = inside

    def execute(self, x: Any) -> Any:
        return self.last(self.inside(self.first(x)))


def inputs(rng: np.random.Generator) -> dict[str, np.ndarray]:
    return {"x": rng.standard_normal((5, 8), np.float32)}


def judged(reference: Inside, candidate: Inside, **options: Any) -> Report:
    return check(
        Pair(
            **{"name": "port", "inputs": inputs, "stress_inputs": ("plain",), **options},
            reference=lambda: TorchNet(reference),
            candidate=lambda: JittorNet(candidate),
        )
    )


def plain(h: Any) -> Any:
    return F.softmax(h, -1) * 0.3


def softmax(h: Any) -> Any:
    return jt.nn.softmax(h, dim=-1)


CASTS: dict[str, Inside] = {
    "float32": lambda h: softmax(h.float32()) * 0.3,
    "float": lambda h: softmax(h.float()) * 0.3,
    "float_auto": lambda h: softmax(h.float_auto()) * 0.3,
    "cast": lambda h: softmax(h.cast("float32")).cast(h.dtype) * 0.3,
    "astype": lambda h: softmax(h.astype(jt.float32)) * 0.3,
    "unary": lambda h: softmax(h.unary(op="float32")) * 0.3,
    "to": lambda h: softmax(h.to(jt.float32)) * 0.3,
    "function": lambda h: softmax(jt.float32(h)) * jt.float32(0.3),
    "type_as": lambda h: softmax(h.type_as(jt.ones((1,), dtype="float32"))) * 0.3,
    "constant": lambda h: softmax(h) * jt.full((6,), 0.3, "float32"),
    "array": lambda h: softmax(h) @ jt.array(np.eye(6, dtype=np.float32)) * 0.3,
    "zeros": lambda h: softmax(h + jt.zeros((6,), "float32")) * 0.3,
    "array of a dtype": lambda h: softmax(h) * jt.array([0.3], dtype="float32"),
}


@pytest.mark.parametrize("cast", CASTS)
def test_a_cast_to_float32_in_a_port_is_no_difference(cast: str) -> None:
    report = judged(plain, CASTS[cast])
    assert report.verdict in (Verdict.IDENTICAL, Verdict.WITHIN_NOISE), str(report)


def test_a_wrong_scale_beside_a_cast_is_found() -> None:
    report = judged(plain, lambda h: CASTS["float_auto"](h) * (1 + 1e-9))
    assert report.verdict is Verdict.SEMANTIC_DIFFERENCE, str(report)


def half(h: Any) -> Any:
    return softmax(h.float16().float32()) * 0.3


def test_half_precision_in_a_port_alone_is_a_difference() -> None:
    report = judged(plain, half)
    assert report.verdict is Verdict.SEMANTIC_DIFFERENCE, str(report)
    assert {f.side for f in report.findings if f.cause is Cause.COARSER} == {"candidate"}


def test_half_precision_on_both_sides_agrees() -> None:
    report = judged(lambda h: plain(h.half().float()), half)
    assert report.verdict in (Verdict.IDENTICAL, Verdict.WITHIN_NOISE), str(report)


def test_mixed_precision_of_a_port_is_off_in_float64() -> None:
    def mixed(h: Any) -> Any:
        with jt.flag_scope(amp_level=5):
            product = h * jt.ones((5, 6))
        return softmax(product.float32()) * 0.3

    report = judged(plain, mixed)
    assert report.passed, str(report)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_weights_in_half_precision_are_judged(dtype: str) -> None:
    def pair(inside: Inside) -> Pair:
        return Pair(
            name="half",
            inputs=inputs,
            stress_inputs=("plain",),
            reference=lambda: TorchNet(plain).to(getattr(torch, dtype)),
            candidate=lambda: getattr(JittorNet(inside), dtype)(),
        )

    def correct(h: Any) -> Any:
        return softmax(h.float32()).cast(h.dtype) * 0.3

    report = check(pair(correct))
    assert report.passed, str(report)
    wrong = check(pair(lambda h: correct(h) * 1.001))
    assert wrong.verdict is Verdict.SEMANTIC_DIFFERENCE, str(wrong)


SHARED: dict[str, tuple[Inside, Inside]] = {
    "normal": (
        lambda h: h + 0.5 * torch.randn_like(h) + 1,
        lambda h: h + jt.normal(1.0, 0.5, h.shape),
    ),
    "uniform": (
        lambda h: h * torch.empty(h.shape).uniform_(1, 3),
        lambda h: h * jt.init.uniform(h.shape, "float32", 1, 3),
    ),
    "drop path": (
        lambda h: h * h.new_empty(5, 1).bernoulli_(0.8) / 0.8,
        lambda h: h * jt.floor(0.8 + jt.rand((5, 1), dtype=h.dtype)) / 0.8,
    ),
    "bernoulli": (
        lambda h: h * torch.bernoulli(torch.full_like(h, 0.7)),
        lambda h: h * jt.bernoulli(jt.full_like(h, 0.7)),
    ),
    "farthest points": (
        lambda h: h[torch.randint(0, 5, (3,))].mean(0) + h,
        lambda h: h[jt.randint(0, 5, (3,))].mean(0) + h,
    ),
    "permutation": (lambda h: h + h[torch.randperm(5)], lambda h: h + h[jt.randperm(5)]),
}


@pytest.mark.parametrize("kind", SHARED)
def test_shared_draws_make_a_random_port_comparable(kind: str) -> None:
    report = judged(*SHARED[kind], random="shared")
    assert report.passed, str(report)
    assert not any(f.verdict is Verdict.ABSTAIN for f in report.findings)


def test_draws_on_both_sides_abstain_and_on_one_side_differ() -> None:
    both = judged(*SHARED["normal"])
    assert both.verdict is Verdict.ABSTAIN, str(both)
    assert {f.cause for f in both.findings if not f.passes()} == {Cause.RANDOM}
    port = judged(lambda h: h + 1, SHARED["normal"][1], allow={"": "noise"})
    assert port.first_divergence is not None
    assert port.first_divergence.cause is Cause.RANDOM_ON_ONE_SIDE
    assert port.first_divergence.side == "candidate"
