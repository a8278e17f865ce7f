"""A pair whose PyTorch Adam adds its epsilon where Jittor's does: before the bias correction.

Jittor's Adam has the form of the paper's "epsilon hat" (Kingma and Ba 2015, section 2).
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any

from parity.pair import MakeOptimizer, Pair

# The optimizer with this change, in a record.
EPSILON_VARIANT = "epsilon before correction"


def with_epsilon_before_correction(pair: Pair) -> Pair:
    """Return a pair whose PyTorch optimizer adds Adam's epsilon where Jittor's does."""
    optimizer = dict(pair.optimizer or {})
    optimizer["torch"] = _epsilon_before_correction(optimizer["torch"])
    return dataclasses.replace(pair, optimizer=optimizer)


def _epsilon_before_correction(make_optimizer: MakeOptimizer) -> MakeOptimizer:
    def build(parameters: Any) -> Any:
        optimizer = make_optimizer(parameters)
        epsilons = [group["eps"] for group in optimizer.param_groups]
        step: Callable[..., Any] = optimizer.step
        number = 0

        def corrected(*args: Any, **kwargs: Any) -> Any:
            nonlocal number
            number += 1
            for group, epsilon in zip(optimizer.param_groups, epsilons, strict=True):
                group["eps"] = epsilon / math.sqrt(1 - group["betas"][1] ** number)
            return step(*args, **kwargs)

        optimizer.step = corrected
        return optimizer

    return build
