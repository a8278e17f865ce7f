"""Optimizers of a user's pair: PyTorch's own against itself with faults, and against Jittor's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import jittor_env
from parity import CannotCompare, Pair, Report, check
from parity.diagnose.reproducer import replay

jt = jittor_env.load()

Make = Callable[[Any], Any]


class TorchNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(5, 7), nn.Linear(7, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.b(torch.tanh(self.a(x)))


class JittorNet(jt.nn.Module):
    def __init__(self) -> None:
        self.a, self.b = jt.nn.Linear(5, 7), jt.nn.Linear(7, 3)

    def execute(self, x: Any) -> Any:
        return self.b(jt.tanh(self.a(x)))


def seeded() -> TorchNet:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return TorchNet()


def inputs(rng: np.random.Generator) -> dict[str, np.ndarray]:
    return {"x": rng.standard_normal((4, 5), np.float32)}


def compared(reference: Make, candidate: Make, module: Any = JittorNet, **options: Any) -> Report:
    framework = "jittor" if module is JittorNet else "torch"
    optimizer = {"torch": reference, "jittor": candidate}
    if framework == "torch":
        # One framework, two optimizers: the second build is the candidate's.
        optimizer = {"torch": _ByModule(reference, candidate).make}
    settings: dict[str, Any] = {"loss": lambda y: (y * y).sum(), **options}
    return check(
        Pair(
            name="net", reference=seeded, candidate=module, inputs=inputs,
            stress_inputs=("plain",),
            optimizer=optimizer, **settings,
        )
    )  # fmt: skip


class _ByModule:
    """Builds one optimizer for the first module that it meets, another for the second."""

    def __init__(self, reference: Make, candidate: Make) -> None:
        self.first, self.reference, self.candidate = None, reference, candidate

    def make(self, parameters: list[Any]) -> Any:
        self.first = self.first or id(parameters[0])
        return (self.reference if id(parameters[0]) == self.first else self.candidate)(parameters)


AGREE: dict[str, tuple[Callable[[Any, float], Any], Callable[[Any, float], Any]]] = {
    "SGD": (
        lambda p, lr: torch.optim.SGD(p, lr=lr, momentum=0.9, weight_decay=0.01),
        lambda p, lr: jt.optim.SGD(p, lr=lr, momentum=0.9, weight_decay=0.01),
    ),
    "Nesterov": (
        lambda p, lr: torch.optim.SGD(p, lr=lr, momentum=0.9, nesterov=True),
        lambda p, lr: jt.optim.SGD(p, lr=lr, momentum=0.9, nesterov=True),
    ),
    "AdamW": (
        lambda p, lr: torch.optim.AdamW(p, lr=lr, weight_decay=0.1),
        lambda p, lr: jt.optim.AdamW(p, lr=lr, weight_decay=0.1),
    ),
    "RMSprop": (
        lambda p, lr: torch.optim.RMSprop(p, lr=lr),
        lambda p, lr: jt.optim.RMSprop(p, lr=lr),
    ),
}


@pytest.mark.parametrize("lr", [1e-4, 1e-2, 1e-1])
@pytest.mark.parametrize("name", AGREE)
def test_jittors_optimizers_that_are_the_same_function_agree(name: str, lr: float) -> None:
    reference, candidate = AGREE[name]
    report = compared(lambda p: reference(p, lr), lambda p: candidate(p, lr))
    assert report.passed, str(report)
    assert {"optimizer", "loss"} <= {f.phase for f in report.findings}


@pytest.mark.parametrize(
    ("reference", "candidate"),
    [
        # Jittor adds epsilon before it corrects the bias.
        (torch.optim.Adam, jt.optim.Adam),
        # Jittor's AdamW decays by 0, PyTorch's by 0.01, unless set otherwise.
        (torch.optim.AdamW, jt.optim.AdamW),
    ],
)
@pytest.mark.parametrize("lr", [1e-4, 1e-1])
def test_jittors_optimizers_that_are_another_function_do_not(
    reference: Callable[..., Any], candidate: Callable[..., Any], lr: float
) -> None:
    first = compared(lambda p: reference(p, lr=lr), lambda p: candidate(p, lr=lr)).first_divergence
    assert first is not None
    assert (first.phase, first.step) == ("optimizer", 0)
    assert first.verdict.name == "SEMANTIC_DIFFERENCE"


def adam(**options: Any) -> Make:
    return lambda p: torch.optim.Adam(p, **{"lr": 1e-3, **options})


class Clipped(torch.optim.SGD):
    """SGD that clips by value, or by norm."""

    by_value = False

    def step(self, closure: Any = None) -> None:
        parameters = [p for group in self.param_groups for p in group["params"]]
        if self.by_value:
            torch.nn.utils.clip_grad_value_(parameters, 0.5)
        else:
            torch.nn.utils.clip_grad_norm_(parameters, 0.5)
        super().step(closure)


class ClippedByValue(Clipped):
    by_value = True


@pytest.mark.parametrize(
    ("reference", "candidate", "step"),
    [
        (adam(), adam(eps=1e-7), 0),
        (adam(), adam(betas=(0.9, 0.99)), 1),
        (adam(weight_decay=0.1), lambda p: torch.optim.AdamW(p, 1e-3, weight_decay=0.1), 0),
        (adam(), adam(lr=1.001e-3), 0),
        (lambda p: Clipped(p, 1e-2), lambda p: ClippedByValue(p, 1e-2), 0),
        (
            lambda p: torch.optim.SGD(p, 1e-2, momentum=0.9),
            lambda p: torch.optim.SGD(p, 1e-2, momentum=0.9, dampening=0.1),
            1,
        ),
    ],
)
def test_a_wrong_optimizer_is_found_at_the_step_where_it_starts(
    reference: Make, candidate: Make, step: int
) -> None:
    report = compared(reference, candidate, module=TorchNet)
    first = report.first_divergence
    assert first is not None
    assert first.phase == "optimizer"
    steps = {f.step for f in report.findings if f.phase == "optimizer" and not f.passes()}
    assert min(steps) == step


def test_a_correct_optimizer_agrees_at_every_step() -> None:
    report = compared(adam(), adam(), module=TorchNet)
    assert report.verdict.name in ("IDENTICAL", "WITHIN_NOISE"), str(report)
    free = [f for f in report.findings if f.scope == "free_run"]
    assert [f.tensor for f in free] == [f"loss at step {n}, running free" for n in range(20)]


def test_without_a_loss_the_steps_alone_are_judged() -> None:
    phases = {f.phase for f in compared(adam(), adam(), module=TorchNet, loss=None).findings}
    assert phases == {"forward", "backward", "optimizer"}


def test_an_optimizer_that_is_missing_is_said() -> None:
    pair = Pair(
        name="net", reference=seeded, candidate=JittorNet, inputs=inputs,
            stress_inputs=("plain",),
        optimizer={"torch": adam()},
    )  # fmt: skip
    with pytest.raises(CannotCompare, match="`optimizer` names torch, but not jittor"):
        check(pair)


@pytest.mark.parametrize("scope", ["step", "free_run"])
def test_a_step_of_a_pairs_optimizer_can_be_replayed(scope: str) -> None:
    optimizer = {
        "torch": lambda p: torch.optim.AdamW(p, lr=0.1),
        "jittor": lambda p: jt.optim.AdamW(p, lr=0.1),
    }
    pair = Pair(
        name="net", reference=seeded, candidate=JittorNet, inputs=inputs,
            stress_inputs=("plain",),
        loss=lambda y: (y * y).sum(), optimizer=optimizer,
    )  # fmt: skip
    failing = [f for f in check(pair).findings if not f.passes() and f.scope == scope]
    finding = failing[0]
    reference, candidate = replay(pair, site=finding.site._asdict(), precision=finding.precision)
    error = np.abs(candidate - reference).max() / np.abs(reference).max()
    assert error == pytest.approx(finding.error, rel=1e-9)
