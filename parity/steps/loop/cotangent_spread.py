"""By how much one-ulp changes of a model's outputs move the gradient of a loss there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from parity.base.numerics import Array
from parity.base.rng import keyed
from parity.limits import FLOAT32_EPSILON, SHIFTS
from parity.steps.frameworks.protocol import Loop
from parity.steps.step_data import TrainingStep

Key = tuple[int, str]


def spread_of_cotangents(
    loop: Loop, step: TrainingStep, loss: Any, outputs: Mapping[Key, Any]
) -> dict[Key, float] | None:
    """Return the largest change of each output's gradient: second derivative times one ulp.

    Args:
        loop: of the framework.
        step: that has kept the outputs' values.
        loss: a tensor.
        outputs: tensors by (number of the call, label).

    Returns:
        By the same keys; None where the loss is no number, or cannot be differentiated twice.
    """
    if np.prod(tuple(loss.shape), dtype=int) != 1:
        return None
    if not outputs:
        return {}
    values = {key: step.calls[key[0]].outputs[key[1]] for key in outputs}
    changes = [
        [_one_ulp(value, trial, *key) for key, value in values.items()] for trial in range(SHIFTS)
    ]
    found = loop.second_differences(loss, list(outputs.values()), changes)
    return None if found is None else dict(zip(outputs, found, strict=True))


def _one_ulp(array: Array, *key: object) -> Array:
    """Return a change of one ulp of each element, up or down at random."""
    if array.dtype.kind != "f":
        return np.zeros_like(array)
    signs = keyed("second differences", *key).choice((-1.0, 1.0), array.shape)
    change: Array = (np.abs(array) * signs * FLOAT32_EPSILON).astype(array.dtype)
    return change
