"""Every place that a check compares is spoiled in turn: is each of them really looked at?

A check runs once, on the correct candidate, and what both sides left is kept. Then the judge is
given the candidate's arrays spoiled. A place is judged by its own arrays alone, so all of them can
be spoiled at once and each be asked for by itself.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import parity.compare.modules
import parity.trajectories.trajectory
from audit.corruptions import SPOILINGS, Spoil, spoils
from parity.base.numerics import Array, Precision
from parity.compare.noise_profile import Comparison, Perturbation, Runner, compare
from parity.compare.operation_noise import PerturbResult
from parity.trace.sites import TensorSite
from parity.verdict import Judgement

Values = dict[TensorSite, Array]
# By spoiling and place: whether it was changed under any probe, and whether it failed under any.
Outcome = dict[str, dict[TensorSite, tuple[bool, bool]]]


class _Tape:
    """Runs a side, keeps what it left, and after `rewind` gives it again, spoiled if so wished."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self._kept: list[Mapping[TensorSite, float] | None] = []
        self._at = 0
        self.spoil: Spoil | None = None

    def values(self, precision: Precision) -> Values:
        values = self._runner.values(precision)
        return {site: self.spoil(x) if self.spoil else x for site, x in values.items()}

    def distances(
        self, precision: Precision, shift: Perturbation | None
    ) -> Mapping[TensorSite, float]:
        return self._again(lambda: self._runner.distances(precision, shift)) or {}

    def perturbed(self, move: PerturbResult) -> Mapping[TensorSite, float] | None:
        return self._again(lambda: self._runner.perturbed(move))

    def rewind(self) -> None:
        self._at = 0

    def _again(
        self, run: Callable[[], Mapping[TensorSite, float] | None]
    ) -> Mapping[TensorSite, float] | None:
        if self._at == len(self._kept):
            distances = run()
            self._kept.append(None if distances is None else dict(distances))
        self._at += 1
        return self._kept[self._at - 1]


def every_place(check: Callable[[], object]) -> Outcome:
    """Run a check and return what became of each place under each spoiling.

    Args:
        check: compares something correct; every comparison that it makes on the way is tried.
    """
    found: Outcome = {name: defaultdict(lambda: (False, False)) for name in SPOILINGS}

    def tried(comparison: Comparison, *, seed: int) -> dict[TensorSite, Judgement]:
        reference, candidate = _Tape(comparison.reference), _Tape(comparison.candidate)
        taped = replace(comparison, reference=reference, candidate=candidate)
        judged = compare(taped, seed=seed)
        teacher = reference.values("float64")
        for name, candidate.spoil in SPOILINGS.items():
            reference.rewind()
            candidate.rewind()
            _note(found[name], SPOILINGS[name], teacher, compare(taped, seed=seed))
        return judged

    with _comparing(tried):
        check()
    return found


def _note(
    found: dict[TensorSite, tuple[bool, bool]],
    spoil: Spoil,
    teacher: Mapping[TensorSite, Array],
    judged: Mapping[TensorSite, Judgement],
) -> None:
    for site, judgement in judged.items():
        changed, failed = found[site]
        if site in teacher and spoils(spoil, teacher[site]):
            found[site] = True, failed or not judgement.verdict.passes()
        else:
            found[site] = changed, failed


@contextmanager
def _comparing(function: Callable[..., dict[TensorSite, Judgement]]) -> Iterator[None]:
    """Let checks compare with another function meanwhile."""
    rooms: list[Any] = [parity.compare.modules, parity.trajectories.trajectory]
    before = [room.compare for room in rooms]
    for room in rooms:
        room.compare = function
    try:
        yield
    finally:
        for room, own in zip(rooms, before, strict=True):
            room.compare = own
