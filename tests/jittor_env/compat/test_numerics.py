"""Numbers keep their digits, operands their dtypes, and dimensions are checked."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from jittor_env.compat import numerics
from tests.jittor_env.compat.comparison import jt, precision


def test_a_constant_has_all_digits_in_float64() -> None:
    with precision("float64"):
        x = jt.ones(3, "float64")
        assert (x * numerics.constant(0.2, x)).numpy()[0] == 0.2
        assert (x * 0.2).numpy()[0] != 0.2  # Jittor's own number
    assert numerics.constant(0.2, jt.ones(3)) == 0.2


def test_a_mean_has_the_gradient_of_float64() -> None:
    with precision("float64"):
        x = jt.ones((3, 7), "float64")
        assert jt.grad(numerics.mean(x, (0, 1)), x).numpy()[0, 0] == 1 / 21
        assert jt.grad(x.mean(), x).numpy()[0, 0] != 1 / 21


@pytest.mark.parametrize("first", ["float32", "float64", "int32", "int64"])
@pytest.mark.parametrize("second", ["float32", "float64", "int32", "int64"])
def test_operands_are_promoted_as_pytorchs(first: str, second: str) -> None:
    expected = torch.promote_types(getattr(torch, first), getattr(torch, second))
    with precision("float64"):
        a, b = (jt.array64(np.ones(2, dtype)) for dtype in (first, second))
        promoted = numerics.promoted(a, b)
    assert [f"torch.{operand.dtype}" for operand in promoted] == [str(expected)] * 2


def test_dimensions_count_from_the_end_too() -> None:
    assert numerics.dimensions(-1, 3) == (2,)
    assert numerics.dimensions((0, -1), 3) == (0, 2)
    assert numerics.dimensions(None, 2) == numerics.dimensions((), 2) == (0, 1)
    with pytest.raises(IndexError, match="dimension 3 is out of range"):
        numerics.dimensions(3, 3)


def test_kernels_are_for_two_precisions() -> None:
    assert numerics.has_kernels(jt.ones(1))
    assert not numerics.has_kernels(jt.ones(1).float16())
