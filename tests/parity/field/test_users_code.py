"""Whatever a user's code does, the answer is a verdict, or one line that says where."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np
import pytest
import torch
from torch import nn

from parity import CannotCompare, Pair, Trajectory, check, check_trajectory
from parity.errors import SideRaised


def leave(*_: Any) -> NoReturn:
    sys.exit(0)


def inputs(generator: np.random.Generator) -> dict[str, Any]:
    return {"x": generator.standard_normal((3, 4)).astype(np.float32)}


def linear() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 4))


class Leaves(nn.Module):
    def __init__(self, raised: BaseException) -> None:
        super().__init__()
        self.inner = Inner(raised)

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = self.inner(input)
        return result


class Inner(nn.Module):
    def __init__(self, raised: BaseException) -> None:
        super().__init__()
        self.raised = raised
        self.l = nn.Linear(4, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        raise self.raised


def pair(**options: Any) -> Pair:
    return Pair(
        **{"name": "p", "reference": linear, "candidate": linear, "inputs": inputs, **options}
    )


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"reference": leave}, "pair 'p': the reference's builder raised SystemExit: 0"),
        ({"candidate": leave}, "pair 'p': the candidate's builder raised SystemExit: 0"),
        ({"inputs": leave}, "pair 'p': inputs raised SystemExit: 0"),
        ({"loss": leave}, "the reference (torch) raised in float64: SystemExit: 0"),
        ({"candidate": lambda: nn.Linear}, "a builder returned the class Linear: return a module"),
        ({"candidate": lambda: None}, "a builder returned 'NoneType', which is no module"),
        ({"candidate": lambda size: size}, "missing 1 required positional argument: 'size'"),
    ],
)
def test_what_a_pairs_functions_raise_is_one_line(options: dict[str, Any], text: str) -> None:
    with pytest.raises(CannotCompare) as raised:
        check(pair(**options))
    assert text in str(raised.value)
    assert "\n" not in str(raised.value)


def test_one_object_is_not_compared_with_itself() -> None:
    model = linear()
    with pytest.raises(CannotCompare, match="both builders returned the same object"):
        check(pair(reference=lambda: model, candidate=lambda: model))


@pytest.mark.parametrize(
    "raised", [SystemExit(0), RecursionError("deep"), MemoryError(), ValueError("a\nb"), OSError()]
)
def test_what_a_model_raises_names_side_module_file_and_line(raised: BaseException) -> None:
    def broken() -> nn.Module:
        return Leaves(raised)

    with pytest.raises(SideRaised) as caught:
        check(pair(reference=broken, candidate=broken))
    error = caught.value
    assert (error.role, error.module) == ("reference", "inner")
    assert str(error).startswith("the reference (torch) raised in inner in float32: ")
    assert error.place.startswith("test_users_code.py:")
    assert "\n" not in str(error)


def test_ctrl_c_stays_ctrl_c() -> None:
    def broken() -> nn.Module:
        return Leaves(KeyboardInterrupt())

    with pytest.raises(KeyboardInterrupt):
        check(pair(reference=broken, candidate=broken))


class Stepper:
    """A side of a trajectory whose methods return what a user's might."""

    def __init__(self, state: Any, reported: Any = None) -> None:
        self.values, self.reported = state, reported

    def state(self) -> Any:
        return self.values

    def load(self, state: Any) -> None:
        self.values = state

    def step(self, number: int) -> Any:
        return self.reported


def trajectory(make: Callable[[], Stepper]) -> Trajectory:
    return Trajectory(
        name="t", phase="optimizer", reference=lambda _: make(), candidate=lambda _: make(), steps=2
    )


@pytest.mark.parametrize("state", [None, 3, [np.ones(2)]])
def test_a_state_that_is_no_mapping_is_one_line(state: Any) -> None:
    with pytest.raises(CannotCompare, match=r"state\(\) returned"):
        check_trajectory(trajectory(lambda: Stepper(state)))


def test_a_trajectory_that_compares_nothing_does_not_agree() -> None:
    report = check_trajectory(trajectory(lambda: Stepper({})))
    assert not report.passed
    assert report.verdict.name == "ERROR"


def test_a_step_may_report_nothing() -> None:
    state = {"weights:a": np.ones(2)}
    assert check_trajectory(trajectory(lambda: Stepper(dict(state)))).passed
