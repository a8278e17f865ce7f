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

import parity.sides
import parity.trajectory
from audit.spoiling import SPOILINGS, Spoil, spoils
from parity.framework import Array
from parity.measure import Comparison, compare
from parity.places import Place
from parity.verdict import Judgement

Values = dict[Place, Array]
# By spoiling and place: whether it was changed under any probe, and whether it failed under any.
Outcome = dict[str, dict[Place, tuple[bool, bool]]]


class _Tape:
    """Runs a side, keeps what it left, and gives it again after `rewind`."""

    def __init__(self, run: Callable[..., Mapping[Place, Array]]) -> None:
        self._run = run
        self._kept: list[Values] = []
        self._at = 0

    def __call__(self, *arguments: Any) -> Values:
        if self._at == len(self._kept):
            self._kept.append(dict(self._run(*arguments)))
        self._at += 1
        return self._kept[self._at - 1]

    def rewind(self) -> None:
        self._at = 0


def every_place(check: Callable[[], object]) -> Outcome:
    """Run a check and return what became of each place under each spoiling.

    Args:
        check: compares something correct; every comparison that it makes on the way is tried.
    """
    found: Outcome = {name: defaultdict(lambda: (False, False)) for name in SPOILINGS}

    def tried(comparison: Comparison, *, seed: int) -> dict[Place, Judgement]:
        tapes = [_Tape(comparison.reference), _Tape(comparison.candidate)]
        stirred = tuple(None if run is None else _Tape(run) for run in comparison.stirred)
        taped = replace(
            comparison, reference=tapes[0], candidate=tapes[1], stirred=(stirred[0], stirred[1])
        )
        judged = compare(taped, seed=seed)
        for name, spoil in SPOILINGS.items():
            for tape in [*tapes, *filter(None, stirred)]:
                tape.rewind()
            spoiled = replace(taped, candidate=_spoiled(tapes[1], spoil))
            _note(found[name], spoil, comparison.lead, compare(spoiled, seed=seed))
        return judged

    with _comparing(tried):
        check()
    return found


def _spoiled(tape: _Tape, spoil: Spoil) -> Callable[..., Values]:
    return lambda *arguments: {place: spoil(x) for place, x in tape(*arguments).items()}


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
    rooms: list[Any] = [parity.sides, parity.trajectory]
    for room in rooms:
        room.compare = function
    try:
        yield
    finally:
        for room in rooms:
            room.compare = compare
