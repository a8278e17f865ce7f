"""Guesses at what a difference comes from."""

from __future__ import annotations

import numpy as np
import pytest

from parity.steps import sites
from parity.steps.judging.hints import hint
from parity.steps.step_data import Measure, TrainingStep
from parity.trace.sites import TensorSite

ROWS = np.arange(12, dtype=np.float32).reshape(4, 3)
LOSS, BATCH, OUTPUT = sites.loss("", 0), sites.batch(0, "x"), sites.output("", 0, "")
GRADIENT = sites.gradient("a.weight", 0)


def hint_of(site: TensorSite, own: object, other: object) -> str:
    steps = [TrainingStep(0), TrainingStep(0)]
    for step, value in zip(steps, (own, other), strict=True):
        if value is not None:
            step.measures[site] = Measure(np.asarray(value))
    return hint(site, *steps)


@pytest.mark.parametrize(
    ("site", "own", "other", "expected"),
    [
        (LOSS, np.float32(2), np.float32(3), "the reference's times 1.5"),
        (LOSS, np.float32(2), np.float32(0), "it is zero"),
        (LOSS, np.float32(2), np.float32("nan"), ""),
        (LOSS, np.float32(2), None, ""),
        (GRADIENT, ROWS, -ROWS, "the reference's times -1"),
        (GRADIENT, ROWS, ROWS + 1, ""),
        (GRADIENT, ROWS, ROWS * np.linspace(1, 1.001, 3, dtype=np.float32), ""),
        (GRADIENT, ROWS, ROWS[:2], ""),
        (BATCH, ROWS, ROWS[::-1], "the same samples in another order"),
        (BATCH, ROWS, ROWS[[0, 1, 1, 3]], ""),
        (BATCH, np.arange(4), np.array([1, 0, 3, 2]), "the same samples in another order"),
        (OUTPUT, ROWS, 2 * ROWS, ""),
        (sites.mode("", 0), True, False, "the candidate is in evaluation mode"),
        (sites.mode("", 0), False, True, "the candidate is in training mode"),
    ],
)
def test_what_is_recognised(site: TensorSite, own: object, other: object, expected: str) -> None:
    assert hint_of(site, own, other) == expected
