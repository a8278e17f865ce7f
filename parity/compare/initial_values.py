"""Compares initial weights: constants exactly, all others by their distribution.

Where a pair asks for it, the numbers must be equal.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from parity.base.numerics import Array, distance, magnitude
from parity.compare.distributions import critical_value, kolmogorov_smirnov
from parity.pair import Pair
from parity.report.finding import Finding, finding_of
from parity.trace.bound_model import BoundModel
from parity.trace.sites import of_parameter
from parity.verdict import Judgement, Verdict, judge_buffer, judge_distribution, other_constant


def compare_initial(
    pair: Pair, candidate: BoundModel, state: dict[str, Array]
) -> tuple[list[Finding], list[str]]:
    """Compare both sides' weights as the builders left them.

    Returns:
        The findings, where the pair asks for them to count; otherwise a note if any differs.
    """
    to_numpy = candidate.adapter.to_numpy
    own = {name: to_numpy(tensor) for name, tensor in candidate.own_parameters().items()}
    findings = []
    for path, array in candidate.by_reference_path(own).items():
        judgement = judge_initial(
            state[path].ravel(),
            array.ravel(),
            must_be_equal=pair.init == "exact",
        )
        site = of_parameter("init", path, "parameter", scope="built")
        findings.append(finding_of(site, judgement))
    if pair.init:
        return findings, []
    different = [f"{f.path}.{f.label}".strip(".") for f in findings if not f.passes()]
    if not different:
        return [], []
    shown = ", ".join(different[:3]) + (", …" if len(different) > 3 else "")
    return [], [f"initial values differ in {len(different)} parameters ({shown}); not judged"]


def compare_buffers(candidate: BoundModel, state: Mapping[str, Array]) -> list[Finding]:
    """Compare buffers as they were built: a table may be wrong though training never changes it.

    Args:
        candidate: before any weights are loaded.
        state: the reference's tensors as built, by path.
    """
    tensors = candidate.adapter.parameters() | candidate.adapter.buffers()
    findings = []
    for path, name in candidate.buffers.items():
        array = candidate.adapter.to_numpy(tensors[name]).reshape(state[path].shape)
        judgement = judge_buffer(
            distance(array, state[path]),
            magnitude(state[path]),
            equal=np.array_equal(array, state[path]),
        )
        findings.append(finding_of(of_parameter("init", path, "buffer", scope="built"), judgement))
    return findings


def judge_initial(reference: Array, candidate: Array, *, must_be_equal: bool) -> Judgement:
    """Judge one parameter's initial values, flat arrays of equal size."""
    if np.array_equal(reference, candidate):
        return Judgement(verdict=Verdict.IDENTICAL, error=0.0, noise=0.0)
    constants = [a.size > 0 and bool(np.all(a == a.flat[0])) for a in (reference, candidate)]
    if any(constants) and reference.size > 1:
        return other_constant()
    return judge_distribution(
        kolmogorov_smirnov(reference, candidate),
        critical_value(reference.size),
        must_be_equal=must_be_equal,
    )
