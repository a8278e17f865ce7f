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
from parity.compare.noise_profile import Comparison, Runner, Shift, compare
from parity.compare.operation_noise import Move
from parity.trace.sites import Place
from parity.verdict import Judgement

Values = dict[Place, Array]
# By spoiling and place: whether it was changed under any probe, and whether it failed under any.
Outcome = dict[str, dict[Place, tuple[bool, bool]]]


class _Tape:
    """Runs a side, keeps what it left, and after `rewind` gives it again, spoiled if so wished."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self._kept: list[Mapping[Place, float] | None] = []
        self._at = 0
        self.spoil: Spoil | None = None

    def values(self, precision: Precision) -> Values:
        values = self._runner.values(precision)
        return {place: self.spoil(x) if self.spoil else x for place, x in values.items()}

    def gaps(self, precision: Precision, shift: Shift | None) -> Mapping[Place, float]:
        return self._again(lambda: self._runner.gaps(precision, shift)) or {}

    def moved(self, move: Move) -> Mapping[Place, float] | None:
        return self._again(lambda: self._runner.moved(move))

    def rewind(self) -> None:
        self._at = 0

    def _again(
        self, run: Callable[[], Mapping[Place, float] | None]
    ) -> Mapping[Place, float] | None:
        if self._at == len(self._kept):
            gaps = run()
            self._kept.append(None if gaps is None else dict(gaps))
        self._at += 1
        return self._kept[self._at - 1]


def every_place(check: Callable[[], object]) -> Outcome:
    """Run a check and return what became of each place under each spoiling.

    Args:
        check: compares something correct; every comparison that it makes on the way is tried.
    """
    found: Outcome = {name: defaultdict(lambda: (False, False)) for name in SPOILINGS}

    def tried(comparison: Comparison, *, seed: int) -> dict[Place, Judgement]:
        reference, candidate = _Tape(comparison.reference), _Tape(comparison.candidate)
        taped = replace(comparison, reference=reference, candidate=candidate)
        judged = compare(taped, seed=seed)
        lead = reference.values("float64")
        for name, candidate.spoil in SPOILINGS.items():
            reference.rewind()
            candidate.rewind()
            _note(found[name], SPOILINGS[name], lead, compare(taped, seed=seed))
        return judged

    with _comparing(tried):
        check()
    return found


def _note(
    found: dict[Place, tuple[bool, bool]],
    spoil: Spoil,
    lead: Mapping[Place, Array],
    judged: Mapping[Place, Judgement],
) -> None:
    for place, judgement in judged.items():
        changed, failed = found[place]
        if place in lead and spoils(spoil, lead[place]):
            found[place] = True, failed or not judgement.verdict.passes()
        else:
            found[place] = changed, failed


@contextmanager
def _comparing(function: Callable[..., dict[Place, Judgement]]) -> Iterator[None]:
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
