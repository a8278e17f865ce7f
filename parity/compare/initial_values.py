"""Compares initial weights: constants exactly, all others by their distribution.

Where a pair asks for it, the numbers must be equal.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from parity.adapters.protocol import adapt
from parity.base.difference import difference_of
from parity.base.numerics import Array, distance, magnitude
from parity.compare.distributions import critical_value, kolmogorov_smirnov
from parity.errors import users_code
from parity.limits import K
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
        if not judgement.verdict.passes():
            limit = K * judgement.noise * (magnitude(state[path]) or 1.0)
            difference = difference_of(state[path], array, limit)
            judgement = replace(judgement, difference=difference)
        findings.append(finding_of(of_parameter("init", path, "buffer", scope="built"), judgement))
    return findings


def drawn_buffers(
    pair: Pair, reference: BoundModel, state: Mapping[str, Array], paths: Sequence[str]
) -> list[str]:
    """Return those of the reference's buffers that its builder draws at random.

    They differ when it is built once more. Random features are an example.

    Args:
        pair: whose builder is called.
        reference: as it was built before.
        state: its tensors as built, by path.
        paths: of the buffers in question; without any, nothing is built.
    """
    recorded: Sequence[str] | None = getattr(reference.adapter, "drawn_buffers", None)
    if not paths or recorded is not None:
        return [path for path in paths if path in (recorded or ())]
    with users_code(f"pair {pair.name!r}: the reference's builder, called once more,"):
        module = pair.reference()
    if module is reference.adapter.module:
        return []
    again = adapt(module)
    tensors = {**again.parameters(), **again.buffers()}
    arrays = {path: again.to_numpy(tensors[path]) for path in paths if path in tensors}
    return [path for path, array in arrays.items() if not np.array_equal(array, state[path])]


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
