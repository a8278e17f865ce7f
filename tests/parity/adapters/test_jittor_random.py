"""Jittor's draws are seen, and made from the source's numbers where it gives some."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import jittor_env

jt = jittor_env.load()
from parity.adapters.jittor_random import random_from  # noqa: E402
from parity.adapters.protocol import Family  # noqa: E402

U = np.array([0.1, 0.5, 0.7, 0.9], np.float32)
Z = np.array([-1.0, 0.0, 0.5, 2.0], np.float32)
DRAWS: dict[str, tuple[str, Callable[[], Any], Any]] = {
    "rand": ("uniform", lambda: jt.rand((4,)), U),
    "rand_like": ("uniform", lambda: jt.rand_like(jt.zeros((4,))), U),
    "random": ("uniform", lambda: jt.random((4,)), U),
    "randn": ("normal", lambda: jt.randn((4,)), Z),
    "normal": ("normal", lambda: jt.normal(1.0, 2.0, size=(4,)), Z * 2 + 1),
    "uniform": ("uniform", lambda: jt.init.uniform((4,), "float32", 1, 3), U * 2 + 1),
    "bernoulli": ("uniform", lambda: jt.bernoulli(jt.ones((4,)) * 0.4), [0, 0, 1, 1]),
    "randint": ("uniform", lambda: jt.randint(0, 5, (4,)), [0, 2, 3, 4]),
    "randperm": ("uniform", lambda: jt.randperm(4), [0, 1, 2, 3]),
}


@pytest.mark.parametrize("name", DRAWS)
def test_a_draw_is_told_once_and_made_from_the_numbers(name: str) -> None:
    family, draw, expected = DRAWS[name]
    calls: list[Family] = []

    def source(family: Family, shape: tuple[int, ...]) -> Any:
        calls.append(family)
        return (Z if family == "normal" else U).reshape(shape)

    with random_from(source):
        made = draw().numpy()
    assert calls == [family]
    np.testing.assert_allclose(made, expected, rtol=1e-6)


def test_without_numbers_the_draw_is_jittors() -> None:
    calls: list[Family] = []

    def source(family: Family, shape: tuple[int, ...]) -> None:
        calls.append(family)

    before = jt.random
    with random_from(source):
        drawn = jt.rand((1000,)).numpy()
    assert calls == ["uniform"]
    assert 0.4 < drawn.mean() < 0.6
    assert jt.random is before
