"""The number of terms that a sum may have is bounded by the largest tensor of its module."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from parity.base.numerics import Array
from parity.noise import term_counts
from parity.trace.sites import TensorSite, of_parameter

OUTPUT = TensorSite("forward", "a.mean", "output", owner="a.mean")
ENTERED = TensorSite("forward", "a", "input", "x", "a.mean")
WEIGHT = of_parameter("backward", "a.mean.weight", "parameter_gradient")
ELSEWHERE = TensorSite("forward", "b", "output", owner="b")


def test_the_largest_tensor_that_enters_or_leaves_a_module_counts() -> None:
    sizes = {OUTPUT: 1, ENTERED: 1000, WEIGHT: 30, ELSEWHERE: 5}
    count = term_counts.of_modules(lambda: {site: np.zeros(n) for site, n in sizes.items()})
    assert count(OUTPUT) == count(ENTERED) == count(WEIGHT) == 1000
    assert count(ELSEWHERE) == 5


def test_nothing_is_read_until_a_number_is_asked_for() -> None:
    def values() -> Mapping[TensorSite, Array]:
        raise AssertionError("read for nothing")

    term_counts.of_modules(values)
    assert term_counts.one(OUTPUT) == 1
