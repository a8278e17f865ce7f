"""Judges entries without inputs: plain values by equality, random samples by distribution."""

from __future__ import annotations

from typing import Any

import numpy as np

from parity.atlas.backends import Backend, describe_exception
from parity.atlas.entry import Entry
from parity.atlas.finding import VALUE, AtlasCause, ComparedTensor, Finding
from parity.base.numerics import Array
from parity.compare.distributions import (
    critical_value,
    kolmogorov_smirnov,
    without_rounding,
)
from parity.verdict import Verdict, judge_distribution, judge_exact, other_constant


def judge_exception(case: str, tensor: Any, reference: str, candidate: str) -> Finding:
    """Judge outcomes of which one or both are exceptions: two exceptions agree."""
    verdict = Verdict.IDENTICAL if reference and candidate else Verdict.ERROR
    return Finding(
        case=case, tensor=tensor, verdict=verdict, cause=AtlasCause.EXCEPTION,
        reference=reference, candidate=candidate,
    )  # fmt: skip


def judge_rule(entry: Entry, source: str, reference: Backend, candidate: Backend) -> list[Finding]:
    """Judge plain values by equality; that both raise an exception counts as equal."""
    expected, expected_exception = _value(reference, entry.torch)
    actual, actual_exception = _value(candidate, source)
    if expected_exception or actual_exception:
        return [judge_exception("", VALUE, expected_exception, actual_exception)]
    verdict = judge_exact(expected == actual).verdict
    if expected == actual:
        return [Finding(case="", tensor=VALUE, verdict=verdict)]
    return [
        Finding(
            case="", tensor=VALUE, verdict=verdict, cause=AtlasCause.VALUES, reference=expected,
            candidate=actual,
        )
    ]  # fmt: skip


def _value(backend: Backend, source: str) -> tuple[str, str]:
    try:
        return plain_text(backend, backend.value(source)), ""
    except Exception as error:  # any exception of a framework is a result to compare
        return "", describe_exception(error)


def plain_text(backend: Backend, value: Any) -> str:
    """Return a value as text that does not depend on the framework."""
    if backend.is_tensor(value):
        return str(backend.to_array(value).tolist())
    if isinstance(value, (list, tuple)):
        return "(" + ", ".join(plain_text(backend, item) for item in value) + ")"
    return str(value).removeprefix("torch.")


def judge_random(
    entry: Entry, source: str, reference: Backend, candidate: Backend
) -> list[Finding]:
    """Judge two samples: constants exactly, others by their distribution functions.

    The two-sample Kolmogorov-Smirnov test calls equal distributions different once in a million
    entries (`INIT_SIGNIFICANCE`). With 20,000 numbers it detects a distance of 0.027 between the
    distribution functions, which a normal distribution with a standard deviation 12 % off has.
    """
    return judge_samples(_sample(reference, entry.torch), _sample(candidate, source))


def judge_samples(
    reference: tuple[Array, str], candidate: tuple[Array, str], tensor: ComparedTensor = VALUE
) -> list[Finding]:
    """Judge two samples as `judge_random` does.

    Args:
        reference: independent numbers, and an empty text; or none, and the exception.
        candidate: likewise.
        tensor: that they are of.
    """
    (expected, expected_exception), (actual, actual_exception) = reference, candidate
    if expected_exception or actual_exception:
        return [judge_exception("", tensor, expected_exception, actual_exception)]
    if expected.shape != actual.shape:
        return [
            Finding(
                case="", tensor=tensor, verdict=Verdict.ERROR, cause=AtlasCause.SHAPE,
                reference=str(expected.shape), candidate=str(actual.shape),
            )
        ]  # fmt: skip
    a, b = expected.ravel().astype(float), actual.ravel().astype(float)
    if np.array_equal(a, b):
        return [Finding(case="", tensor=tensor, verdict=Verdict.IDENTICAL, error=0.0, noise=0.0)]
    a, b = without_rounding(a, b)
    statistic, critical = kolmogorov_smirnov(a, b), critical_value(min(a.size, b.size))
    constant = a.std() == 0 or b.std() == 0
    judgement = (
        other_constant()
        if constant
        else judge_distribution(statistic, critical, must_be_equal=False)
    )
    return [
        Finding(
            case="", tensor=tensor, error=statistic, noise=critical, cause=AtlasCause.DISTRIBUTION,
            verdict=judgement.verdict, reference=_moments(a), candidate=_moments(b),
        )
    ]  # fmt: skip


def _sample(backend: Backend, source: str) -> tuple[Array, str]:
    try:
        return backend.to_array(backend.seeded_value(source)), ""
    except Exception as error:  # any exception of a framework is a result to compare
        return np.zeros(0), describe_exception(error)


def _moments(x: Array) -> str:
    return f"mean {x.mean():.4g}, deviation {x.std():.4g}, from {x.min():.4g} to {x.max():.4g}"
