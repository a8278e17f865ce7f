"""Gradients that backward passes add up."""

from __future__ import annotations

from typing import Any

import numpy as np

from parity.steps.loop.accumulated_gradients import AccumulatedGradients


class Optimizer:
    def __init__(self, *paths: str) -> None:
        self._paths, self.fresh = paths, True

    def is_fresh(self) -> bool:
        return self.fresh

    def paths(self) -> list[str]:
        return list(self._paths)


def gone_backward(
    gradients: AccumulatedGradients, number: int, optimizers: Any, **added: float
) -> None:
    gradients.begin(optimizers)
    for path, value in added.items():
        gradients.add(path, np.asarray([value], np.float32))
    gradients.end(number, optimizers)


def test_passes_add_up_until_the_gradients_are_zero_again() -> None:
    gradients, optimizers = AccumulatedGradients(), {"o": Optimizer("a", "b")}
    gone_backward(gradients, 0, optimizers, a=1.0)
    optimizers["o"].fresh = False
    gone_backward(gradients, 1, optimizers, a=2.0, b=5.0)
    assert gradients.passes == {"o": [0, 1]}
    assert {p: float(g[0]) for p, g in gradients.sums["o"].items()} == {"a": 3.0, "b": 5.0}
    optimizers["o"].fresh = True
    gone_backward(gradients, 2, optimizers, a=7.0)
    assert gradients.passes == {"o": [2]}
    assert {p: float(g[0]) for p, g in gradients.sums["o"].items()} == {"a": 7.0}


def test_a_pass_that_does_not_reach_an_optimizer_is_none_of_its() -> None:
    gradients = AccumulatedGradients()
    optimizers = {"one": Optimizer("a"), "other": Optimizer("b")}
    gone_backward(gradients, 0, optimizers, a=1.0)
    gone_backward(gradients, 1, optimizers, a=1.0, b=1.0)
    assert gradients.passes == {"one": [1], "other": [1]}
    gradients.used("one")
    assert gradients.passes == {"other": [1]}
    gradients.clear()
    assert not gradients.passes
    assert not gradients.sums
