"""Draws are seen, and made from the source's numbers where it gives some."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from parity.adapters.protocol import Family
from parity.adapters.torch_random import RandomFrom, default_generator

P = torch.tensor([0.1, 0.0, 0.6, 0.3])
Draw = Callable[[], torch.Tensor]
DRAWS: dict[str, tuple[str, Draw]] = {
    "rand": ("uniform", lambda: torch.rand(4)),
    "rand_like": ("uniform", lambda: torch.rand_like(P)),
    "uniform_": ("uniform", lambda: torch.empty(4).uniform_(2, 3)),
    "randn": ("normal", lambda: torch.randn(2, 2)),
    "randn_like": ("normal", lambda: torch.randn_like(P)),
    "normal": ("normal", lambda: torch.normal(P, 2.0)),
    "normal_": ("normal", lambda: torch.empty(4).normal_(mean=1, std=2)),
    "log_normal_": ("normal", lambda: torch.empty(4).log_normal_()),
    "bernoulli": ("uniform", lambda: torch.bernoulli(P)),
    "bernoulli_": ("uniform", lambda: torch.empty(4).bernoulli_(0.3)),
    "bernoulli_ of tensors": ("uniform", lambda: torch.empty(4).bernoulli_(P)),
    "exponential_": ("uniform", lambda: torch.empty(4).exponential_()),
    "randint": ("uniform", lambda: torch.randint(7, (4,))),
    "randint of two": ("uniform", lambda: torch.randint(-3, 7, (4,))),
    "randint by keyword": ("uniform", lambda: torch.randint(low=-3, high=7, size=(4,))),
    "randint_like": ("uniform", lambda: torch.randint_like(P, 2, 7)),
    "random_": ("uniform", lambda: torch.empty(4, dtype=torch.int64).random_(3, 9)),
    "random_ without bounds": ("uniform", lambda: torch.empty(4).random_()),
    "randperm": ("uniform", lambda: torch.randperm(4)),
    "multinomial": ("uniform", lambda: torch.multinomial(P, 3)),
    "multinomial with replacement": ("uniform", lambda: P.multinomial(9, replacement=True)),
    "gumbel_softmax": ("uniform", lambda: F.gumbel_softmax(P, hard=True)),
    "distribution": ("normal", lambda: torch.distributions.Normal(P, 1.0).rsample()),
    "poisson": ("other", lambda: torch.poisson(P)),
    "rrelu": ("other", lambda: F.rrelu(-P, training=True)),
}


class Source:
    """Numbers of one seed; its calls are kept."""

    def __init__(self, gives: bool) -> None:
        self.gives, self.rng = gives, np.random.default_rng(0)
        self.calls: list[tuple[Family, tuple[int, ...]]] = []

    def __call__(self, family: Family, shape: tuple[int, ...]) -> Any:
        self.calls.append((family, shape))
        if not self.gives or family == "other":
            return None
        draw = self.rng.standard_normal if family == "normal" else self.rng.random
        return np.asarray(draw(shape, np.float32))


@pytest.mark.parametrize("name", DRAWS)
def test_a_draw_is_told_once_and_made_from_the_numbers(name: str) -> None:
    family, draw = DRAWS[name]
    made = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        source = Source(gives=True)
        with RandomFrom(source):
            made.append(draw())
        assert [call[0] for call in source.calls] == [family]
    assert made[0].shape == made[1].shape
    assert torch.equal(*made) == (family != "other")
    if "multinomial" in name:
        assert not (made[0] == 1).any()  # its probability is 0
    if name == "randperm":
        assert sorted(made[0].tolist()) == [0, 1, 2, 3]


@pytest.mark.parametrize("name", DRAWS)
def test_without_numbers_the_draw_is_pytorchs(name: str) -> None:
    _, draw = DRAWS[name]
    torch.manual_seed(3)
    expected = draw()
    torch.manual_seed(3)
    source = Source(gives=False)
    with RandomFrom(source):
        assert torch.equal(draw(), expected)
    assert len(source.calls) == 1


def test_moments_are_those_of_the_distribution() -> None:
    with RandomFrom(Source(gives=True)):
        normal = torch.empty(20000).normal_(3, 2)
        integers = torch.randint(2, 5, (20000,))
        kept = torch.bernoulli(torch.full((20000,), 0.2))
        waits = torch.empty(20000).exponential_(4.0)
    assert abs(normal.mean() - 3) < 0.1
    assert abs(normal.std() - 2) < 0.1
    assert set(integers.tolist()) == {2, 3, 4}
    assert abs(kept.mean() - 0.2) < 0.02
    assert abs(waits.mean() - 0.25) < 0.02


def test_the_generator_can_be_started_and_put_back() -> None:
    generator = default_generator(torch.device("cpu"))
    before = generator.state()
    generator.start_from(5)
    first = torch.rand(3)
    assert generator.state() != before
    generator.start_from(5)
    assert torch.equal(torch.rand(3), first)
    generator.put_back(before)
    assert generator.state() == before


def test_a_gradient_flows_through_gumbel_softmax() -> None:
    logits = P.clone().requires_grad_()
    with RandomFrom(Source(gives=True)):
        F.gumbel_softmax(logits)[0].backward()
    assert logits.grad is not None
    assert logits.grad.abs().sum() > 0
