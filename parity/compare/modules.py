"""Both sides of a pair, ready to run: isolated, end to end, or with tensors injected."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace

from parity.base.numerics import Array, Precision
from parity.base.perturbation import Perturbation
from parity.base.progress import begin
from parity.base.stress_inputs import ALIKE_INPUTS, STRESS_INPUTS, StressInput
from parity.compare.comparison import Comparison, Judge, judge_comparison
from parity.compare.domains import Domains
from parity.compare.draws import judge_draws
from parity.compare.outputs import judge_output_form
from parity.errors import NotRecorded
from parity.nested.arguments import Arguments
from parity.noise import cancellation_scale, term_counts
from parity.noise.side_runner import Values
from parity.noise.traced_runner import TracedRunner
from parity.pair import Pair
from parity.recording.runs import LIVE, Runs
from parity.trace.bound_model import BoundModel, Role
from parity.trace.sites import Tap, TensorSite
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
        runs: where a side's runs come from, if not from its module.
        not_recorded: stress input -> what of it a recorded side lacks; filled by runs.
        is_taught: whether the reference too is given another model's values, as two records are
            that were made like a third.
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
    runs: Mapping[Role, Runs] = field(default_factory=dict)
    not_recorded: dict[str, str] = field(default_factory=dict)
    is_taught: bool = False

    def runs_of(self, model: BoundModel) -> Runs:
        """Return where a side's runs come from."""
        return self.runs.get(model.role, LIVE)

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
        try:
            judged = self.domains.within(
                stress_input, lambda: self._judge_isolated(stress_input, first=False)
            )
        except NotRecorded as error:
            # The candidate has raised, and the recorded side was not run without that module.
            if not self.domains.left:
                raise
            self.not_recorded[stress_input] = str(error)
            return {}
        return self.domains.finite(stress_input, judged or {})

    def _judge_isolated(self, stress_input: str, *, first: bool) -> dict[TensorSite, Judgement]:
        teacher = self.teacher(stress_input, first=first)
        # The teacher's trace is what the reference, fed by itself in float64, would leave.
        kept: dict[Precision, Trace] = {} if self.is_taught else {"float64": teacher}
        reference = self.isolated_side(self.reference, teacher, kept, first=first)
        candidate = self.isolated_side(self.candidate, teacher, first=first)
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
        reference = self.end_to_end_side(self.reference)
        candidate = self.end_to_end_side(self.candidate)
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
        reference: TracedRunner,
        candidate: TracedRunner,
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

    def teacher(self, stress_input: str, *, first: bool) -> Trace:
        """Run the reference in float64, isolated; its values are then forced on both sides."""
        spec = self.run_spec(self.reference, "float64", stress_input=stress_input, is_watched=first)
        trace = self.runs_of(self.reference).isolated(self.reference, spec)
        return self._noted(self.reference, trace)

    def isolated_side(
        self,
        model: BoundModel,
        teacher: Trace,
        kept: Mapping[Precision, Trace] | None = None,
        *,
        first: bool,
    ) -> TracedRunner:
        """Return the runner of a side that is given the teacher's values at every tap.

        Args:
            model: the side.
            teacher: whose values.
            kept: runs that have been made already.
            first: whether the stress input is the pair's first.
        """

        def run(
            precision: Precision,
            shift: Perturbation | None,
            baseline: Trace | None,
            draws: DrawsFrom | None = None,
        ) -> Trace:
            is_watched = first and shift is None
            spec = self.run_spec(model, precision, shift=shift, draws=draws, is_watched=is_watched)
            return self._noted(model, self.runs_of(model).isolated(model, spec, teacher, baseline))

        return TracedRunner(run, model, self._within_domain, kept)

    def _noted(self, model: BoundModel, trace: Trace) -> Trace:
        """Have all further runs of a side watched if this one has shown a reason."""
        if trace.draws or trace.epsilons:
            self.always_watched.add(model.role)
        return trace

    def end_to_end_side(self, model: BoundModel) -> TracedRunner:
        """Return the runner of a side as its user runs it."""

        def run(
            precision: Precision,
            shift: Perturbation | None,
            baseline: Trace | None,
            draws: DrawsFrom | None = None,
        ) -> Trace:
            spec = self.run_spec(
                model, precision, shift=shift, draws=draws, is_watched=shift is None
            )
            return self._noted(model, self.runs_of(model).end_to_end(model, spec, baseline))

        return TracedRunner(run, model, self._within_domain, rename=end_to_end)

    def _within_domain(self, run: Callable[[], Trace]) -> Trace | None:
        return self.domains.within(None, run)

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
        reference = self.end_to_end_side(self.reference)
        candidate = self.end_to_end_side(self.candidate)
        return reference.values("float64"), candidate.values(precision)

    def list_calls(self) -> tuple[Trace, Trace]:
        """Run both sides forward, once each; the traces hold calls and no tensors."""
        begin("calls of modules; kernels that are new are compiled on the way")
        spec = self.run_spec(self.reference, "float32")
        teacher = self.runs_of(self.reference).calls(self.reference, spec)
        spec = self.run_spec(self.candidate, "float32")
        candidate = self.runs_of(self.candidate).calls(self.candidate, spec, teacher)
        return self._noted(self.reference, teacher), self._noted(self.candidate, candidate)

    def buffers_changed_by_training(self) -> set[str]:
        """Run the reference in training mode; return the reference paths of the buffers it changes.

        Raises:
            SideRaised: it raised.
        """
        spec = replace(self.run_spec(self.reference, "float32"), training=True)
        return self.runs_of(self.reference).changed_buffers(self.reference, spec)

    def rerun(
        self,
        stress_input: str | StressInput,
        *,
        precision: Precision = "float64",
        seed: int | None = None,
    ) -> tuple[Trace, Trace]:
        """Run the reference in float64 and the candidate in a precision, isolated, once each."""
        spec = self.run_spec(self.reference, "float64", stress_input=stress_input, seed=seed)
        teacher = self.runs_of(self.reference).isolated(self.reference, spec)
        spec = self.run_spec(self.candidate, precision, seed=seed)
        candidate = self.runs_of(self.candidate).isolated(self.candidate, spec, teacher)
        if not self.is_taught:
            return teacher, candidate
        spec = self.run_spec(self.reference, "float64", seed=seed)
        return self.runs_of(self.reference).isolated(self.reference, spec, teacher), candidate

    def rerun_isolated(self, model: BoundModel, teacher: Trace) -> Trace:
        """Run a side isolated, in float64, on the teacher's values."""
        return self.runs_of(model).isolated(model, self.run_spec(model, "float64"), teacher)

    def observe(
        self, model: BoundModel, precision: Precision, inject: Mapping[Tap, Array], teacher: Trace
    ) -> Trace:
        """Run a side in one piece, with the given values injected at some taps."""
        spec = self.run_spec(model, precision)
        return self.runs_of(model).with_injection(model, spec, teacher, inject)


def _untapped(model: BoundModel, modules: Collection[str]) -> BoundModel:
    kept = {own: path for own, path in model.modules.items() if path not in modules}
    return replace(model, modules=kept)
