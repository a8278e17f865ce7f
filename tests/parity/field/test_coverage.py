"""Inputs and models that hide a part: the report says what was not seen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn

from parity import Pair, Report, check


def compared(model: Callable[[], nn.Module], inputs: Any = None) -> Report:
    inputs = inputs or (lambda g: {"x": g.standard_normal((3, 4)).astype(np.float32)})
    return check(Pair(name="field", reference=model, candidate=model, inputs=inputs))


class Frozen(nn.Module):
    """A forward under `no_grad`."""

    def __init__(self) -> None:
        super().__init__()
        self.l = nn.Linear(4, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            result: torch.Tensor = self.l(x)
        return result


def test_a_forward_without_gradients_is_said() -> None:
    assert "2 of 2 parameters got no gradient: l.weight; l.bias" in str(compared(Frozen))


class TimeScaled(nn.Module):
    """At t = 0 nothing of the branch is left."""

    def __init__(self) -> None:
        super().__init__()
        self.main, self.branch = nn.Linear(4, 4), nn.Linear(4, 4)

    def forward(self, x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = self.main(x) + t[:, None] * self.branch(x)
        return result


def test_an_input_that_hides_a_branch_is_said() -> None:
    def inputs(t: int) -> Any:
        return lambda g: {
            "x": g.standard_normal((3, 4)).astype(np.float32),
            "t": np.full(3, t),
        }

    hidden = str(compared(TimeScaled, inputs(0)))
    assert "2 of 4 parameters got no gradient: branch.weight; branch.bias" in hidden
    assert "coverage" not in str(compared(TimeScaled, inputs(5)))


class Table(nn.Module):
    """Returns its table and uses its input for nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.l = nn.Linear(4, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.arange(4, dtype=x.dtype) * self.l(x).shape[0]


def test_an_output_that_depends_on_nothing_is_said() -> None:
    text = str(compared(Table))
    assert "1 of 1 output stayed the same whatever inputs and weights are: the output" in text


class Constant(nn.Module):
    """Computes with its layer and returns a number that has nothing to do with it."""

    def __init__(self, slope: float = 1.0) -> None:
        super().__init__()
        self.l, self.act, self.slope = nn.Linear(4, 4), nn.Tanh(), slope

    def forward(self, x: torch.Tensor) -> int:
        self.act(self.l(x) * self.slope)
        return 1


def test_an_output_that_depends_on_nothing_excuses_no_module() -> None:
    inputs = {"x": np.ones((3, 4), np.float32)}
    pair = Pair(
        name="field", reference=Constant, candidate=lambda: Constant(1.1), inputs=lambda g: inputs
    )
    assert not check(pair).passed
