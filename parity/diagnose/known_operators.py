"""Tells whether operators of Jittor that follow another rule explain what a port differs by.

The experiment: the reference runs again in float64 with these operators computed by Jittor, with
the reference's own arguments. Where it then gives what the candidate gives, the port is right but
for the rule. A port that gives an operator other arguments is not explained by it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

import numpy as np

from parity.base.numerics import Array, distance, is_same_shape, magnitude
from parity.compare.modules import PairRunner
from parity.errors import CannotCompare
from parity.limits import RESEMBLANCE, K
from parity.report.finding import Finding
from parity.report.known_divergences import DIVERGENCES
from parity.trace.sites import TensorSite
from parity.trace.values import tensor_sites

Sited = Sequence[tuple[TensorSite, Finding]]
RULES = {name: rule.functions for name, rule in DIVERGENCES.items() if rule.functions}
END_TO_END = "end to end"


def name_operators(sited: Sited, runner: PairRunner) -> list[tuple[TensorSite, Finding]]:
    """Return the findings; those that a rule of Jittor's operators explains carry its name.

    Needs both sides alive, a reference of PyTorch and a candidate of Jittor.

    Args:
        sited: findings of isolated and end-to-end runs.
        runner: the pair.
    """
    named = list(sited)
    sides = [side.adapter.framework for side in (runner.reference, runner.candidate)]
    if sides != ["torch", "jittor"] or runner.runs or not find_spec("parity.atlas"):
        return named
    runs = dict.fromkeys(_run_of(site, finding) for site, finding in named if _is_open(finding))
    for run in runs:
        _name_in_run(named, run, runner)
    return named


def _is_open(finding: Finding) -> bool:
    return finding.is_fault and finding.known is None


def _run_of(site: TensorSite, finding: Finding) -> str:
    """Return the stress input of the run that a finding is of, or `END_TO_END`."""
    return END_TO_END if site.is_end_to_end else finding.stress_input or "plain"


def _name_in_run(named: list[tuple[TensorSite, Finding]], run: str, runner: PairRunner) -> None:
    """Name the findings of one run: with all rules at first, then with each that was met."""
    experiment = _Experiment(runner, run)
    group = {
        number: (site, finding)
        for number, (site, finding) in enumerate(named)
        if _is_open(finding) and _run_of(site, finding) == run
    }
    explained, met = experiment.explained(group, RULES)
    if not explained:
        return
    if len(met) == 1:
        _set(named, explained, *met)
        return
    for rule in met:
        alone, _ = experiment.explained(group, [rule])
        _set(named, alone, rule)
    # What several rules explain together carries the first one's name.
    _set(named, explained, next(iter(met)))


def _set(named: list[tuple[TensorSite, Finding]], numbers: Collection[int], rule: str) -> None:
    for number in numbers:
        site, finding = named[number]
        if finding.known is None:
            named[number] = site, dataclasses.replace(finding, known=rule)


class _Experiment:
    """Compares the candidate with the reference under rules of Jittor, in one run."""

    def __init__(self, runner: PairRunner, run: str) -> None:
        self._runner, self._run = runner, run
        if run == END_TO_END:
            self._reference, self._candidate = runner.end_to_end("float64")
        else:
            self._teacher, candidate = runner.rerun(run)
            self._reference, self._candidate = tensor_sites(self._teacher), tensor_sites(candidate)

    def explained(
        self, group: Mapping[int, tuple[TensorSite, Finding]], rules: Collection[str]
    ) -> tuple[set[int], list[str]]:
        """Return the numbers of the findings that rules explain, and the rules that were met."""
        met: dict[str, None] = {}
        try:
            with _in_jittor(self._runner, rules, met):
                variant = self._variant()
        except CannotCompare:
            return set(), []
        return {
            number
            for number, (site, finding) in group.items()
            if site in variant and self._is_explained(site, variant[site], finding)
        }, list(met)

    def _is_explained(self, site: TensorSite, changed: Array, finding: Finding) -> bool:
        """Tell whether the rules make the difference: without them it must be there in float64."""
        if site not in self._reference or site not in self._candidate:
            return False
        candidate = self._candidate[site]
        differs = finding.precision == "float64" or not _fits(
            self._reference[site], candidate, finding
        )
        return differs and _fits(changed, candidate, finding)

    def _variant(self) -> Mapping[TensorSite, Array]:
        if self._run == END_TO_END:
            return self._runner.end_to_end_side(self._runner.reference).values("float64")
        return tensor_sites(self._runner.rerun_isolated(self._runner.reference, self._teacher))


def _fits(changed: Array, candidate: Array, finding: Finding) -> bool:
    """Tell whether two arrays are the same but for the noise of float64, NaN and infinity too."""
    if not is_same_shape(changed.shape, candidate.shape):
        return False
    changed, candidate = changed.reshape(-1), candidate.reshape(-1)
    finite = np.isfinite(changed)
    if not np.array_equal(changed[~finite], candidate[~finite], equal_nan=True):
        return False
    changed, candidate = changed[finite], candidate[finite]
    allowed = max(K * (finding.noise or 0.0), RESEMBLANCE) * magnitude(changed)
    return bool(np.isfinite(candidate).all()) and distance(candidate, changed) <= allowed


@contextmanager
def _in_jittor(runner: PairRunner, rules: Collection[str], met: dict[str, None]) -> Iterator[None]:
    """Have Jittor compute the reference's functions that rules are about."""
    from parity.atlas.backends import jittor_backend
    from parity.atlas.calls.counterparts import jittor_sources
    from parity.atlas.calls.describing import Described, describer_of
    from parity.atlas.calls.observing import observed
    from parity.atlas.calls.replacing import CannotReplace, Replacing

    jittor = jittor_backend()
    rule_of = {function: rule for rule in rules for function in RULES[rule]}

    def sources_of(described: Described) -> Sequence[str]:
        rule = rule_of.get(described.use.name)
        if rule is None:
            return ()
        sources = jittor_sources(described.use, jittor.names["jt"])
        if sources.ways:
            met[rule] = None
        return [*sources.ways, *filter(None, [sources.short])]

    adapter: Any = runner.reference.adapter
    replacing = Replacing(describer_of(adapter), sources_of, jittor)
    try:
        with observed(adapter.modules(), replacing):
            yield
    except CannotReplace as error:
        raise CannotCompare("Jittor cannot compute what the reference does") from error
