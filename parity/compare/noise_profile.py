"""Runs both sides as often as a verdict needs and turns what arrives into distances."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol

import numpy as np

from parity.base.memory import give_back
from parity.base.numerics import Array, Precision, distance, is_float, magnitude
from parity.base.rng import perturb_one_ulp
from parity.compare.operation_noise import PerturbResult, operation_spread
from parity.trace.recorder import Tap
from parity.trace.sites import TensorSite
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

Values = Mapping[TensorSite, Array]
Perturbation = Callable[[Array, str], Array]


class Runner(Protocol):
    """One side, fed what the leading run was fed, to be run as often as judging needs."""

    def values(self, precision: Precision) -> Values:
        """Return what it leaves at every place; the run is made once and kept."""

    def distances(
        self, precision: Precision, shift: Perturbation | None
    ) -> Mapping[TensorSite, float]:
        """Run it again and return the distances from its `values`; NaN where either has one."""

    def perturbed(self, perturb: PerturbResult) -> Mapping[TensorSite, float] | None:
        """Do so in float64 with every operation's result moved; None where that cannot be done."""


class Repeated:
    """A `Runner` of a function that returns all values at once.

    Args:
        run: (precision, shift or None) -> what it leaves.
        kept: runs that have been made already.
    """

    def __init__(
        self,
        run: Callable[[Precision, Perturbation | None], Values],
        kept: Mapping[Precision, Values] | None = None,
    ) -> None:
        self._run = run
        self._kept = dict(kept or {})

    def values(self, precision: Precision) -> Values:
        """See `Runner`."""
        if precision not in self._kept:
            self._kept[precision] = self._run(precision, None)
        return self._kept[precision]

    def distances(
        self, precision: Precision, shift: Perturbation | None
    ) -> Mapping[TensorSite, float]:
        """See `Runner`."""
        baseline = self.values(precision)
        return {
            site: distance(array, baseline[site].reshape(array.shape))
            for site, array in self._run(precision, shift).items()
            if site in baseline and baseline[site].size == array.size
        }

    def perturbed(self, perturb: PerturbResult) -> None:
        """See `Runner`."""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Two sides to be run, and what is known of them.

    Attributes:
        reference, candidate: either side; the reference's values in float64 are what is expected.
        is_plain_input: whether the inputs are ones that models meet, and not stress inputs; then
            both sides must be finite.
        check_determinism: whether each side is also run against itself, and perturbed more often.
        cancellation_scale: (site) -> magnitude of the terms summed into a gradient. Where they
            cancel, rounding is relative to them and not to the gradient. 0: use the gradient's own
            size.
        cross_framework: whether the sides are of two frameworks, one of which could keep the
            other's memory.
    """

    reference: Runner
    candidate: Runner
    is_plain_input: bool
    check_determinism: bool
    cancellation_scale: Callable[[TensorSite], float]
    cross_framework: bool = False


class Compare(Protocol):
    """A function that judges a comparison, `compare` or one that wraps it."""

    def __call__(self, comparison: Comparison, *, seed: int) -> dict[TensorSite, Judgement]:
        """Judge every tensor of a comparison."""


def one_ulp(precision: Precision, seed: int, number: int) -> Perturbation:
    """Return the `number`-th random one-ulp shift of whatever flows in."""
    return lambda array, name: perturb_one_ulp(array, precision, name, seed, "ulp", number)


def compare(comparison: Comparison, *, seed: int) -> dict[TensorSite, Judgement]:
    """Judge every place that the leading run or the candidate reached.

    A place where the reference itself is not finite under a mere probe is left out.
    """
    sides = []
    for runner in (comparison.reference, comparison.candidate):
        sides.append(NoiseProfile(runner, comparison.check_determinism, seed))
        if comparison.cross_framework:
            give_back()
    reference, candidate = sides
    teacher = reference.double
    judged = {}
    for site, expected in teacher.items():
        cancellation_scale = comparison.cancellation_scale(site)
        judgement = _judge_place(
            site, expected, reference, candidate, comparison.is_plain_input, cancellation_scale
        )
        if judgement is not None:
            judged[site] = judgement
    for site in candidate.double:
        if site not in teacher and "output" in site.tensor:
            judged[site] = _abstain("the candidate has this call, the reference has not")
    return judged


class NoiseProfile:
    """One side's runs, reduced to what judging needs."""

    def __init__(self, runner: Runner, check_determinism: bool, seed: int) -> None:
        shifts = SHIFTS if check_determinism else 1
        self._runner, self._seed = runner, seed
        self.single = runner.values("float32")
        self.spread = _spread(runner, "float32", seed, shifts)
        self.double = runner.values("float64")
        self.double_spread = _spread(runner, "float64", seed, 1)
        self.rerun_difference = dict(runner.distances("float64", None)) if check_determinism else {}

    @cached_property
    def operations(self) -> dict[TensorSite, float]:
        """How far each place moves with every operation's result; six runs, made when asked for."""
        return operation_spread(self._runner.perturbed, self._seed)


def _spread(
    runner: Runner, precision: Precision, seed: int, shifts: int
) -> dict[TensorSite, float]:
    spread: dict[TensorSite, float] = {}
    for number in range(shifts):
        for site, gap in runner.distances(precision, one_ulp(precision, seed, number)).items():
            spread[site] = max(spread.get(site, 0.0), gap)
    return spread


def module_cancellation_scale(
    teacher: Values, cotangent: float, passed: Mapping[Tap, Array]
) -> Callable[[TensorSite], float]:
    """Return how large gradients may grow inside the module of a place.

    The largest that is seen at its taps, times the largest values there, twice: in attention a
    gradient meets the values and then the queries before softmax may make nothing of it, and what
    is left then is rounding of the product.

    Args:
        teacher: a run's tensors.
        cotangent: how large the gradients are that the run itself put in at every tap; what comes
            out of a saturated function is rounding of these, and none may be seen at its taps.
        passed: what went on from a tap, where that is not what arrived.
    """
    watched = {site.tap.path for site in teacher if site.tap is not None}
    gradients: dict[str, float] = {}
    values: dict[str, float] = {}
    for site, array in teacher.items():
        if site.phase == "backward":
            path = _watched(site.path, watched)
            gradients[path] = max(gradients.get(path, cotangent), _size(array))
        elif site.tap is not None:
            size = _size(passed.get(site.tap, array))
            for owner in {site.path, _owner(site)}:
                values[owner] = max(values.get(owner, 1.0), size)
    scales = {path: gradients[path] * values.get(path, 1.0) ** 2 for path in gradients}

    def cancellation_scale(site: TensorSite) -> float:
        return scales[_watched(site.path, watched)] if site.phase == "backward" else 0.0

    return cancellation_scale


def _watched(path: str, watched: Collection[str]) -> str:
    """Return the innermost watched module that a path is in, `""` for the model itself."""
    while path and path not in watched:
        path = path.rpartition(".")[0]
    return path


def group_cancellation_scale(teacher: Values) -> Callable[[TensorSite], float]:
    """Return the largest magnitude of one kind of state in a place's module.

    The first moment of an attention's key bias is zero in exact arithmetic; what is left of it is
    rounding of what made the moment of the key's weight. Where attention has a single pixel, all of
    query's and key's are zero, and what is left is rounding of what made the value's: where a
    module has less than an ulp of the modules beside it, it is the largest of those.
    """
    inside: dict[tuple[str, str], float] = {}
    beside: dict[tuple[str, str], float] = {}
    for site, array in teacher.items():
        for scales, path in ((inside, site.path), (beside, _owner(site))):
            key = path, _kind(site)
            scales[key] = max(scales.get(key, 0.0), _size(array))

    def cancellation_scale(site: TensorSite) -> float:
        own = inside.get((site.path, _kind(site)), 0.0)
        others = beside.get((_owner(site), _kind(site)), 0.0)
        return own if own > FLOAT32_EPSILON * others else others

    return cancellation_scale


def _owner(site: TensorSite) -> str:
    return site.path.rpartition(".")[0]


def _kind(site: TensorSite) -> str:
    return site.tensor.partition(" of ")[0]


def _abstain(reason: str) -> Judgement:
    return Judgement(verdict=Verdict.ABSTAIN, error=float("nan"), noise=float("nan"), reason=reason)


def _error(reason: str) -> Judgement:
    return Judgement(verdict=Verdict.ERROR, error=float("inf"), noise=0.0, reason=reason)


def _judge_place(
    site: TensorSite,
    expected: Array,
    reference: NoiseProfile,
    candidate: NoiseProfile,
    is_plain_input: bool,
    cancellation_scale: float,
) -> Judgement | None:
    if not _all_finite(expected):
        return _error("the reference is not finite") if is_plain_input else None
    found = candidate.double.get(site)
    if found is None:
        # What a module is given by other arguments is judged where it comes out.
        is_argument = site.tap is not None and site.tap.port == "input"
        return None if is_argument else _abstain("the candidate never gets here")
    problem = _problem(expected, found)
    if problem is not None:
        return problem
    if not is_float(expected):
        equal = np.array_equal(expected, found.reshape(expected.shape))
        verdict = Verdict.IDENTICAL if equal else Verdict.SEMANTIC_DIFFERENCE
        return Judgement(verdict=verdict, error=float(not equal), noise=0.0)
    double = found.reshape(expected.shape)
    return _judge_floats(
        site, expected, double, reference, candidate, is_plain_input, cancellation_scale
    )


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
    site: TensorSite,
    expected: Array,
    double: Array,
    reference: NoiseProfile,
    candidate: NoiseProfile,
    is_plain_input: bool,
    cancellation_scale: float,
) -> Judgement | None:
    ours, theirs = reference.single[site], candidate.single.get(site)
    if not _all_finite(ours):
        return _error("the reference is not finite in float32") if is_plain_input else None
    if theirs is None or theirs.size != ours.size or not _all_finite(theirs):
        return _error("the candidate is not finite in float32, the reference is")
    theirs, ours = theirs.reshape(expected.shape), ours.reshape(expected.shape)
    measured = Measured(
        scale=magnitude(expected),
        semantic=distance(double, expected),
        reference_error=distance(ours, expected),
        candidate_error=distance(theirs, expected),
        candidate_rounding=distance(theirs, double),
        reference_spread=_finite(reference.spread.get(site, 0.0)),
        candidate_spread=_finite(candidate.spread.get(site, 0.0)),
        double_spread=max(
            _finite(side.double_spread.get(site, 0.0)) for side in (reference, candidate)
        ),
        cancellation_scale=cancellation_scale,
        identical=np.array_equal(double, expected) and np.array_equal(theirs, ours),
    )
    for side, runs in (("reference", reference), ("candidate", candidate)):
        # Measured by the floor alone: randomness would widen every other kind of noise as well.
        if not runs.rerun_difference.get(site, 0.0) <= K * PRECISION_RATIO * measured.floor:
            return _abstain(f"the {side} differs from itself when run again")
    judgement = judge(measured, is_plain_input=is_plain_input)
    if judgement.verdict is Verdict.SEMANTIC_DIFFERENCE and not judgement.reason:
        # Before anybody is accused: rounding that no shift of what flows in can show.
        inside = max(_finite(side.operations.get(site, 0.0)) for side in (reference, candidate))
        if inside > measured.double_spread:
            judgement = judge(
                replace(measured, double_spread=inside), is_plain_input=is_plain_input
            )
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
