"""Runs both sides as often as a verdict needs and turns what arrives into distances."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol

import numpy as np

from parity.base.memory import give_back
from parity.base.numerics import Array, Precision, distance, is_float, magnitude
from parity.base.rng import shifted
from parity.compare.operation_noise import Move, operation_spread
from parity.trace.recorder import Tap
from parity.trace.sites import Place
from parity.verdict import (
    FLOAT32_EPSILON,
    PRECISION_RATIO,
    SHIFTS,
    Judgement,
    K,
    Measured,
    Verdict,
    judge,
)

Values = Mapping[Place, Array]
Shift = Callable[[Array, str], Array]


class Runner(Protocol):
    """One side, fed what the leading run was fed, to be run as often as judging needs."""

    def values(self, precision: Precision) -> Values:
        """Return what it leaves at every place; the run is made once and kept."""

    def gaps(self, precision: Precision, shift: Shift | None) -> Mapping[Place, float]:
        """Run it again and return the distances from its `values`; NaN where either has one."""

    def moved(self, move: Move) -> Mapping[Place, float] | None:
        """Do so in float64 with every operation's result moved; None where that cannot be done."""


class Repeated:
    """A `Runner` of a function that returns all values at once.

    Args:
        run: (precision, shift or None) -> what it leaves.
        kept: runs that have been made already.
    """

    def __init__(
        self,
        run: Callable[[Precision, Shift | None], Values],
        kept: Mapping[Precision, Values] | None = None,
    ) -> None:
        self._run = run
        self._kept = dict(kept or {})

    def values(self, precision: Precision) -> Values:
        """See `Runner`."""
        if precision not in self._kept:
            self._kept[precision] = self._run(precision, None)
        return self._kept[precision]

    def gaps(self, precision: Precision, shift: Shift | None) -> Mapping[Place, float]:
        """See `Runner`."""
        still = self.values(precision)
        return {
            place: distance(array, still[place].reshape(array.shape))
            for place, array in self._run(precision, shift).items()
            if place in still and still[place].size == array.size
        }

    def moved(self, move: Move) -> None:
        """See `Runner`."""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Two sides to be run, and what is known of them.

    Attributes:
        reference, candidate: either side; the reference's values in float64 are what is expected.
        ordinary: whether the inputs are ones that models meet, and not a mere probe; then both
            sides must be finite.
        thorough: whether each side is also run against itself, and shifted more often.
        flow: place -> how large the numbers are that a gradient there is made of, 0 where its own
            size says it all; some gradients are zero in exact arithmetic, or behind a saturated
            softmax next to it, and what is left of them is rounding of what flows beside them.
        mixed: whether they are of two frameworks, one of which could keep the other's memory.
    """

    reference: Runner
    candidate: Runner
    ordinary: bool
    thorough: bool
    flow: Callable[[Place], float]
    mixed: bool = False


def one_ulp(precision: Precision, seed: int, number: int) -> Shift:
    """Return the `number`-th random one-ulp shift of whatever flows in."""
    return lambda array, name: shifted(array, precision, name, seed, "ulp", number)


def compare(comparison: Comparison, *, seed: int) -> dict[Place, Judgement]:
    """Judge every place that the leading run or the candidate reached.

    A place where the reference itself is not finite under a mere probe is left out.
    """
    sides = []
    for runner in (comparison.reference, comparison.candidate):
        sides.append(_Side(runner, comparison.thorough, seed))
        if comparison.mixed:
            give_back()
    reference, candidate = sides
    lead = reference.double
    judged = {}
    for place, expected in lead.items():
        flow = comparison.flow(place)
        judgement = _judge_place(place, expected, reference, candidate, comparison.ordinary, flow)
        if judgement is not None:
            judged[place] = judgement
    for place in candidate.double:
        if place not in lead and "output" in place.tensor:
            judged[place] = _abstain("the candidate has this call, the reference has not")
    return judged


class _Side:
    """One side's runs, reduced to what judging needs."""

    def __init__(self, runner: Runner, thorough: bool, seed: int) -> None:
        shifts = SHIFTS if thorough else 1
        self._runner, self._seed = runner, seed
        self.single = runner.values("float32")
        self.spread = _spread(runner, "float32", seed, shifts)
        self.double = runner.values("float64")
        self.double_spread = _spread(runner, "float64", seed, 1)
        self.unrest = dict(runner.gaps("float64", None)) if thorough else {}

    @cached_property
    def operations(self) -> dict[Place, float]:
        """How far each place moves with every operation's result; six runs, made when asked for."""
        return operation_spread(self._runner.moved, self._seed)


def _spread(runner: Runner, precision: Precision, seed: int, shifts: int) -> dict[Place, float]:
    spread: dict[Place, float] = {}
    for number in range(shifts):
        for place, gap in runner.gaps(precision, one_ulp(precision, seed, number)).items():
            spread[place] = max(spread.get(place, 0.0), gap)
    return spread


def module_flow(
    lead: Values, cotangent: float, passed: Mapping[Tap, Array]
) -> Callable[[Place], float]:
    """Return how large gradients may grow inside the module of a place.

    The largest that is seen at its taps, times the largest values there, twice: in attention a
    gradient meets the values and then the queries before softmax may make nothing of it, and what
    is left then is rounding of the product.

    Args:
        lead: a run's tensors.
        cotangent: how large the gradients are that the run itself put in at every tap; what comes
            out of a saturated function is rounding of these, and none may be seen at its taps.
        passed: what went on from a tap, where that is not what arrived.
    """
    watched = {place.tap.path for place in lead if place.tap is not None}
    gradients: dict[str, float] = {}
    values: dict[str, float] = {}
    for place, array in lead.items():
        if place.phase == "backward":
            path = _watched(place.path, watched)
            gradients[path] = max(gradients.get(path, cotangent), _size(array))
        elif place.tap is not None:
            size = _size(passed.get(place.tap, array))
            for owner in {place.path, _owner(place)}:
                values[owner] = max(values.get(owner, 1.0), size)
    flows = {path: gradients[path] * values.get(path, 1.0) ** 2 for path in gradients}

    def flow(place: Place) -> float:
        return flows[_watched(place.path, watched)] if place.phase == "backward" else 0.0

    return flow


def _watched(path: str, watched: Collection[str]) -> str:
    """Return the innermost watched module that a path is in, `""` for the model itself."""
    while path and path not in watched:
        path = path.rpartition(".")[0]
    return path


def group_flow(lead: Values) -> Callable[[Place], float]:
    """Return the largest magnitude of one kind of state in a place's module.

    The first moment of an attention's key bias is zero in exact arithmetic; what is left of it is
    rounding of what made the moment of the key's weight. Where attention has a single pixel, all of
    query's and key's are zero, and what is left is rounding of what made the value's: where a
    module has less than an ulp of the modules beside it, it is the largest of those.
    """
    inside: dict[tuple[str, str], float] = {}
    beside: dict[tuple[str, str], float] = {}
    for place, array in lead.items():
        for flows, path in ((inside, place.path), (beside, _owner(place))):
            key = path, _kind(place)
            flows[key] = max(flows.get(key, 0.0), _size(array))

    def flow(place: Place) -> float:
        own = inside.get((place.path, _kind(place)), 0.0)
        others = beside.get((_owner(place), _kind(place)), 0.0)
        return own if own > FLOAT32_EPSILON * others else others

    return flow


def _owner(place: Place) -> str:
    return place.path.rpartition(".")[0]


def _kind(place: Place) -> str:
    return place.tensor.partition(" of ")[0]


def _abstain(reason: str) -> Judgement:
    return Judgement(verdict=Verdict.ABSTAIN, error=float("nan"), noise=float("nan"), reason=reason)


def _error(reason: str) -> Judgement:
    return Judgement(verdict=Verdict.ERROR, error=float("inf"), noise=0.0, reason=reason)


def _judge_place(
    place: Place, expected: Array, reference: _Side, candidate: _Side, ordinary: bool, flow: float
) -> Judgement | None:
    if not _all_finite(expected):
        return _error("the reference is not finite") if ordinary else None
    found = candidate.double.get(place)
    if found is None:
        # What a module is given by other arguments is judged where it comes out.
        is_argument = place.tap is not None and place.tap.port == "input"
        return None if is_argument else _abstain("the candidate never gets here")
    problem = _problem(expected, found)
    if problem is not None:
        return problem
    if not is_float(expected):
        equal = np.array_equal(expected, found.reshape(expected.shape))
        verdict = Verdict.IDENTICAL if equal else Verdict.SEMANTIC_DIFFERENCE
        return Judgement(verdict=verdict, error=float(not equal), noise=0.0)
    double = found.reshape(expected.shape)
    return _judge_floats(place, expected, double, reference, candidate, ordinary, flow)


def _problem(expected: Array, found: Array) -> Judgement | None:
    # A zero-dimensional tensor has shape (1,) in a framework without them.
    if expected.shape != found.shape and {expected.shape, found.shape} != {(), (1,)}:
        return _error(f"shape {found.shape}, and {expected.shape} in the reference")
    if is_float(expected) != is_float(found):
        return _error(f"dtype {found.dtype}, and {expected.dtype} in the reference")
    if not _all_finite(found):
        return _error("the candidate is not finite, the reference is")
    for side, array in (("reference", expected), ("candidate", found)):
        if is_float(array) and array.dtype.itemsize < 8:
            return _abstain(f"the {side} computes this in {array.dtype} even when run in float64")
    return None


def _judge_floats(
    place: Place,
    expected: Array,
    double: Array,
    reference: _Side,
    candidate: _Side,
    ordinary: bool,
    flow: float,
) -> Judgement | None:
    ours, theirs = reference.single[place], candidate.single.get(place)
    if not _all_finite(ours):
        return _error("the reference is not finite in float32") if ordinary else None
    if theirs is None or theirs.size != ours.size or not _all_finite(theirs):
        return _error("the candidate is not finite in float32, the reference is")
    theirs, ours = theirs.reshape(expected.shape), ours.reshape(expected.shape)
    measured = Measured(
        scale=magnitude(expected),
        semantic=distance(double, expected),
        reference_error=distance(ours, expected),
        candidate_error=distance(theirs, expected),
        candidate_rounding=distance(theirs, double),
        reference_spread=_finite(reference.spread.get(place, 0.0)),
        candidate_spread=_finite(candidate.spread.get(place, 0.0)),
        double_spread=max(
            _finite(side.double_spread.get(place, 0.0)) for side in (reference, candidate)
        ),
        flow=flow,
        identical=np.array_equal(double, expected) and np.array_equal(theirs, ours),
    )
    for side, runs in (("reference", reference), ("candidate", candidate)):
        # Measured by the floor alone: randomness would widen every other kind of noise as well.
        if not runs.unrest.get(place, 0.0) <= K * PRECISION_RATIO * measured.floor:
            return _abstain(f"the {side} differs from itself when run again")
    judgement = judge(measured, ordinary=ordinary)
    if judgement.verdict is Verdict.SEMANTIC_DIFFERENCE and not judgement.reason:
        # Before anybody is accused: rounding that no shift of what flows in can show.
        inside = max(_finite(side.operations.get(place, 0.0)) for side in (reference, candidate))
        if inside > measured.double_spread:
            judgement = judge(replace(measured, double_spread=inside), ordinary=ordinary)
    return judgement


def _all_finite(array: Array) -> bool:
    # A NaN among real numbers comes out of the extremes; no array of flags is made.
    if array.dtype.kind == "f":
        return bool(np.isfinite(magnitude(array)))
    return bool(np.isfinite(array).all())


def _size(array: Array) -> float:
    return _finite(magnitude(array)) if is_float(array) else 0.0


def _finite(value: float) -> float:
    # A shift that overflows tells nothing about the size of rounding.
    return value if np.isfinite(value) else 0.0
