"""Known divergences, against PyTorch's own optimizers and batch statistics in float64."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

from parity.steps import sites
from parity.steps.judging.known import ADAM_EPSILON, RUNNING_VAR, known_divergence
from parity.steps.step_data import Call, Measure, OptimizerStep, TrainingStep
from parity.trace.sites import TensorSite

SITE = sites.weight("net.weight", 0)
PATH = "net.weight"
ADAM: dict[str, Any] = {"lr": 1e-3, "betas": (0.9, 0.999), "eps": 1e-8}


def random(seed: int, size: int = 12) -> np.ndarray:
    # Float32 values, as they are recorded, whose gradients are small enough for epsilon to show.
    return np.random.default_rng(seed).standard_normal(size).astype(np.float32)


def by_torch(kind: Any, steps: int, **settings: Any) -> tuple[np.ndarray, OptimizerStep]:
    """Take steps in float64 by PyTorch; return the last one's result, and it as it is recorded."""
    weight = torch.nn.Parameter(torch.tensor(random(0)))
    optimizer = kind([weight], **settings)
    for seed in range(steps - 1):
        weight.grad = torch.tensor(random(seed + 1) * 1e-6)
        optimizer.step()
    gradient, before = random(99) * np.float32(1e-6), weight.detach().numpy().copy()
    zeros = np.zeros_like(before)
    names = ("exp_avg", "exp_avg_sq")
    known = optimizer.state[weight] if steps > 1 else {}
    state = {n: known[n].numpy().copy() if n in known else zeros for n in names}
    wide = torch.nn.Parameter(torch.tensor(before.astype(np.float64)))
    again = kind([wide], **settings)
    again.state[wide] = {
        "step": torch.tensor(float(steps - 1)),
        **{n: torch.tensor(a.astype(np.float64)) for n, a in state.items()},
    }
    wide.grad = torch.tensor(gradient.astype(np.float64))
    again.step()
    (beta1, beta2), rate = settings["betas"], settings["lr"]
    numbers = {"betas.0": beta1, "betas.1": beta2, "eps": settings["eps"], "lr": rate}
    numbers["weight_decay"] = settings.get("weight_decay", 0.0)
    result = wide.detach().numpy()
    taken = OptimizerStep(
        "", [0], {PATH: gradient}, {PATH: gradient}, {PATH: gradient}, {PATH: numbers},
        {PATH: rate}, steps, 1, {n: {PATH: a} for n, a in state.items()}, {},
        {PATH: before}, {PATH: result.astype(np.float32)},
    )  # fmt: skip
    return result, taken


def as_in_jittor(taken: OptimizerStep, *, decoupled: bool) -> np.ndarray:
    """Return the result of Jittor's formulas in float64 (source: jittor/optim.py, Adam)."""
    numbers, count = taken.settings[PATH], taken.count
    assert count is not None
    weight, g = (a[PATH].astype(np.float64) for a in (taken.weights_before, taken.used))
    b0, b1, rate, decay = (numbers[n] for n in ("betas.0", "betas.1", "lr", "weight_decay"))
    if decoupled:
        weight = weight * (1 - rate * decay)
    else:
        g = weight * decay + g
    m = b0 * taken.before["exp_avg"][PATH].astype(np.float64) + (1 - b0) * g
    v = b1 * taken.before["exp_avg_sq"][PATH].astype(np.float64) + (1 - b1) * g * g
    step_size = rate * math.sqrt(1 - b1**count) / (1 - b0**count)
    result: np.ndarray = weight - m * step_size / (np.sqrt(v) + numbers["eps"])
    return result


def optimizer_sides(
    own: np.ndarray, other: np.ndarray, taken: OptimizerStep
) -> tuple[TrainingStep, TrainingStep]:
    steps = TrainingStep(0), TrainingStep(0)
    for step, result in zip(steps, (own, other), strict=True):
        step.measures[SITE] = Measure(result.astype(np.float32), result)
        step.optimizer_steps = [taken]
    return steps


CASES = [
    (torch.optim.Adam, 1, {}),
    (torch.optim.Adam, 4, {}),
    (torch.optim.Adam, 3, {"weight_decay": 0.01, "eps": 1e-6}),
    (torch.optim.AdamW, 3, {"weight_decay": 0.1}),
    (torch.optim.Adam, 2, {"betas": (0.5, 0.9), "lr": 0.1}),
]


@pytest.mark.parametrize(("kind", "steps", "settings"), CASES)
@pytest.mark.parametrize("is_reversed", [False, True])
def test_where_adam_adds_epsilon_is_known(
    kind: Any, steps: int, settings: dict[str, Any], is_reversed: bool
) -> None:
    late, taken = by_torch(kind, steps, **{**ADAM, **settings})
    early = as_in_jittor(taken, decoupled=kind is torch.optim.AdamW)
    assert np.abs(late - early).max() > 1e-7  # so the two can be watched apart
    sides = optimizer_sides(*((early, late) if is_reversed else (late, early)), taken)
    assert known_divergence(SITE, *sides, {}) == ADAM_EPSILON


def test_adam_of_the_same_kind_is_not_the_divergence() -> None:
    late, taken = by_torch(torch.optim.Adam, 3, **ADAM)
    early = as_in_jittor(taken, decoupled=False)
    for one in (late, early):
        sides = optimizer_sides(one, one, taken)
        assert known_divergence(SITE, *sides, {}) is None


@pytest.mark.parametrize("change", ["lr", "betas.0", "betas.1", "eps", "weight_decay"])
def test_another_setting_is_not_the_divergence(change: str) -> None:
    late, taken = by_torch(torch.optim.Adam, 3, **ADAM)
    own = dict(taken.settings[PATH])
    taken.settings[PATH] = {**own, change: own[change] * 0.99 + 1e-9}
    early = as_in_jittor(taken, decoupled=False)
    taken.settings[PATH] = own
    assert known_divergence(SITE, *optimizer_sides(late, early, taken), {}) is None


def test_coupled_and_decoupled_decay_are_not_the_divergence() -> None:
    late, taken = by_torch(torch.optim.Adam, 3, **ADAM, weight_decay=0.1)
    early = as_in_jittor(taken, decoupled=True)
    assert known_divergence(SITE, *optimizer_sides(late, early, taken), {}) is None


@pytest.mark.parametrize("missing", ["betas.0", "exp_avg", "count", "float64"])
def test_without_the_numbers_nothing_is_known(missing: str) -> None:
    late, taken = by_torch(torch.optim.Adam, 3, **ADAM)
    early = as_in_jittor(taken, decoupled=False)
    steps = optimizer_sides(late, early, taken)
    assert known_divergence(SITE, *steps, {}) == ADAM_EPSILON
    taken.settings[PATH].pop(missing, None)
    taken.before.pop(missing, None)
    if missing == "count":
        taken.count = None
    if missing == "float64":
        measures = steps[1].measures
        measures[SITE] = measures[SITE]._replace(float64=None)
    assert known_divergence(SITE, *steps, {}) is None


def test_only_the_step_in_question_is_looked_at() -> None:
    late, taken = by_torch(torch.optim.Adam, 3, **ADAM)
    early = as_in_jittor(taken, decoupled=False)
    steps = optimizer_sides(late, early, taken)
    for step in steps:
        step.measures[SITE._replace(call=1)] = step.measures[SITE]
    assert known_divergence(SITE._replace(call=1), *steps, {}) is None


BUFFER = sites.buffer("net.norm.running_var")
MOMENTUM = {"net.norm": 0.1}


def updated(before: np.ndarray, data: list[np.ndarray], momentum: float, *, ddof: int) -> Any:
    """Return the running variance after some batches, in float64."""
    for batch in data:
        before = (1 - momentum) * before + momentum * batch.var(axis=0, ddof=ddof)
    return before


def batch_norm_sides(
    own: np.ndarray, other: np.ndarray, before: np.ndarray, calls: int, name: str = ""
) -> tuple[TrainingStep, TrainingStep]:
    steps = TrainingStep(0), TrainingStep(0)
    path = "net.norm.running_var" if not name else "norm.running_var"
    for step, result in zip(steps, (own, other), strict=True):
        step.measures[BUFFER] = Measure(result.astype(np.float32), result)
        step.weights = {name: [{path: before}]}
        step.calls = [Call(name, 0, True) for _ in range(calls)] + [Call(name, 0, False)]
    return steps


@pytest.mark.parametrize("number", [2, 3, 4, 7, 16, 100, 512, 999, 1000])
@pytest.mark.parametrize("calls", [1, 3])
@pytest.mark.parametrize("is_reversed", [False, True])
def test_the_biased_variance_is_known(number: int, calls: int, is_reversed: bool) -> None:
    generator = np.random.default_rng(number)
    before = generator.uniform(0.5, 2, 5).astype(np.float32)
    data = [generator.standard_normal((number, 5)) * 3 for _ in range(calls)]
    sides = [updated(before.astype(np.float64), data, 0.1, ddof=ddof) for ddof in (1, 0)]
    steps = batch_norm_sides(*(sides[::-1] if is_reversed else sides), before, calls)
    assert known_divergence(BUFFER, *steps, MOMENTUM) == RUNNING_VAR


@pytest.mark.parametrize("number", range(2, 1001, 37))
def test_another_momentum_is_not_the_biased_variance(number: int) -> None:
    generator = np.random.default_rng(number)
    before = generator.uniform(0.5, 2, 5).astype(np.float32)
    data = [generator.standard_normal((number, 5)) * 3]
    start = before.astype(np.float64)
    unbiased = updated(start, data, 0.1, ddof=1)
    for momentum in (0.05, 0.11, 0.2, 0.9):
        for ddof in (0, 1):
            other = updated(start, data, momentum, ddof=ddof)
            steps = batch_norm_sides(unbiased, other, before, 1)
            assert known_divergence(BUFFER, *steps, MOMENTUM) is None


def test_a_variance_that_is_another_by_something_else_is_not_the_biased_one() -> None:
    generator = np.random.default_rng(0)
    before = np.ones(5, np.float32)
    data = [generator.standard_normal((8, 5))]
    unbiased, biased = (updated(before.astype(np.float64), data, 0.1, ddof=d) for d in (1, 0))
    of_one_channel = unbiased.copy()
    of_one_channel[2] = biased[2]
    for other in (unbiased, of_one_channel, biased * (1 + 1e-5), before.astype(np.float64)):
        steps = batch_norm_sides(unbiased, other, before, 1)
        assert known_divergence(BUFFER, *steps, MOMENTUM) is None
    steps = batch_norm_sides(unbiased, biased, before, 2)  # another number of batches
    assert known_divergence(BUFFER, *steps, MOMENTUM) is None
    steps = batch_norm_sides(unbiased, biased, before, 1)
    assert known_divergence(BUFFER, *steps, {}) is None
    assert known_divergence(BUFFER, *steps, MOMENTUM) == RUNNING_VAR


def test_the_biased_variance_of_one_of_several_models_is_known() -> None:
    generator = np.random.default_rng(0)
    before, data = np.ones(5, np.float32), [generator.standard_normal((8, 5))]
    sides = [updated(before.astype(np.float64), data, 0.1, ddof=ddof) for ddof in (1, 0)]
    steps = batch_norm_sides(*sides, before, 1, name="net")
    for step in steps:
        step.weights = {"other": [{"weight": before}], **step.weights}
    assert known_divergence(BUFFER, *steps, MOMENTUM) == RUNNING_VAR


@pytest.mark.parametrize(
    "site",
    [sites.buffer("net.norm.running_mean"), sites.state(PATH, "exp_avg", 0), sites.loss("", 0)],
)
def test_other_tensors_have_no_known_divergence(site: TensorSite) -> None:
    late, taken = by_torch(torch.optim.Adam, 1, **ADAM)
    steps = optimizer_sides(late, as_in_jittor(taken, decoupled=False), taken)
    for step in steps:
        step.measures[site] = step.measures[SITE]
    assert known_divergence(site, *steps, {**MOMENTUM, "net": 0.1}) is None
