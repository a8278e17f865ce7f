"""Both sides of a pair, ready to run: isolated, end to end, or with tensors injected."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from parity.base.numerics import Array, Precision
from parity.base.perturbation import Perturbation, PerturbResult
from parity.base.progress import begin
from parity.base.stress_inputs import ALIKE_INPUTS, STRESS_INPUTS, StressInput
from parity.compare.comparison import Comparison, Judge, judge_comparison
from parity.compare.domains import Domains
from parity.compare.draws import Draws, judge_draws
from parity.compare.outputs import judge_output_form
from parity.errors import CannotCompare
from parity.limits import FLOAT32_EPSILON
from parity.nested.arguments import Arguments
from parity.nested.outputs import Structure
from parity.noise import cancellation_scale, term_counts
from parity.noise.side_runner import Values
from parity.pair import Pair
from parity.trace.bound_model import BoundModel, Role
from parity.trace.end_to_end import run_end_to_end
from parity.trace.recorder import list_calls, run_isolated, run_with_injection
from parity.trace.sites import Tap, TensorSite, parent
from parity.trace.trace import DrawsFrom, Run, Trace
from parity.trace.values import end_to_end, tensor_sites
from parity.verdict import Judgement, Verdict


@dataclass(frozen=True, kw_only=True)
class PairRunner:
    """A pair ready to run.

    Attributes:
        pair: as given.
        reference, candidate: the two sides.
        inputs: arguments of the call.
        weights: by reference path, float32 values.
        seed: of cotangents, dropout and perturbations.
        judge: judges two sides' runs.
        always_watched: sides that draw random numbers or compute in a lower precision; filled by
            runs.
        domains: where stress inputs and perturbations leave the model's domain; filled by runs.
    """

    pair: Pair
    reference: BoundModel
    candidate: BoundModel
    inputs: Arguments
    weights: Mapping[str, Array]
    seed: int
    judge: Judge = judge_comparison
    always_watched: set[Role] = field(default_factory=set)
    domains: Domains = field(default_factory=Domains)

    def run_spec(
        self,
        model: BoundModel,
        precision: Precision,
        *,
        stress_input: str | StressInput | None = None,
        shift: Perturbation | None = None,
        seed: int | None = None,
        draws: DrawsFrom | None = None,
        is_watched: bool = True,
    ) -> Run:
        """Describe one run of a side."""
        return Run(
            inputs=self.inputs,
            weights=self.weights,
            precision=precision,
            training=self.pair.training,
            loss=self.pair.loss_for(model.adapter.framework),
            seed=self.seed if seed is None else seed,
            stress_input=STRESS_INPUTS[stress_input]
            if isinstance(stress_input, str)
            else stress_input,
            perturbation=shift,
            unstressed=self.domains.modules(stress_input)
            if isinstance(stress_input, str)
            else frozenset(),
            unperturbed=frozenset() if shift is None else self.domains.modules(None),
            low=model.low_arrays(self.inputs.arrays()),
            draws=draws or self.pair.random or "own",
            is_watched=is_watched or draws is not None or model.role in self.always_watched,
        )

    def judge_isolated(self, stress_input: str, *, first: bool) -> dict[TensorSite, Judgement]:
        """Judge every segment between taps under one stress input.

        Args:
            stress_input: a name in `STRESS_INPUTS`.
            first: whether it is the pair's first; then determinism is checked as well.

        Raises:
            SideRaised: a side raises under the first stress input.
        """
        if first:
            return self._judge_isolated(stress_input, first=True)
        judged = self.domains.within(
            stress_input, lambda: self._judge_isolated(stress_input, first=False)
        )
        return self.domains.finite(stress_input, judged or {})

    def _judge_isolated(self, stress_input: str, *, first: bool) -> dict[TensorSite, Judgement]:
        spec = self.run_spec(self.reference, "float64", stress_input=stress_input, is_watched=first)
        teacher = self._noted(self.reference, run_isolated(self.reference, spec))
        # The teacher's trace is what the reference, fed by itself in float64, would leave.
        reference = self._isolated(self.reference, teacher, {"float64": teacher}, first=first)
        candidate = self._isolated(self.candidate, teacher, first=first)
        comparison = Comparison(
            reference=reference,
            candidate=candidate,
            is_plain_input=first,
            check_determinism=first,
            cancellation_scale=cancellation_scale.of_modules(
                tensor_sites(teacher), 1.0, teacher.forced
            ),
            terms=term_counts.of_modules(lambda: tensor_sites(teacher)),
            terms_alike=stress_input in ALIKE_INPUTS,
            cross_framework=self._cross_framework(),
        )
        return self._with_draws(self.judge(comparison, seed=self.seed), reference, candidate)

    def judge_end_to_end(self) -> dict[TensorSite, Judgement]:
        """Judge outputs, loss and gradients of both sides, run as their users run them."""
        begin("end to end")
        reference = self._end_to_end(self.reference)
        candidate = self._end_to_end(self.candidate)
        # Without a loss of the user's, the outputs' cotangents are standard normal numbers.
        cotangent = 1.0 if self.pair.loss is None else 0.0
        comparison = Comparison(
            reference=reference,
            candidate=candidate,
            is_plain_input=True,
            check_determinism=True,
            cancellation_scale=cancellation_scale.of_modules(
                reference.values("float64"), cotangent, {}
            ),
            terms=term_counts.of_modules(lambda: reference.values("float64")),
            cross_framework=self._cross_framework(),
        )
        judged = self._with_draws(self.judge(comparison, seed=self.seed), reference, candidate)
        return judge_output_form(judged, reference, candidate)

    def _with_draws(
        self,
        judged: Mapping[TensorSite, Judgement],
        reference: _TracedRunner,
        candidate: _TracedRunner,
    ) -> dict[TensorSite, Judgement]:
        """Replace the judgements of tensors that depend on random numbers nobody can compare.

        Those are the tensors for which a module that draws answers; end to end, all of them.
        """
        draws = reference.draws(), candidate.draws()
        by_place = {}
        for place in {**draws[0], **draws[1]}:
            sides = (side.get(place, {}) for side in draws)
            decided = judge_draws(*sides, shared=self.pair.random == "shared")
            if decided is not None:
                by_place[place] = decided
        worst = max(by_place.values(), key=lambda j: j.verdict.rank, default=None)
        result = dict(judged)
        for site, judgement in judged.items():
            decided = worst if site.is_end_to_end else by_place.get(site.path)
            if decided is None or judgement.verdict is Verdict.ERROR:
                continue
            if reference.depends_on_draws(site) or candidate.depends_on_draws(site):
                result[site] = decided
        return result

    def _isolated(
        self,
        model: BoundModel,
        teacher: Trace,
        kept: Mapping[Precision, Trace] | None = None,
        *,
        first: bool,
    ) -> _TracedRunner:
        def run(
            precision: Precision,
            shift: Perturbation | None,
            baseline: Trace | None,
            draws: DrawsFrom | None = None,
        ) -> Trace:
            is_watched = first and shift is None
            spec = self.run_spec(model, precision, shift=shift, draws=draws, is_watched=is_watched)
            return self._noted(model, run_isolated(model, spec, teacher, baseline))

        return _TracedRunner(run, model, self.domains, kept)

    def _noted(self, model: BoundModel, trace: Trace) -> Trace:
        """Have all further runs of a side watched if this one has shown a reason."""
        if trace.draws or trace.epsilons:
            self.always_watched.add(model.role)
        return trace

    def _end_to_end(self, model: BoundModel) -> _TracedRunner:
        def run(
            precision: Precision,
            shift: Perturbation | None,
            baseline: Trace | None,
            draws: DrawsFrom | None = None,
        ) -> Trace:
            spec = self.run_spec(
                model, precision, shift=shift, draws=draws, is_watched=shift is None
            )
            return self._noted(model, run_end_to_end(model, spec, baseline))

        return _TracedRunner(run, model, self.domains, rename=end_to_end)

    def _cross_framework(self) -> bool:
        return self.reference.adapter.framework != self.candidate.adapter.framework

    def without(self, modules: Collection[str]) -> PairRunner:
        """Return the same pair, with some modules no longer tapped."""
        return replace(
            self,
            reference=_untapped(self.reference, modules),
            candidate=_untapped(self.candidate, modules),
        )

    def end_to_end(self, precision: Precision) -> tuple[Values, Values]:
        """Run the reference in float64 and the candidate in a precision, end to end, once each."""
        reference = self._end_to_end(self.reference)
        candidate = self._end_to_end(self.candidate)
        return reference.values("float64"), candidate.values(precision)

    def list_calls(self) -> tuple[Trace, Trace]:
        """Run both sides forward, once each; the traces hold calls and no tensors."""
        begin("calls of modules; kernels that are new are compiled on the way")
        teacher = list_calls(self.reference, self.run_spec(self.reference, "float32"))
        spec = self.run_spec(self.candidate, "float32")
        candidate = list_calls(self.candidate, spec, teacher)
        return self._noted(self.reference, teacher), self._noted(self.candidate, candidate)

    def buffers_changed_by_training(self) -> set[str]:
        """Run the reference in training mode; return the reference paths of the buffers it changes.

        Raises:
            SideRaised: it raised.
        """
        spec = replace(self.run_spec(self.reference, "float32"), training=True)
        adapter = self.reference.adapter
        list_calls(self.reference, spec)
        after = {
            p: adapter.to_numpy(adapter.buffers()[n]) for p, n in self.reference.buffers.items()
        }
        return {
            path
            for path, array in after.items()
            if not np.array_equal(array.astype(np.float64), self.weights[path].astype(np.float64))
        }

    def rerun(
        self,
        stress_input: str | StressInput,
        *,
        precision: Precision = "float64",
        seed: int | None = None,
    ) -> tuple[Trace, Trace]:
        """Run the reference in float64 and the candidate in a precision, isolated, once each."""
        teacher = run_isolated(
            self.reference,
            self.run_spec(self.reference, "float64", stress_input=stress_input, seed=seed),
        )
        return teacher, run_isolated(
            self.candidate, self.run_spec(self.candidate, precision, seed=seed), teacher
        )

    def rerun_reference(self, teacher: Trace) -> Trace:
        """Run the reference isolated, in float64, on the teacher's values."""
        return run_isolated(self.reference, self.run_spec(self.reference, "float64"), teacher)

    def observe(
        self, model: BoundModel, precision: Precision, inject: Mapping[Tap, Array], teacher: Trace
    ) -> Trace:
        """Run a side in one piece, with the given values injected at some taps."""
        return run_with_injection(model, self.run_spec(model, precision), teacher, inject)


class _TracedRunner:
    """A `SideRunner` whose runs are traces; all but two of them keep distances only."""

    def __init__(
        self,
        run: Callable[..., Trace],
        model: BoundModel,
        domains: Domains,
        kept: Mapping[Precision, Trace] | None = None,
        rename: Callable[[TensorSite], TensorSite] | None = None,
    ) -> None:
        self._run, self._model, self._domains, self._rename = run, model, domains, rename
        self._kept: dict[Precision, Trace] = dict(kept or {})

    def values(self, precision: Precision) -> Values:
        return self._renamed(self._baseline(precision))

    def distances(
        self, precision: Precision, perturbation: Perturbation | None
    ) -> Mapping[TensorSite, float]:
        baseline = self._baseline(precision)

        def distances() -> Trace:
            return self._run(precision, perturbation, baseline)

        trace = distances() if perturbation is None else self._domains.within(None, distances)
        return {} if trace is None else self._renamed(trace)

    def perturbed(self, perturbation: Perturbation) -> Values:
        return self._renamed(self._run("float64", perturbation, None))

    def draws(self) -> dict[str, Draws]:
        """Return the sizes of the random draws in float64, by place and kind."""
        sizes: dict[str, dict[str, list[int]]] = {}
        for place, draws in self._baseline("float64").draws.items():
            for draw in draws:
                known = sizes.setdefault(place, {}).setdefault(draw.source, [])
                if draw.size or not known:  # a moved generator says nothing of numbers
                    known.append(draw.size)
        return dict(sizes)

    def depends_on_draws(self, site: TensorSite) -> bool:
        """Tell whether a tensor may depend on the side's own random draws.

        It does not if it was there before the first draw of the module that it belongs to, or if
        the ends of what can be drawn leave it as it is, bit by bit.
        """
        baseline = self._baseline("float64")
        places = list(baseline.draws) if site.is_end_to_end else [site.path]
        draws = [draw for place in places for draw in baseline.draws.get(place, ())]
        tap = None if site.is_end_to_end or site.phase != "forward" else site.tap
        if tap is not None and baseline.precedes_draws(tap, site.path):
            return False
        if any(draw.source not in ("uniform", "normal") for draw in draws):
            return True
        return any(moved.get(site, math.inf) != 0 for moved in self._moved_by_draws)

    @cached_property
    def _moved_by_draws(self) -> list[Mapping[TensorSite, float]]:
        """The distance by which draws at either end of their range move each tensor; two runs."""
        ends: tuple[DrawsFrom, DrawsFrom] = ("low", "high")
        try:
            baseline = self._baseline("float64")
            return [self._renamed(self._run("float64", None, baseline, end)) for end in ends]
        except CannotCompare:
            return [{}]  # the model does not run there: everything may depend on them

    def epsilon(self, site: TensorSite) -> float:
        """Return that of the coarsest precision in which a float32 run computes a tensor."""
        epsilons = self._baseline("float32").epsilons
        if site.is_end_to_end:
            return max(epsilons.values(), default=FLOAT32_EPSILON)
        places = [site.path]
        while site.quantity == "parameter_gradient" and places[-1]:
            places.append(parent(places[-1]))  # code around a module may use its parameters
        return max(epsilons.get(place, FLOAT32_EPSILON) for place in places)

    def with_perturbed_operations(
        self, perturb: PerturbResult
    ) -> Mapping[TensorSite, float] | None:
        perturbing_operations = getattr(self._model.adapter, "perturbing_operations", None)
        if perturbing_operations is None:
            return None
        baseline = self._baseline("float64")
        with perturbing_operations(perturb):
            return self._renamed(self._run("float64", None, baseline))

    def structure(self) -> Structure:
        """Return the structure of what the model returns."""
        return self._baseline("float64").structure

    def _baseline(self, precision: Precision) -> Trace:
        if precision not in self._kept:
            self._kept[precision] = self._run(precision, None, None)
        return self._kept[precision]

    def _renamed(self, trace: Trace) -> Mapping[TensorSite, Any]:
        values = tensor_sites(trace)
        return values if self._rename is None else values.renamed(self._rename)


def _untapped(model: BoundModel, modules: Collection[str]) -> BoundModel:
    kept = {own: path for own, path in model.modules.items() if path not in modules}
    return replace(model, modules=kept)
