"""Jittor ports with other names of arguments and other structures of outputs."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import jittor_env
from parity import CannotCompare, Pair, Report, Verdict, check
from parity.verdict import Cause

jt = jittor_env.load()
After = Callable[[Any], Any]
Two = namedtuple("Two", ["sample", "total"])


class TorchNet(nn.Module):
    def __init__(self, after: After) -> None:
        super().__init__()
        self.layer, self.after = nn.Linear(4, 4), after

    def forward(self, x: torch.Tensor, t: torch.Tensor) -> Any:
        return self.after(self.layer(x) * 2 + t)


class JittorNet(jt.Module):
    def __init__(self, after: After) -> None:
        self.layer, self.after = jt.nn.Linear(4, 4), after

    def execute(self, input: Any, timesteps: Any) -> Any:
        return self.after(self.layer(input) * 2 + timesteps)


def compared(reference: After, candidate: After, **more: Any) -> Report:
    def inputs(generator: np.random.Generator) -> dict[str, Any]:
        t, x = (generator.standard_normal((3, 4)).astype(np.float32) for _ in range(2))
        return {"t": t, "x": x}

    return check(
        Pair(
            name="port",
            reference=lambda: TorchNet(reference),
            candidate=lambda: JittorNet(candidate),
            inputs=inputs,
            stress_inputs=("plain",),
            **more,
        )
    )


def test_a_ports_arguments_have_other_names() -> None:
    report = compared(lambda y: y, lambda y: y)
    assert report.passed
    assert "argument 't' is passed to the candidate as 'timesteps'" in report.notes
    assert "argument 'x' is passed to the candidate as 'input'" in report.notes


def test_a_named_tuple_for_a_dict_in_another_order() -> None:
    def right(y: Any) -> Any:
        return Two(y, y.sum().item())

    def named(y: Any) -> Any:
        return {"total": y.sum().item(), "sample": y}

    assert compared(right, named).passed
    wrong = compared(right, lambda y: {"total": y.sum().item() * 1.001, "sample": y})
    assert wrong.verdict is Verdict.SEMANTIC_DIFFERENCE


def test_an_output_that_the_port_lacks_is_the_only_fault() -> None:
    report = compared(lambda y: (y, y.sum(1)), lambda y: y)
    faults = [(f.quantity, f.cause) for f in report.findings if f.is_fault]
    assert faults == [("structure", Cause.OTHER_STRUCTURE)]


def test_the_loss_of_the_port_is_named() -> None:
    losses = {"torch": lambda y: y.mean(), "jittor": lambda y: y.nothing()}
    with pytest.raises(CannotCompare, match=r"^the loss of the candidate \(jittor\) raised in"):
        compared(lambda y: y, lambda y: y, loss=losses)
