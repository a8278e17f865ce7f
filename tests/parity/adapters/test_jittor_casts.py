"""Jittor's casts follow a float64 run, and casts below float32 are seen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import jittor_env

jt = jittor_env.load()
from parity.adapters.jittor_casts import casts_to_float64, observed_casts  # noqa: E402

ARRAY = np.array([0.1, 0.2, 0.3])
CASTS: dict[str, Callable[[Any], Any]] = {
    "float32": lambda x: x.float32(),
    "float": lambda x: x.float(),
    "half": lambda x: x.half(),
    "float16": lambda x: x.float16(),
    "bfloat16": lambda x: x.bfloat16(),
    "float_auto": lambda x: x.float_auto(),
    "cast": lambda x: x.cast("float32"),
    "cast by function": lambda x: x.cast(jt.float32),
    "astype": lambda x: x.astype(jt.float16),
    "unary": lambda x: x.unary(op="float32"),
    "to": lambda x: x.to(jt.float32),
    "type_as": lambda x: x.type_as(jt.zeros((1,), dtype="float32")),
    "function": lambda x: jt.float32(x),
    "function of a list": lambda x: jt.float32([0.1, 0.2, 0.3]),
    "double": lambda x: jt.double(x),
    "zeros": lambda x: x + jt.zeros((3,), "float32"),
    "ones": lambda x: x * jt.ones((3,), dtype=jt.float32),
}


@pytest.mark.parametrize("name", CASTS)
def test_a_cast_keeps_all_digits(name: str) -> None:
    with jt.flag_scope(auto_convert_64_to_32=0), casts_to_float64():
        made = CASTS[name](jt.Var(ARRAY))
        assert made.dtype == "float64"
        np.testing.assert_allclose(made.numpy(), ARRAY, rtol=0, atol=1e-16)


def test_integers_are_left_alone_and_everything_is_put_back() -> None:
    before = jt.Var.float32, jt.float32, jt.random
    with jt.flag_scope(auto_convert_64_to_32=0), casts_to_float64():
        assert jt.Var(ARRAY).int32().dtype == "int32"
        assert jt.Var(ARRAY).cast("int64").dtype == "int64"
        assert jt.rand((2,)).dtype == "float64"
        with jt.flag_scope(amp_level=5):
            assert (jt.Var(ARRAY) * jt.Var(ARRAY)).dtype == "float64"
    assert (jt.Var.float32, jt.float32, jt.random) == before
    assert jt.Var(ARRAY.astype(np.float32)).float16().dtype == "float16"


def test_casts_below_float32_are_told() -> None:
    seen: list[float] = []
    x = jt.Var(ARRAY.astype(np.float32))
    with observed_casts(seen.append):
        _ = x.float32()
        assert seen == []
        low = x.float16()
        assert seen == [2.0**-10]
        _ = low.float32()
        _ = x.cast("bfloat16")
    assert seen[1:] == [2.0**-10, 2.0**-7]
