"""Corrupts every tensor that a check compares, in turn, and sees whether the check notices.

A check runs once, on the correct candidate, and the tensors of both sides are kept. Then they are
judged again with the candidate's corrupted. A tensor is judged by its own values alone, so all of
them are corrupted at once and each judgement is looked at by itself.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import replace

from audit.corruption.corruptions import CORRUPTIONS, Corrupt, changes
from parity.base.numerics import Array, Precision
from parity.base.perturbation import Perturbation, PerturbResult
from parity.compare.comparison import Comparison, Judge, judge_comparison
from parity.noise.side_runner import SideRunner
from parity.pair import Pair
from parity.pair_check import judge_pair
from parity.prepare import prepare
from parity.trace.sites import TensorSite
from parity.trajectories.trajectory import Trajectory
from parity.trajectories.trajectory_runner import judge_trajectory
from parity.verdict import Judgement

Distances = Mapping[TensorSite, float]
# Makes the comparisons of a check, and has them judged by the given function.
Check = Callable[[Judge], object]
# By corruption and site: whether it changed the tensor under any stress input or at any step, and
# whether the tensor failed under any.
Outcome = dict[str, dict[TensorSite, tuple[bool, bool]]]


def of_pair(pair: Pair) -> Check:
    """Return the comparisons that `parity.check` makes of a pair."""
    return lambda judge: judge_pair(replace(prepare(pair).runner, judge=judge))


def of_trajectory(trajectory: Trajectory) -> Check:
    """Return the comparisons that `parity.check_trajectory` makes."""
    return lambda judge: judge_trajectory(trajectory, judge=judge)


class _Recorded:
    """A runner that keeps its results, and after `rewind` returns them again, corrupted if asked.

    The distances are asked for in the same order every time.
    """

    def __init__(self, runner: SideRunner) -> None:
        self._runner = runner
        self._distances: list[Distances | None] = []
        self._next = 0
        self.corrupt: Corrupt | None = None

    def values(self, precision: Precision) -> dict[TensorSite, Array]:
        return self._corrupted(self._runner.values(precision))

    def perturbed(self, perturbation: Perturbation) -> dict[TensorSite, Array]:
        return self._corrupted(self._runner.perturbed(perturbation))

    def _corrupted(self, values: Mapping[TensorSite, Array]) -> dict[TensorSite, Array]:
        return {site: self.corrupt(x) if self.corrupt else x for site, x in values.items()}

    def distances(self, precision: Precision, perturbation: Perturbation | None) -> Distances:
        return self._kept(lambda: self._runner.distances(precision, perturbation)) or {}

    def with_perturbed_operations(self, perturb: PerturbResult) -> Distances | None:
        return self._kept(lambda: self._runner.with_perturbed_operations(perturb))

    def rewind(self) -> None:
        self._next = 0

    def _kept(self, run: Callable[[], Distances | None]) -> Distances | None:
        if self._next == len(self._distances):
            distances = run()
            self._distances.append(None if distances is None else dict(distances))
        self._next += 1
        return self._distances[self._next - 1]


def every_tensor(check: Check, *, judge: Judge = judge_comparison) -> Outcome:
    """Run a check and return what became of each tensor under each corruption.

    Args:
        check: compares something correct; every comparison that it makes is tried.
        judge: the function that is audited, which judges a comparison.
    """
    outcome: Outcome = {name: defaultdict(lambda: (False, False)) for name in CORRUPTIONS}

    def tried(comparison: Comparison, *, seed: int) -> dict[TensorSite, Judgement]:
        reference, candidate = _Recorded(comparison.reference), _Recorded(comparison.candidate)
        recorded = replace(comparison, reference=reference, candidate=candidate)
        judged = judge(recorded, seed=seed)
        teacher = reference.values("float64")
        for name, candidate.corrupt in CORRUPTIONS.items():
            reference.rewind()
            candidate.rewind()
            _note(outcome[name], CORRUPTIONS[name], teacher, judge(recorded, seed=seed))
        return judged

    check(tried)
    return outcome


def _note(
    outcome: dict[TensorSite, tuple[bool, bool]],
    corrupt: Corrupt,
    teacher: Mapping[TensorSite, Array],
    judged: Mapping[TensorSite, Judgement],
) -> None:
    for site, judgement in judged.items():
        changed, failed = outcome[site]
        if site in teacher and changes(corrupt, teacher[site]):
            outcome[site] = True, failed or not judgement.verdict.passes()
        else:
            outcome[site] = changed, failed
