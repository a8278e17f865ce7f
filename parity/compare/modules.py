"""Both sides of a pair set up for runs: under a probe, end to end, or with tensors injected."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from parity.base.numerics import Array, Precision
from parity.base.stress_inputs import STRESS_INPUTS
from parity.compare.noise_profile import (
    Compare,
    Comparison,
    Perturbation,
    Values,
    compare,
    module_cancellation_scale,
)
from parity.compare.operation_noise import PerturbResult
from parity.pair import Pair
from parity.trace.bound_model import BoundModel
from parity.trace.recorder import (
    Run,
    Tap,
    Trace,
    list_calls,
    run_end_to_end,
    run_isolated,
    run_with_injection,
)
from parity.trace.sites import TensorSite, tensor_sites
from parity.verdict import Judgement


@dataclass(frozen=True, kw_only=True)
class PairRunner:
    """A pair ready to run.

    Attributes:
        pair: as given.
        reference, candidate: the two sides.
        inputs: by keyword.
        weights: by reference path, float32 values.
        seed: of cotangents, dropout and shifts.
        compare: judges two runs.
    """

    pair: Pair
    reference: BoundModel
    candidate: BoundModel
    inputs: Mapping[str, Array]
    weights: Mapping[str, Array]
    seed: int
    compare: Compare = compare

    def run(
        self,
        model: BoundModel,
        precision: Precision,
        *,
        stress_input: str | None = None,
        shift: Perturbation | None = None,
        seed: int | None = None,
    ) -> Run:
        """Describe one run of a side."""
        return Run(
            inputs=self.inputs,
            weights=self.weights,
            precision=precision,
            training=self.pair.training,
            loss=self.pair.loss_for(model.adapter.framework),
            seed=self.seed if seed is None else seed,
            stress_input=None if stress_input is None else STRESS_INPUTS[stress_input],
            shift=shift,
        )

    def judge_under(self, stress_input: str, *, first: bool) -> dict[TensorSite, Judgement]:
        """Judge every gap under one probe; under the first, each side is also run twice."""
        teacher = run_isolated(
            self.reference, self.run(self.reference, "float64", stress_input=stress_input)
        )
        comparison = Comparison(
            # What leads is what the reference, following itself in float64, would leave.
            reference=self._follower(self.reference, teacher, {"float64": teacher}),
            candidate=self._follower(self.candidate, teacher),
            is_plain_input=first,
            check_determinism=first,
            cancellation_scale=module_cancellation_scale(
                tensor_sites(teacher), 1.0, teacher.passed
            ),
            cross_framework=self._cross_framework(),
        )
        return self.compare(comparison, seed=self.seed)

    def _follower(
        self, model: BoundModel, teacher: Trace, kept: Mapping[Precision, Trace] | None = None
    ) -> _Traced:
        def follow(
            precision: Precision, shift: Perturbation | None, baseline: Trace | None
        ) -> Trace:
            return run_isolated(model, self.run(model, precision, shift=shift), teacher, baseline)

        return _Traced(follow, model, kept)

    def judge_whole(self) -> dict[TensorSite, Judgement]:
        """Judge outputs, loss and gradients of both sides run whole, as their users run them."""
        reference = self._whole(self.reference)
        # Without a loss of the user's the outputs are weighed with standard normal numbers.
        cotangent = 1.0 if self.pair.loss is None else 0.0
        comparison = Comparison(
            reference=reference,
            candidate=self._whole(self.candidate),
            is_plain_input=True,
            check_determinism=True,
            cancellation_scale=module_cancellation_scale(
                reference.values("float64"), cotangent, {}
            ),
            cross_framework=self._cross_framework(),
        )
        return self.compare(comparison, seed=self.seed)

    def _cross_framework(self) -> bool:
        return self.reference.adapter.framework != self.candidate.adapter.framework

    def _whole(self, model: BoundModel) -> _Traced:
        def run(precision: Precision, shift: Perturbation | None, baseline: Trace | None) -> Trace:
            return run_end_to_end(model, self.run(model, precision, shift=shift), baseline)

        return _Traced(run, model, name=_end_to_end)

    def without(self, modules: Collection[str]) -> PairRunner:
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

    def list_calls(self) -> tuple[Trace, Trace]:
        """Run both sides forward, once each, to see what is called."""
        teacher = list_calls(self.reference, self.run(self.reference, "float32"))
        return teacher, list_calls(self.candidate, self.run(self.candidate, "float32"), teacher)

    def rerun(
        self, stress_input: str, *, precision: Precision = "float64", seed: int | None = None
    ) -> tuple[Trace, Trace]:
        """Run the reference in float64 and the candidate in a precision, cut, once each."""
        teacher = run_isolated(
            self.reference,
            self.run(self.reference, "float64", stress_input=stress_input, seed=seed),
        )
        return teacher, run_isolated(
            self.candidate, self.run(self.candidate, precision, seed=seed), teacher
        )

    def rerun_reference(self, teacher: Trace) -> Trace:
        """Run the reference cut, in float64, on what the leading run passed on."""
        return run_isolated(self.reference, self.run(self.reference, "float64"), teacher)

    def observe(
        self, model: BoundModel, precision: Precision, inject: Mapping[Tap, Array], teacher: Trace
    ) -> Trace:
        """Run a side uncut, with some taps' values put in the place of its own."""
        return run_with_injection(model, self.run(model, precision), teacher, inject)


class _Traced:
    """A `Runner` whose runs are traces; of all but two of them only the distances are kept."""

    def __init__(
        self,
        run: Callable[[Precision, Perturbation | None, Trace | None], Trace],
        model: BoundModel,
        kept: Mapping[Precision, Trace] | None = None,
        name: Callable[[TensorSite], TensorSite] | None = None,
    ) -> None:
        self._run, self._model, self._name = run, model, name
        self._kept: dict[Precision, Trace] = dict(kept or {})

    def values(self, precision: Precision) -> Values:
        return self._named(self._baseline(precision))

    def distances(
        self, precision: Precision, shift: Perturbation | None
    ) -> Mapping[TensorSite, float]:
        return self._named(self._run(precision, shift, self._baseline(precision)))

    def perturbed(self, perturb: PerturbResult) -> Mapping[TensorSite, float] | None:
        perturbing_operations = getattr(self._model.adapter, "perturbing_operations", None)
        if perturbing_operations is None:
            return None
        baseline = self._baseline("float64")
        with perturbing_operations(perturb):
            return self._named(self._run("float64", None, baseline))

    def _baseline(self, precision: Precision) -> Trace:
        if precision not in self._kept:
            self._kept[precision] = self._run(precision, None, None)
        return self._kept[precision]

    def _named(self, trace: Trace) -> Mapping[TensorSite, Any]:
        found = tensor_sites(trace)
        return found if self._name is None else found.named(self._name)


def _end_to_end(site: TensorSite) -> TensorSite:
    owner = f" of {site.path}" if site.path and site.tap is None else ""
    return TensorSite(site.phase, "", f"{site.tensor}{owner}, end to end", site.tap)


def _unwatched(model: BoundModel, modules: Collection[str]) -> BoundModel:
    kept = {own: path for own, path in model.modules.items() if path not in modules}
    return replace(model, modules=kept)
