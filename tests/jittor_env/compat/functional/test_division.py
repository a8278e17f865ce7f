"""Division rounds as PyTorch's does, where Jittor's own does not."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from jittor_env.compat import numerics
from jittor_env.compat.functional import division
from tests.jittor_env.compat.comparison import error, jt

RNG = np.random.default_rng(0)
A = np.concatenate([RNG.standard_normal(40) * 5, [1.0, -0.3, 7.0, -7.0, 0.0, 1e30]])
B = np.concatenate([RNG.standard_normal(40), [0.1, 0.1, -2.0, 2.0, 3.0, 7.0]])


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64, np.int32])
def test_quotients_are_pytorchs(dtype: type) -> None:
    a, b = A.clip(-1e6, 1e6).astype(dtype), B.astype(dtype)
    b[b == 0] = 3
    with jt.flag_scope(auto_convert_64_to_32=0):
        for name in ("floor_divide", "remainder"):
            expected = getattr(torch, name)(torch.from_numpy(a), torch.from_numpy(b)).numpy()
            actual = getattr(division, name)(jt.array64(a), jt.array64(b))
            assert str(actual.dtype) == np.dtype(dtype).name
            np.testing.assert_array_equal(actual.numpy(), expected)


def test_a_quotient_of_jittors_own_is_another() -> None:
    assert division.floor_divide(jt.ones(1), jt.array([0.1])).numpy() == 9
    a, b = jt.array([7.5]), jt.array([1.5])
    assert division.floor_divide(a, b).numpy() == 5
    assert (a // b).numpy() == 7


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_gradients_of_remainders_are_pytorchs(dtype: str) -> None:
    a, b = A[:12].reshape(3, 4), B[:4]
    assert error(torch.remainder, division.remainder, a, b, dtype=dtype) < 4
    assert error(torch.remainder, lambda x, y: x % y, a, b, dtype=dtype) > 1000


def test_operators_divide_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(division, "has_kernels", lambda *tensors: False)
    assert numerics.has_kernels(jt.ones(1))
    a, b = A[:12].reshape(3, 4), B[:4]
    assert error(torch.remainder, division.remainder, a, b) < 64


def test_an_integer_divided_by_zero_is_refused() -> None:
    integers = jt.array(np.array([1, 2]))
    with pytest.raises(RuntimeError, match="by zero"):
        division.floor_divide(integers, 0)
    with pytest.raises(RuntimeError, match="by zero"):
        division.remainder(integers, integers * 0)
