"""Edits that are written once do the same to a module of PyTorch and to one of Jittor."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest
import torch

import jittor_env
from audit.edits import concatenate, functional, like, replace_call, wrap_call

X = np.array([[1.0, 2.0], [3.0, 4.0]], np.float32)


def sides() -> list[Any]:
    jt: Any = jittor_env.load()
    return [(torch.nn.Linear(2, 2), torch.tensor(X)), (jt.nn.Linear(2, 2), jt.array(X))]


@pytest.mark.parametrize("side", [0, 1], ids=["torch", "jittor"])
def test_a_call_is_wrapped_and_keeps_its_signature(side: int) -> None:
    module, x = sides()[side]
    name = "forward" if side == 0 else "execute"
    signature, before = inspect.signature(getattr(module, name)), module(x).detach().numpy()
    wrap_call(module, lambda call: lambda x: call(x) * 2)
    assert inspect.signature(getattr(module, name)) == signature
    np.testing.assert_array_equal(module(x).detach().numpy(), before * 2)


@pytest.mark.parametrize("side", [0, 1], ids=["torch", "jittor"])
def test_a_call_is_replaced(side: int) -> None:
    module, x = sides()[side]
    replace_call(module, lambda x: functional(module).softmax(x, dim=1))
    np.testing.assert_allclose(module(x).numpy().sum(1), 1, rtol=1e-6)
    (keyword,) = inspect.signature(getattr(module, ("forward", "execute")[side])).parameters
    np.testing.assert_array_equal(module(**{keyword: x}).numpy(), module(x).numpy())


@pytest.mark.parametrize("side", [0, 1], ids=["torch", "jittor"])
def test_tensors_are_made_and_joined_in_the_framework_of_others(side: int) -> None:
    _, x = sides()[side]
    joined = concatenate([x, like(X.astype(np.float64), x)], 1)
    assert type(joined) is type(x)
    assert str(joined.dtype).endswith("float32")
    np.testing.assert_array_equal(joined.numpy(), np.concatenate([X, X], 1))


def test_an_array_like_an_array_takes_its_dtype() -> None:
    assert like(np.arange(3), X).dtype == np.float32
