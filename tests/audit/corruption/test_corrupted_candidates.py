"""Each injection corrupts the value that it names, and no other."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import jittor_env
from audit.corruption.corrupted_candidates import (
    Injection,
    initial_value,
    input_gradient,
    of_step,
    output,
    parameter_gradient,
    table,
)
from audit.corruption.corruptions import zeroed

jt: Any = jittor_env.load()
X = np.array([[1.0, 2.0]], np.float32)
W = np.array([[1.0, -1.0], [2.0, 3.0]], np.float32)
QUANTITIES = ("output", "input gradient", "weight gradient", "weight")


class Model(jt.nn.Module):
    """One linear layer inside another module."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = jt.nn.Linear(2, 2, bias=False)
        self.linear.weight = jt.array(W)

    def execute(self, x: Any) -> Any:
        return self.linear(x)


def quantities(model: Model) -> dict[str, np.ndarray[Any, Any]]:
    x = jt.array(X)
    y = model(x)
    gradients = jt.grad(y.sum(), [x, model.linear.weight])
    values = (y, *gradients, model.linear.weight)
    return {name: value.numpy() for name, value in zip(QUANTITIES, values, strict=True)}


@pytest.mark.parametrize(
    ("injection", "corrupted"),
    [
        (output(""), {"output"}),
        (output("linear"), {"output"}),
        (input_gradient("linear"), {"input gradient"}),
        (parameter_gradient(None), {"weight gradient"}),
    ],
    ids=["output", "output of a layer", "input gradient", "weight gradient"],
)
def test_a_model_is_corrupted_in_one_quantity(injection: Injection, corrupted: set[str]) -> None:
    model = Model()
    before = quantities(model)
    injection(zeroed)(model)
    after = quantities(model)
    changed = {name for name in QUANTITIES if not np.array_equal(before[name], after[name])}
    # The gradients of zeros are those of the layer, for a corruption passes gradients through.
    assert changed == corrupted
    assert not any(after[name].any() for name in corrupted)


def test_an_initial_value_is_corrupted() -> None:
    model = Model()
    initial_value("linear")(lambda w: w + 1)(model)
    np.testing.assert_array_equal(model.linear.weight.numpy(), W + 1)


def test_one_tensor_of_states_and_reports_is_corrupted() -> None:
    state = {"weights:a": X, "loss": X}
    stepper = SimpleNamespace(state=lambda: state, step=lambda number: {"loss": X * number})
    corrupted: Any = of_step("loss")(zeroed)(stepper)
    assert not corrupted.state()["loss"].any()
    assert corrupted.state()["weights:a"] is X
    assert not corrupted.step(2)["loss"].any()


def test_a_table_is_corrupted() -> None:
    schedule = SimpleNamespace(beta=X, alpha=X)
    table("beta")(zeroed)(schedule)
    assert not schedule.beta.any()
    assert schedule.alpha is X
