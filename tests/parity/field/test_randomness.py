"""Models that draw random numbers: on both sides, on one side, and with the harness's numbers."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from parity import CannotCompare, Pair, Report, Verdict, check, random_stream
from parity.verdict import Cause

Inside = Callable[[torch.Tensor], torch.Tensor]


class Noisy(nn.Module):
    """A module whose function is given."""

    def __init__(self, inside: Inside) -> None:
        super().__init__()
        self.inside = inside

    def forward(self, h: torch.Tensor) -> torch.Tensor:
        return self.inside(h)


class Net(nn.Module):
    """Two linear layers with a module between them."""

    def __init__(self, inside: Inside) -> None:
        super().__init__()
        self.first, self.noisy, self.last = nn.Linear(8, 6), Noisy(inside), nn.Linear(6, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(self.noisy(self.first(x)))


def inputs(rng: np.random.Generator) -> dict[str, np.ndarray]:
    return {"x": rng.standard_normal((5, 8), np.float32)}


def judged(reference: Inside, candidate: Inside, **options: Any) -> Report:
    return check(
        Pair(
            **{"name": "noisy", "inputs": inputs, "stress_inputs": ("plain",), **options},
            reference=lambda: Net(reference),
            candidate=lambda: Net(candidate),
        )
    )


def identity(h: torch.Tensor) -> torch.Tensor:
    return h + 0


def seeded(h: torch.Tensor) -> torch.Tensor:
    torch.manual_seed(0)
    return h + torch.randn_like(h)


def own_generator(h: torch.Tensor) -> torch.Tensor:
    return h + torch.randn(h.shape, generator=torch.Generator().manual_seed(0))


def forgotten(h: torch.Tensor) -> torch.Tensor:
    return F.dropout(h)


def initialised(h: torch.Tensor) -> torch.Tensor:
    torch.manual_seed(0)
    return h + nn.init.normal_(torch.empty(6))


def of_numpy(h: torch.Tensor) -> torch.Tensor:
    np.random.seed(0)
    return h * float(np.random.uniform(0.5, 1))


def of_python(h: torch.Tensor) -> torch.Tensor:
    random.seed(0)
    return h * random.uniform(0.5, 1)


def in_kernel(h: torch.Tensor) -> torch.Tensor:
    torch.manual_seed(0)
    return F.rrelu(h, training=True)


DRAWS = [seeded, own_generator, forgotten, initialised, of_numpy, of_python, in_kernel]


@pytest.mark.parametrize("draw", DRAWS)
def test_draws_on_both_sides_cannot_be_judged_though_they_are_equal(draw: Inside) -> None:
    report = judged(draw, draw)
    assert report.verdict is Verdict.ABSTAIN, str(report)
    unjudged = [f for f in report.findings if f.verdict is Verdict.ABSTAIN]
    assert {(f.path, f.cause) for f in unjudged} == {
        ("noisy", Cause.RANDOM),
        ("", Cause.RANDOM),
    }
    assert all(f.scope == "end_to_end" for f in unjudged if f.path == "")
    assert "noisy" in str(report)


@pytest.mark.parametrize("draw", DRAWS)
@pytest.mark.parametrize("side", ["reference", "candidate"])
def test_a_draw_on_one_side_is_a_difference_whatever_is_allowed(draw: Inside, side: str) -> None:
    sides = (draw, identity) if side == "reference" else (identity, draw)
    for shared in (None, "shared"):
        report = judged(*sides, allow={"noisy": "noise", "": "noise"}, random=shared)
        assert not report.passed
        first = report.first_divergence
        assert first is not None
        assert (first.path, first.verdict) == ("noisy", Verdict.SEMANTIC_DIFFERENCE)
        assert (first.cause, first.side) == (Cause.RANDOM_ON_ONE_SIDE, side)


def unused(h: torch.Tensor) -> torch.Tensor:
    """Draw as layer drop does in evaluation mode, where the number decides nothing."""
    keep = torch.rand([]) < 0.1
    return h + 0 if keep and torch.is_grad_enabled() is None else h * 1


@pytest.mark.parametrize("sides", [(unused, unused), (unused, identity), (identity, unused)])
def test_a_draw_that_decides_nothing_does_not_matter(sides: tuple[Inside, Inside]) -> None:
    report = judged(*sides)
    assert report.passed, str(report)


def test_a_draw_that_seldom_decides_matters() -> None:
    def seldom(h: torch.Tensor) -> torch.Tensor:
        return h * (torch.rand([]) >= 1e-6)

    report = judged(seldom, identity)
    assert report.first_divergence is not None
    assert report.first_divergence.cause is Cause.RANDOM_ON_ONE_SIDE


def test_a_user_may_let_places_abstain_where_both_sides_draw() -> None:
    report = judged(seeded, seeded, allow={"noisy": "sampled", "": "sampled"})
    assert report.passed, str(report)


def test_a_fault_beside_a_draw_is_still_found() -> None:
    class Faulty(Net):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.last(self.noisy(self.first(x * 1.0001)))

    report = check(
        Pair(
            name="noisy",
            inputs=inputs,
            stress_inputs=("plain",),
            reference=lambda: Net(seeded),
            candidate=lambda: Faulty(seeded),
        )
    )
    assert report.first_divergence is not None
    assert report.first_divergence.cause is None
    assert report.first_divergence.tensor == "input of first"


def test_dropout_in_training_mode_is_judged_as_before() -> None:
    report = judged(nn.Dropout(0.3), nn.Dropout(0.3), training=True)
    assert report.passed, str(report)


Z = torch.randn_like
SHARED: dict[str, tuple[Inside, Inside]] = {
    "normal": (
        lambda h: h + 0.5 * torch.randn_like(h) + 1,
        lambda h: h + torch.normal(1.0, 0.5, h.shape),
    ),
    "normal of tensors": (
        lambda h: h.exp() * torch.randn(h.shape) + h,
        lambda h: torch.distributions.Normal(h, h.exp()).rsample(),
    ),
    "in place": (
        lambda h: h + torch.empty_like(h).normal_(1, 2),
        lambda h: h + (torch.randn_like(h) * 2 + 1),
    ),
    "uniform": (
        lambda h: h * torch.empty(h.shape).uniform_(1, 3),
        lambda h: h * (torch.rand(*h.shape) * 2 + 1),
    ),
    "drop path": (
        lambda h: h * torch.floor(0.8 + torch.rand(5, 1)) / 0.8,
        lambda h: h * h.new_empty(5, 1).bernoulli_(0.8) / 0.8,
    ),
    "dropout": (
        lambda h: F.dropout(h, 0.3),
        lambda h: h * torch.bernoulli(torch.full_like(h, 0.7)) / 0.7,
    ),
    "farthest points": (
        lambda h: h[torch.randint(0, 5, (3,))].mean(0) + h,
        lambda h: h[torch.floor(torch.rand(3) * 5).long()].mean(0) + h,
    ),
    "permutation": (
        lambda h: h + h[torch.randperm(5)],
        lambda h: h + h[torch.rand(5).argsort()],
    ),
    "exponential": (
        lambda h: h + torch.empty_like(h).exponential_(2.0),
        lambda h: h - torch.log1p(-torch.rand_like(h)).clamp(max=-(2.0**-25)) / 2,
    ),
    "multinomial": (
        lambda h: h + torch.multinomial(h.detach().softmax(-1), 2).sum(-1, keepdim=True),
        lambda h: h + h.detach().softmax(-1).multinomial(2).sum(-1, keepdim=True),
    ),
    "gumbel": (
        lambda h: F.gumbel_softmax(h, tau=0.7),
        lambda h: ((h - torch.empty_like(h).exponential_().log()) / 0.7).softmax(-1),
    ),
    "numpy": (
        lambda h: h * float(np.random.uniform(0.5, 1)),
        lambda h: h * (0.5 * float(np.random.random()) + 0.5),
    ),
}


@pytest.mark.parametrize("kind", SHARED)
def test_shared_draws_make_random_models_comparable(kind: str) -> None:
    reference, candidate = SHARED[kind]
    report = judged(reference, candidate, random="shared")
    assert report.passed, str(report)
    assert not any(f.verdict is Verdict.ABSTAIN for f in report.findings)
    assert any(f.owner == "noisy" and f.phase == "forward" for f in report.findings)


@pytest.mark.parametrize("kind", SHARED)
def test_a_fault_in_a_random_layer_is_found_with_shared_draws(kind: str) -> None:
    reference, candidate = SHARED[kind]
    report = judged(reference, lambda h: candidate(h) * 1.0001, random="shared")
    assert report.verdict is Verdict.SEMANTIC_DIFFERENCE
    assert report.first_divergence is not None
    assert report.first_divergence.path == "noisy"


def test_a_draw_of_numpy_may_be_cast_on_one_side() -> None:
    """`torch.FloatTensor(np.random.normal(…))` rounds in a float64 run too."""

    def cast(h: torch.Tensor) -> torch.Tensor:
        return h + torch.FloatTensor(np.random.normal(size=tuple(h.shape))).to(h.dtype)

    def uncast(h: torch.Tensor) -> torch.Tensor:
        return h + torch.from_numpy(np.random.normal(size=tuple(h.shape))).to(h.dtype)

    assert judged(cast, uncast, random="shared").passed
    assert judged(uncast, cast, random="shared").passed
    assert not judged(cast, lambda h: uncast(h) * 1.0001, random="shared").passed


def test_shared_numbers_are_random() -> None:
    seen: list[torch.Tensor] = []

    def noisy(h: torch.Tensor) -> torch.Tensor:
        seen.append(torch.randn(1000, dtype=torch.float64))
        seen.append(torch.rand(1000, dtype=torch.float64))
        return h + seen[-1][:6].to(h.dtype)

    assert judged(noisy, noisy, random="shared").passed
    normal, uniform = seen[:2]
    assert abs(normal.mean()) < 0.2
    assert 0.9 < normal.std() < 1.1
    assert 0.45 < uniform.mean() < 0.55
    assert 0 <= uniform.min() < uniform.max() < 1
    assert all(torch.equal(a, b) for a, b in zip(seen[::2], seen[::2], strict=True))
    assert torch.equal(uniform, uniform.float().double())


def test_another_number_of_shared_draws_is_a_difference() -> None:
    report = judged(
        lambda h: h + torch.randn(5, 6),
        lambda h: h + torch.randn(5, 6) * 1 + 0 * torch.randn(6),
        random="shared",
    )
    assert report.first_divergence is not None
    assert report.first_divergence.cause is Cause.OTHER_DRAWS
    assert report.first_divergence.path == "noisy"


def test_draws_that_cannot_be_shared_abstain() -> None:
    def poisson(h: torch.Tensor) -> torch.Tensor:
        return h + torch.poisson(torch.ones_like(h))

    report = judged(poisson, poisson, random="shared")
    assert report.verdict is Verdict.ABSTAIN
    assert {f.cause for f in report.findings if f.verdict is Verdict.ABSTAIN} == {Cause.RANDOM}


def test_named_streams_are_the_same_on_both_sides() -> None:
    def reparametrised(h: torch.Tensor) -> torch.Tensor:
        noise = random_stream("noise").standard_normal(h.shape)
        return h + torch.from_numpy(noise.astype(np.float32)).to(h)

    assert judged(reparametrised, reparametrised).passed
    report = judged(reparametrised, lambda h: reparametrised(h) * 1.0001)
    assert report.verdict is Verdict.SEMANTIC_DIFFERENCE


def test_builders_may_use_named_streams() -> None:
    def build() -> nn.Module:
        net = Net(identity)
        draws = random_stream("weights").standard_normal((6, 8)).astype(np.float32)
        net.first.weight.data = torch.from_numpy(draws)
        for layer in (net.first.bias, net.last.weight, net.last.bias):
            nn.init.zeros_(layer)
        return net

    pair = Pair(
        name="n", reference=build, candidate=build, inputs=inputs, init="exact",
        stress_inputs=("plain",),
    )  # fmt: skip
    assert check(pair).passed


def test_a_stream_outside_of_a_run_is_refused() -> None:
    with pytest.raises(CannotCompare, match="no comparison is running"):
        random_stream("noise")


def test_the_global_generators_are_put_back_where_draws_are_shared() -> None:
    np.random.seed(3)
    random.seed(3)
    expected = np.random.RandomState(3).uniform(), random.Random(3).random()
    judged(*SHARED["numpy"], random="shared")
    assert (np.random.uniform(), random.random()) == expected


def test_an_unknown_way_of_drawing_is_refused() -> None:
    with pytest.raises(CannotCompare, match="must be None or 'shared'"):
        judged(identity, identity, random="equal")
