"""Every translation of the porting guide is run in both frameworks on the same numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import jittor_env
from ddpm_study.translations import FALSE_FRIENDS, TRANSLATIONS, Translation

jt = jittor_env.load()

RNG = np.random.default_rng(16)
NUMBERS: dict[str, Any] = {
    **{name: RNG.standard_normal((2, 4, 6, 6), np.float32) for name in "xy"},
    "w": RNG.standard_normal((3, 4, 3, 3), np.float32),
    "m": RNG.standard_normal((3, 6), np.float32),
    "i": np.array([2, 0, 1, 1, 2], np.int32),
}
WIDE = np.array([[1 / 3, 2.0, 1e-9], [1e9 + 0.5, -0.1, 7.0]])  # float32 does not hold these
# Two kernels of one formula: a few roundings of the largest number, in the result's precision.
ROUNDINGS = 16


def run(translation: Translation, framework: str) -> np.ndarray:
    names: dict[str, Any] = {"a": WIDE.copy()}
    if framework == "torch":
        names |= {"torch": torch, "nn": torch.nn, "F": torch.nn.functional}
        names["grad"] = lambda loss, x: torch.autograd.grad(loss, [x])[0]
        names |= {name: torch.from_numpy(value.copy()) for name, value in NUMBERS.items()}
    else:
        names |= {"jt": jt, "nn": jt.nn, "grad": lambda loss, x: jt.grad(loss, [x])[0]}
        names |= {name: jt.array(value) for name, value in NUMBERS.items()}
    exec(translation.program(framework), names)
    result = names["result"]
    return np.asarray(result.detach().numpy() if hasattr(result, "detach") else result)


def agree(translation: Translation) -> bool:
    expected, actual = run(translation, "torch"), run(translation, "jittor")
    if (expected.shape or (1,), expected.dtype) != (actual.shape or (1,), actual.dtype):
        return False
    if expected.dtype.kind != "f":
        return bool((expected == actual).all())
    limit = ROUNDINGS * np.finfo(expected.dtype).eps * np.abs(expected).max()
    return bool(np.abs(expected - actual).max() <= limit)


@pytest.mark.parametrize("translation", TRANSLATIONS, ids=lambda row: row.torch)
def test_a_translation_holds(translation: Translation) -> None:
    assert agree(translation)


@pytest.mark.parametrize("translation", FALSE_FRIENDS, ids=lambda row: row.torch)
def test_a_false_friend_is_another_function(translation: Translation) -> None:
    assert not agree(translation)
    assert translation.note
