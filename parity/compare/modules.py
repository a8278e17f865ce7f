"""Both sides of a pair set up for runs: under a probe, end to end, or with tensors injected."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from parity.base.numerics import Array, Precision
from parity.base.stress_inputs import PROBES
from parity.compare.noise_profile import Comparison, Shift, Values, compare, module_flow
from parity.compare.operation_noise import Move
from parity.pair import Pair
from parity.trace.bound_model import Subject
from parity.trace.recorder import Run, Tap, Trace, bare_run, cut_run, observed_run, roll_call
from parity.trace.sites import Place, places
from parity.verdict import Judgement


@dataclass(frozen=True, kw_only=True)
class Sides:
    """A pair ready to run.

    Attributes:
        pair: as given.
        reference, candidate: the two sides.
        inputs: by keyword.
        weights: by reference path, float32 values.
        seed: of cotangents, dropout and shifts.
    """

    pair: Pair
    reference: Subject
    candidate: Subject
    inputs: Mapping[str, Array]
    weights: Mapping[str, Array]
    seed: int

    def run(
        self,
        subject: Subject,
        precision: Precision,
        *,
        probe: str | None = None,
        shift: Shift | None = None,
        seed: int | None = None,
    ) -> Run:
        """Describe one run of a side."""
        return Run(
            inputs=self.inputs,
            weights=self.weights,
            precision=precision,
            training=self.pair.training,
            loss=self.pair.loss_for(subject.adapter.framework),
            seed=self.seed if seed is None else seed,
            probe=None if probe is None else PROBES[probe],
            shift=shift,
        )

    def judge_probe(self, probe: str, *, first: bool) -> dict[Place, Judgement]:
        """Judge every gap under one probe; under the first, each side is also run twice."""
        lead = cut_run(self.reference, self.run(self.reference, "float64", probe=probe))
        comparison = Comparison(
            # What leads is what the reference, following itself in float64, would leave.
            reference=self._follower(self.reference, lead, {"float64": lead}),
            candidate=self._follower(self.candidate, lead),
            ordinary=first,
            thorough=first,
            flow=module_flow(places(lead), 1.0, lead.passed),
            mixed=self._mixed(),
        )
        return compare(comparison, seed=self.seed)

    def _follower(
        self, subject: Subject, lead: Trace, kept: Mapping[Precision, Trace] | None = None
    ) -> _Traced:
        def follow(precision: Precision, shift: Shift | None, still: Trace | None) -> Trace:
            return cut_run(subject, self.run(subject, precision, shift=shift), lead, still)

        return _Traced(follow, subject, kept)

    def judge_whole(self) -> dict[Place, Judgement]:
        """Judge outputs, loss and gradients of both sides run whole, as their users run them."""
        reference = self._whole(self.reference)
        # Without a loss of the user's the outputs are weighed with standard normal numbers.
        cotangent = 1.0 if self.pair.loss is None else 0.0
        comparison = Comparison(
            reference=reference,
            candidate=self._whole(self.candidate),
            ordinary=True,
            thorough=True,
            flow=module_flow(reference.values("float64"), cotangent, {}),
            mixed=self._mixed(),
        )
        return compare(comparison, seed=self.seed)

    def _mixed(self) -> bool:
        return self.reference.adapter.framework != self.candidate.adapter.framework

    def _whole(self, subject: Subject) -> _Traced:
        def run(precision: Precision, shift: Shift | None, still: Trace | None) -> Trace:
            return bare_run(subject, self.run(subject, precision, shift=shift), still)

        return _Traced(run, subject, name=_end_to_end)

    def without(self, modules: Collection[str]) -> Sides:
        """Return the same sides, with some modules no longer watched."""
        return replace(
            self,
            reference=_unwatched(self.reference, modules),
            candidate=_unwatched(self.candidate, modules),
        )

    def whole(self, precision: Precision) -> tuple[Values, Values]:
        """Run the reference in float64 and the candidate in a precision, whole, once each."""
        return (
            self._whole(self.reference).values("float64"),
            self._whole(self.candidate).values(precision),
        )

    def roll_calls(self) -> tuple[Trace, Trace]:
        """Run both sides forward, once each, to see what is called."""
        lead = roll_call(self.reference, self.run(self.reference, "float32"))
        return lead, roll_call(self.candidate, self.run(self.candidate, "float32"), lead)

    def rerun(
        self, probe: str, *, precision: Precision = "float64", seed: int | None = None
    ) -> tuple[Trace, Trace]:
        """Run the reference in float64 and the candidate in a precision, cut, once each."""
        lead = cut_run(self.reference, self.run(self.reference, "float64", probe=probe, seed=seed))
        return lead, cut_run(self.candidate, self.run(self.candidate, precision, seed=seed), lead)

    def rerun_reference(self, lead: Trace) -> Trace:
        """Run the reference cut, in float64, on what the leading run passed on."""
        return cut_run(self.reference, self.run(self.reference, "float64"), lead)

    def observe(
        self, subject: Subject, precision: Precision, inject: Mapping[Tap, Array], lead: Trace
    ) -> Trace:
        """Run a side uncut, with some taps' values put in the place of its own."""
        return observed_run(subject, self.run(subject, precision), lead, inject)


class _Traced:
    """A `Runner` whose runs are traces; of all but two of them only the distances are kept."""

    def __init__(
        self,
        run: Callable[[Precision, Shift | None, Trace | None], Trace],
        subject: Subject,
        kept: Mapping[Precision, Trace] | None = None,
        name: Callable[[Place], Place] | None = None,
    ) -> None:
        self._run, self._subject, self._name = run, subject, name
        self._kept: dict[Precision, Trace] = dict(kept or {})

    def values(self, precision: Precision) -> Values:
        return self._named(self._still(precision))

    def gaps(self, precision: Precision, shift: Shift | None) -> Mapping[Place, float]:
        return self._named(self._run(precision, shift, self._still(precision)))

    def moved(self, move: Move) -> Mapping[Place, float] | None:
        moving = getattr(self._subject.adapter, "moving", None)
        if moving is None:
            return None
        still = self._still("float64")
        with moving(move):
            return self._named(self._run("float64", None, still))

    def _still(self, precision: Precision) -> Trace:
        if precision not in self._kept:
            self._kept[precision] = self._run(precision, None, None)
        return self._kept[precision]

    def _named(self, trace: Trace) -> Mapping[Place, Any]:
        found = places(trace)
        return found if self._name is None else found.named(self._name)


def _end_to_end(place: Place) -> Place:
    owner = f" of {place.path}" if place.path and place.tap is None else ""
    return Place(place.phase, "", f"{place.tensor}{owner}, end to end", place.tap)


def _unwatched(subject: Subject, modules: Collection[str]) -> Subject:
    kept = {own: path for own, path in subject.modules.items() if path not in modules}
    return replace(subject, modules=kept)
