"""Guesses at what a difference in a training loop comes from; no verdict depends on them."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from parity.base.numerics import Array, is_float, magnitude
from parity.steps import sites
from parity.steps.judging.reruns import indexed_steps
from parity.steps.step_data import TrainingStep, joined
from parity.trace.sites import TensorSite

# Elements below this part of the largest say nothing of a ratio; and how equal ratios must be.
_SMALL, _EQUAL = 1e-3, 1e-4


def hint(
    site: TensorSite,
    reference: TrainingStep,
    candidate: TrainingStep,
    rates_before: Mapping[str, float] | None = None,
) -> str:
    """Return what a difference looks like, `""` where nothing is recognised.

    Args:
        site: where it is.
        reference: the one side's step.
        candidate: the other's.
        rates_before: the reference's learning rates in the step before, where it was recorded.
    """
    if any(site not in step.measures for step in (reference, candidate)):
        return ""
    own, other = (step.measures[site].float32 for step in (reference, candidate))
    if site.quantity == "mode":
        return f"the candidate is in {'training' if other else 'evaluation'} mode"
    if own.size != other.size or not own.size:
        return ""
    other = other.reshape(own.shape)
    if site.quantity in ("batch", "input") and _is_permuted(own, other):
        return "the same samples in another order"
    if not is_float(own) or site.phase in ("forward", "data"):
        return ""
    if not other.any():
        return _of_zeros(site)
    if site.phase == "scheduler":
        late = _of_rates(site, float(other), reference, rates_before or {})
        if late:
            return late
    if site.quantity == "given_gradient":
        changed = _of_gradients(site, own, other, reference, candidate)
        if changed:
            return changed
    factor = _factor(own, other)
    return f"the reference's times {factor:.6g}" if factor is not None else ""


def _of_zeros(site: TensorSite) -> str:
    if site.quantity == "given_gradient":
        return "it is zero: zero_grad is called between the backward pass and the step"
    if site.phase == "backward":
        return "it is zero: a gradient is stopped on the way, or the parameter is not used"
    return "it is zero"


def _of_gradients(
    site: TensorSite, own: Array, other: Array, reference: TrainingStep, candidate: TrainingStep
) -> str:
    """Compare with the gradients as the recorded backward passes left them."""
    path = joined(site.owner, site.label)
    pairs = zip(indexed_steps(reference), indexed_steps(candidate), strict=False)
    for (index, taken), (_, of_candidate) in pairs:
        if index != site.call or path not in taken.gradients:
            continue
        if of_candidate.is_stale and not taken.is_stale:
            return "gradients of the step before are still in it: zero_grad is missing"
        before = taken.gradients[path].reshape(own.shape)
        is_same = [np.allclose(a, before, rtol=_EQUAL, atol=0) for a in (own, other)]
        if is_same == [False, True]:
            return "it is what the backward pass left: clipping, or scaling, is missing"
    return ""


def _of_rates(
    site: TensorSite, rate: float, reference: TrainingStep, rates_before: Mapping[str, float]
) -> str:
    """Compare a learning rate with those of the steps beside."""
    path = joined(site.owner, site.label)
    is_after = site == sites.rate_after(path)
    of_step = [t.rates[path] for t in reference.optimizer_steps if path in t.rates]
    after = [rates[path] for rates in reference.rates_after.values() if path in rates]
    before = of_step if is_after else [rates_before[path]] if path in rates_before else []
    if any(math.isclose(rate, other, rel_tol=_EQUAL) for other in before):
        return (
            "it is the rate of the step before: the scheduler is one step late, as Jittor's "
            "CosineAnnealingLR is, and its StepLR with a step size of 1"
        )
    if not is_after and any(math.isclose(rate, other, rel_tol=_EQUAL) for other in after):
        return "it is the rate of the step after: the scheduler is one step early"
    return ""


def _is_permuted(own: Array, other: Array) -> bool:
    """Tell whether two arrays have the same rows, and not in the same order."""
    if own.ndim == 0 or len(own) < 2:
        return False
    rows = [sorted(row.tobytes() for row in np.ascontiguousarray(a)) for a in (own, other)]
    return rows[0] == rows[1]


def _factor(own: Array, other: Array) -> float | None:
    """Return the one factor between two arrays, None where there is none."""
    counts = np.abs(own) > _SMALL * magnitude(own)
    if not counts.any() or not np.isfinite(other).all():
        return None
    ratios = other[counts].astype(np.float64) / own[counts]
    middle = float(np.median(ratios))
    is_one = np.all(np.abs(ratios - middle) <= _EQUAL * abs(middle))
    return middle if is_one and abs(middle - 1) > _EQUAL else None
