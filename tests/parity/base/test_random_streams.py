"""Named streams start anew with every run; global generators can be put back."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from parity.base.random_streams import (
    global_generators,
    named_streams,
    numpy_draws_in_float32,
    random_stream,
)
from parity.errors import CannotCompare


def test_a_stream_continues_in_a_run_and_starts_anew_in_the_next() -> None:
    with named_streams(3):
        first, second = random_stream("noise").random(4), random_stream("noise").random(4)
        other = random_stream("mask").random(4)
    assert not np.array_equal(first, second)
    assert not np.array_equal(first, other)
    with named_streams(3):
        assert np.array_equal(random_stream("noise").random(4), first)
    with named_streams(4):
        assert not np.array_equal(random_stream("noise").random(4), first)


def test_outside_of_a_run_there_is_no_stream() -> None:
    with pytest.raises(CannotCompare, match=r"^random_stream\('noise'\): no comparison is running"):
        random_stream("noise")


@pytest.mark.parametrize("name", ["numpy", "python"])
def test_a_global_generator_is_started_compared_and_put_back(name: str) -> None:
    generator = global_generators()[name]  # type: ignore[index]
    draw = np.random.random if name == "numpy" else random.random
    before = generator.state()
    generator.start_from(7)
    started = generator.state()
    number = draw()
    assert generator.state() != started
    generator.start_from(7)
    assert draw() == number
    generator.put_back(before)
    assert generator.state() == before


def test_numpys_global_draws_are_rounded_to_float32_inside_a_block() -> None:
    before = np.random.normal
    np.random.seed(0)
    plain = np.random.normal(0, 1, 5)
    np.random.seed(0)
    with numpy_draws_in_float32():
        rounded = np.random.normal(0, 1, 5)
        assert isinstance(np.random.rand(), float)
    assert np.random.normal is before
    assert rounded.dtype == np.float64
    assert (rounded == plain.astype(np.float32)).all()
    assert (rounded != plain).any()


@pytest.mark.parametrize(
    "draw",
    [
        lambda: np.random.normal(2.0, [3.0, 4.0]), lambda: np.random.normal(size=(2, 3)),
        lambda: np.random.uniform(-1, 3, 4), lambda: np.random.uniform(),
        lambda: np.random.rand(2, 2), lambda: np.random.randn(3), lambda: np.random.randn(),
        lambda: np.random.random_sample(2), lambda: np.random.standard_normal((2, 1)),
    ],
)  # fmt: skip
def test_rounded_draws_are_those_of_numpy(draw: Callable[[], Any]) -> None:
    np.random.seed(1)
    plain = draw()
    np.random.seed(1)
    with numpy_draws_in_float32():
        rounded = draw()
    assert np.shape(rounded) == np.shape(plain)
    assert np.allclose(rounded, plain, rtol=1e-6, atol=1e-6)
