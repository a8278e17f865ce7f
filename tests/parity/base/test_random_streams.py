"""Named streams start anew with every run; global generators can be put back."""

from __future__ import annotations

import random

import numpy as np
import pytest

from parity.base.random_streams import global_generators, named_streams, random_stream
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
