"""Known divergences of the frameworks, in a training step."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from parity.base.numerics import Array, distance, magnitude
from parity.limits import FLOAT32_EPSILON, PRECISION_RATIO, K
from parity.steps.judging.reruns import indexed_steps
from parity.steps.step_data import OptimizerStep, TrainingStep, joined
from parity.trace.sites import TensorSite

RUNNING_VAR, ADAM_EPSILON = "jittor.batch_norm.running_var", "jittor.adam.eps"
# Distance from an integer, relative, that is called one.
_INTEGER = 1e-6


def known_divergence(
    site: TensorSite,
    reference: TrainingStep,
    candidate: TrainingStep,
    momentum: Mapping[str, float],
) -> str | None:
    """Return the name of the known divergence that explains a difference, None for none.

    Args:
        site: where it is.
        reference: the one side's step.
        candidate: the other's.
        momentum: of each module that has one, by path.
    """
    if any(site not in step.measures for step in (reference, candidate)):
        return None
    if _adam_epsilon_explains(site, reference, candidate):
        return ADAM_EPSILON
    if _running_var_explains(site, reference, candidate, momentum):
        return RUNNING_VAR
    return None


def _running_var_explains(
    site: TensorSite,
    reference: TrainingStep,
    candidate: TrainingStep,
    momentum: Mapping[str, float],
) -> bool:
    """Tell whether one side has the biased variance of n numbers, and the other the unbiased one.

    What the step has added to the running variance is then (n - 1) / n times as large on one side,
    with the same integer n for every channel.
    """
    path = joined(site.owner, site.label)
    if site.quantity != "buffer" or site.label != "running_var" or site.owner not in momentum:
        return False
    sides = [step.measures[site].float64 for step in (reference, candidate)]
    for name, versions in reference.weights.items():
        own = path.removeprefix(f"{name}.") if name else path
        before = versions[0].get(own)
        if before is None or joined(name, own) != path:
            continue
        calls = sum(bool(call.training) for call in reference.calls_of(name))
        kept = (1 - momentum[site.owner]) ** calls * before.astype(np.float64)
        added = [side.reshape(kept.shape) - kept for side in sides if side is not None]
        if len(added) < len(sides) or any(np.any(a == 0) for a in added):
            return False
        larger, smaller = added if abs(added[0]).sum() > abs(added[1]).sum() else added[::-1]
        with np.errstate(divide="ignore"):
            number = 1 / (1 - smaller / larger)
        nearest = np.round(number.mean())
        return bool(2 <= nearest < np.inf and np.all(np.abs(number / nearest - 1) < _INTEGER))
    return False


def _adam_epsilon_explains(
    site: TensorSite, reference: TrainingStep, candidate: TrainingStep
) -> bool:
    """Tell whether a parameter differs as Adam's epsilon, before the bias correction, makes it.

    The step is computed in float64, from the recorded numbers, with epsilon in both places: one
    side must have the one and the other side the other (Kingma and Ba 2015, end of section 2).
    """
    if site.quantity != "parameter" or site.phase != "optimizer":
        return False
    path = f"{site.owner}.{site.label}".lstrip(".")
    for index, taken in indexed_steps(reference):
        if index != site.call or path not in taken.weights_after:
            continue
        sides = [step.measures[site].float64 for step in (reference, candidate)]
        if any(side is None for side in sides):
            return False
        for decoupled in (False, True):
            forms = [_adam(taken, path, decoupled, late) for late in (True, False)]
            if any(form is None for form in forms):
                return False
            for order in (forms, forms[::-1]):
                if all(_is_same(a, b) for a, b in zip(sides, order, strict=True)):
                    return True
    return False


def _is_same(side: Array | None, form: Array | None) -> bool:
    if side is None or form is None:
        return False
    scale = max(magnitude(form), FLOAT32_EPSILON)
    # Ten roundings of float64, whose unit is PRECISION_RATIO times float32's.
    allowed = K * scale * FLOAT32_EPSILON / 2 * PRECISION_RATIO * 10
    return distance(side.reshape(form.shape), form) <= allowed


def _adam(taken: OptimizerStep, path: str, decoupled: bool, late: bool) -> Array | None:
    """Return a parameter after a step of Adam, in float64; None where a number is missing.

    Args:
        taken: the step.
        path: of the parameter.
        decoupled: whether weight decay is AdamW's.
        late: whether epsilon is added after the bias correction.
    """
    numbers = taken.settings.get(path, {})
    try:
        beta1, beta2, epsilon = numbers["betas.0"], numbers["betas.1"], numbers["eps"]
        rate, decay, count = taken.rates[path], numbers.get("weight_decay", 0.0), taken.count
        first, second = (taken.before[name][path] for name in ("exp_avg", "exp_avg_sq"))
    except KeyError:
        return None
    if count is None:
        return None
    weight = taken.weights_before[path].astype(np.float64)
    gradient = taken.used[path].astype(np.float64).reshape(weight.shape)
    if decoupled:
        weight = weight * (1 - rate * decay)
    else:
        gradient = gradient + decay * weight
    first = beta1 * first.astype(np.float64).reshape(weight.shape) + (1 - beta1) * gradient
    second = beta2 * second.astype(np.float64).reshape(weight.shape) + (1 - beta2) * gradient**2
    root = math.sqrt(1 - beta2**count)
    step = rate / (1 - beta1**count)
    divisor = np.sqrt(second) / root + (epsilon if late else epsilon / root)
    result: Array = weight - step * first / divisor
    return result
