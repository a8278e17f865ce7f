"""Both sides of a pair set up for runs: under a probe, end to end, or with tensors injected."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from parity.framework import Array, Precision
from parity.measure import Comparison, Runner, Shift, Values, compare, module_flow
from parity.noise import PROBES
from parity.pair import Pair
from parity.places import Place, places
from parity.random_rounding import Move, Stirred
from parity.subject import Subject
from parity.trace import Run, Tap, Trace, bare_run, cut_run, observed_run
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
        values = places(lead)
        reference, candidate = (self._follower(s, lead) for s in (self.reference, self.candidate))
        comparison = Comparison(
            lead=values,
            reference=reference,
            candidate=candidate,
            stirred=self._stirred(reference, candidate),
            ordinary=first,
            thorough=first,
            flow=module_flow(values, 1.0, lead.passed),
        )
        return compare(comparison, seed=self.seed)

    def _follower(self, subject: Subject, lead: Trace) -> Runner:
        def follow(precision: Precision, shift: Shift | None) -> Values:
            return places(cut_run(subject, self.run(subject, precision, shift=shift), lead))

        return follow

    def judge_whole(self) -> dict[Place, Judgement]:
        """Judge outputs, loss and gradients of both sides run whole, as their users run them."""
        lead = self._whole(self.reference)("float64", None)
        reference, candidate = self._whole(self.reference), self._whole(self.candidate)
        comparison = Comparison(
            lead=lead,
            reference=reference,
            candidate=candidate,
            stirred=self._stirred(reference, candidate),
            ordinary=True,
            thorough=True,
            # Without a loss of the user's the outputs are weighed with standard normal numbers.
            flow=module_flow(lead, 1.0 if self.pair.loss is None else 0.0, {}),
        )
        return compare(comparison, seed=self.seed)

    def _whole(self, subject: Subject) -> Runner:
        def run(precision: Precision, shift: Shift | None) -> Values:
            trace = bare_run(subject, self.run(subject, precision, shift=shift))
            return places(trace).named(_end_to_end)

        return run

    def _stirred(
        self, reference: Runner, candidate: Runner
    ) -> tuple[Stirred | None, Stirred | None]:
        return _stirred(self.reference, reference), _stirred(self.candidate, candidate)

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
            self._whole(self.reference)("float64", None),
            self._whole(self.candidate)(precision, None),
        )

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


def _end_to_end(place: Place) -> Place:
    owner = f" of {place.path}" if place.path and place.tap is None else ""
    return Place(place.phase, "", f"{place.tensor}{owner}, end to end", place.tap)


def _stirred(subject: Subject, run: Runner) -> Stirred | None:
    moving = getattr(subject.adapter, "moving", None)
    if moving is None:
        return None

    def stirred(move: Move) -> Values:
        with moving(move):
            return run("float64", None)

    return stirred


def _unwatched(subject: Subject, modules: Collection[str]) -> Subject:
    kept = {own: path for own, path in subject.modules.items() if path not in modules}
    return replace(subject, modules=kept)
