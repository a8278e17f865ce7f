"""Records one side of a pair: every run of it that a comparison may ask for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatch
from functools import partial
from pathlib import Path
from typing import Any

from parity.base.memory import older_objects_left_alone
from parity.base.numerics import Array
from parity.base.progress import begin
from parity.base.rng import keyed
from parity.base.stress_inputs import WITH_TIES, told_apart
from parity.compare.environment import process_settings
from parity.compare.initial_values import drawn_buffers
from parity.compare.modules import PairRunner
from parity.diagnose.module_text import module_text
from parity.errors import CannotCompare, SideRaised
from parity.nested.arguments import forward_function, side_names
from parity.nested.outputs import matched_outputs
from parity.noise.noise_profile import NoiseProfile
from parity.noise.operation_noise import operation_spread
from parity.noise.rough_difference import DRAWS, rescaled
from parity.noise.side_runner import SideRunner
from parity.noise.traced_runner import TracedRunner
from parity.pair import Pair
from parity.recording.input_form import form_of
from parity.recording.record import (
    FORMAT,
    INPUTS,
    RANDOMIZED,
    SCHEMA,
    WEIGHTS,
    equal_arrays,
    flipped,
)
from parity.recording.recorded_side import settings_of, signature_values
from parity.recording.recording_runs import RecordingRuns
from parity.recording.recording_steps import record_training
from parity.recording.tensor_archive import ArchiveWriter, Source, writing
from parity.trace.bound_model import Role, randomize_constant_parameters
from parity.trace.model_building import build_alone
from parity.trace.restoring import everything_put_back
from parity.trace.trace import Trace
from safe_files.reading import show


def record(
    pair: Pair,
    out: Path | str,
    *,
    side: Role = "reference",
    seed: int = 0,
    places: Sequence[str] = ("*",),
    without: Sequence[str] = (),
) -> None:
    """Run one side of a pair, and write what the other can be judged against.

    Only that side is built, so its framework alone is needed.

    Args:
        pair: whose side is recorded.
        out: the file; it appears when it is complete.
        side: which.
        seed: of inputs, cotangents and perturbations.
        places: patterns with `*` of module paths inside which tensors are recorded.
        without: likewise, inside which none are, such as modules that the other side lacks.

    Raises:
        CannotCompare: the side cannot be built or run, or a pattern matches no module.
        CannotWrite: the file cannot be written.
    """
    if side == "candidate":
        pair = flipped(pair)
    with everything_put_back(), older_objects_left_alone(), writing(Path(out)) as archive:
        begin("building the side")
        recording = _Recording(pair, archive, seed, side)
        recording.choose_taps(places, without)
        recording.run_all()
        recording.finish()


class _Recording:
    """One side while it is recorded.

    Args:
        pair: whose reference is recorded.
        archive: to write to.
        seed: of the comparison.
        role: what the side is in the user's pair.
    """

    def __init__(self, pair: Pair, archive: ArchiveWriter, seed: int, role: Role) -> None:
        self.archive, self.runs = archive, RecordingRuns(archive)
        built = build_alone(pair)
        self.model, self.state = built.reference, built.weights
        inputs = pair.draw_inputs(keyed(seed, "inputs"))
        adapter = self.model.adapter
        function = forward_function(adapter.module)
        model = replace(self.model, arguments=side_names(function, list(inputs.keywords), {}))
        weights = randomize_constant_parameters(
            self.state, model.parameters, seed, model.low_precisions()
        )
        self.runner = PairRunner(
            pair=pair,
            reference=model,
            candidate=model,
            inputs=inputs,
            weights=weights,
            seed=seed,
            runs={"reference": self.runs},
        )
        self.role = role
        drawn = drawn_buffers(pair, model, self.state, list(adapter.buffers()))
        self.facts: dict[str, Any] = {"drawn_buffers": drawn}

    def choose_taps(self, places: Sequence[str], without: Sequence[str]) -> None:
        """Tap the modules that are called and chosen; the model itself always."""
        begin("calls of modules")
        runner = self.runner
        trace = self.runs.calls(runner.reference, runner.run_spec(runner.reference, "float32"))
        outputs = matched_outputs(trace.outputs, trace.outputs)[0]
        called = list(dict.fromkeys(tap.path for tap in trace.callers))
        modules = [path for path in called if path]
        for pattern in [*places, *without]:
            if pattern != "*" and not any(fnmatch(path, pattern) for path in modules):
                raise CannotCompare(
                    f"{show(pattern)!r} matches no module that {runner.pair.name!r} calls; it "
                    f"calls {', '.join(modules) or 'none'}"
                )
        taps = [path for path in called if not path or _is_chosen(path, places, without)]
        model = replace(
            runner.reference,
            outputs=outputs,
            modules={
                own: path
                for own, path in runner.reference.modules.items()
                if path in taps or path not in called
            },
        )
        self.runner = replace(runner, reference=model, candidate=model)
        self.facts |= {
            "called": called,
            "taps": taps,
            "output_tensors": sorted(outputs.tensors),
            "changed_buffers": sorted(runner.buffers_changed_by_training()),
        }

    def run_all(self) -> None:
        """Make every run that a comparison may ask for."""
        runner = self.runner
        names = runner.pair.stress_inputs
        for number, stress_input in enumerate(names):
            begin(f"stress input {number + 1} of {len(names)}, {stress_input}")
            record_input = partial(self._isolated, stress_input, first=number == 0)
            if number == 0:
                record_input()
            else:
                runner.domains.within(stress_input, record_input)
        begin("end to end")
        side = runner.end_to_end_side(runner.reference)
        self._profile(side, first=True)
        record_training(runner, self.runs, is_random=bool(side.draws()))
        begin("what explains faults")
        self._explanations()

    def _isolated(self, stress_input: str, *, first: bool) -> bool:
        runner = self.runner
        teacher = runner.teacher(stress_input, first=first)
        side = runner.isolated_side(runner.reference, teacher, {"float64": teacher}, first=first)
        self._profile(side, first=first)
        return True

    def _profile(self, side: TracedRunner, *, first: bool) -> None:
        """Make the runs that tell the noise of a side, those too that few verdicts need."""
        seed = self.runner.seed
        NoiseProfile(side, check_determinism=first, seed=seed)
        make_rescaled(side, seed)

        def perturbed(perturb: Any) -> Mapping[Any, float] | None:
            with self.runs.perturbing(perturb):
                return side.with_perturbed_operations(perturb)

        operation_spread(perturbed, seed)
        for site in side.values("float64"):
            if side.draws():
                side.depends_on_draws(site)

    def _explanations(self) -> None:
        """Make the runs by which findings are confirmed and known divergences are named."""
        runner, model = self.runner, self.runner.reference
        try:
            in_one_piece = runner.observe(model, "float64", {}, Trace())
            runner.observe(model, "float32", {}, in_one_piece)
            plain = {"stress_input": "plain", "seed": runner.seed + 1}
            self.runs.isolated(model, runner.run_spec(model, "float64", **plain))  # type: ignore[arg-type]
            for name in WITH_TIES:
                spec = runner.run_spec(model, "float64", stress_input=told_apart(name))
                self.runs.isolated(model, spec)
        except SideRaised:
            return  # it is recorded that it does

    def finish(self) -> None:
        """Write inputs, weights and the manifest."""
        runner, adapter = self.runner, self.runner.reference.adapter
        arrays = runner.inputs.arrays()
        self.archive.add_tensors(
            INPUTS, {str(n): Source.of(a) for n, a in enumerate(arrays.values())}
        )
        self.archive.add_tensors(WEIGHTS, _sources(self.state))
        changed = {p: a for p, a in runner.weights.items() if not equal_arrays(a, self.state[p])}
        self.archive.add_tensors(RANDOMIZED, _sources(changed))
        pair = runner.pair
        aliases = getattr(adapter, "aliases", dict)
        frozen = getattr(adapter, "frozen", set)
        self.archive.add_json(
            "manifest.json",
            {
                "format": FORMAT,
                "schema": SCHEMA,
                "name": pair.name,
                "role": self.role,
                "framework": adapter.framework,
                "environment": adapter.manifest(),
                "process": process_settings(),
                "seed": runner.seed,
                "training": pair.training,
                "random": pair.random,
                "stress_inputs": list(pair.stress_inputs),
                "has_loss": pair.loss is not None,
                "has_optimizer": pair.optimizer is not None,
                "modules": [
                    [path, type(m).__name__, module_text(m, path), settings_of(m)]
                    for path, m in adapter.modules().items()
                ],
                "parameters": list(adapter.parameters()),
                "buffers": list(adapter.buffers()),
                "aliases": aliases(),
                "frozen": sorted(frozen()),
                "low_precisions": dict(getattr(adapter, "low_precisions", dict)()),
                "input_precision": getattr(adapter, "input_precision", None),
                "perturbs_operations": hasattr(adapter, "perturbing_operations"),
                "signature": signature_values(forward_function(adapter.module)),
                "inputs": form_of(runner.inputs),
                "input_arrays": [
                    [label, str(n), array.dtype.name]
                    for n, (label, array) in enumerate(arrays.items())
                ],
                "randomized": list(changed),
                **self.facts,
                "runs": self.runs.index,
            },
        )


def make_rescaled(side: SideRunner, seed: int) -> None:
    """Run a side on the changed inputs that tell roughness from faults."""
    for number in range(DRAWS):
        try:
            side.perturbed(rescaled(seed, number))
        except SideRaised:
            return  # it is recorded that it does


def _is_chosen(path: str, places: Sequence[str], without: Sequence[str]) -> bool:
    is_in = any(fnmatch(path, pattern) for pattern in places)
    return is_in and not any(fnmatch(path, pattern) for pattern in without)


def _sources(arrays: Mapping[str, Array]) -> dict[str, Source]:
    return {name: Source.of(array) for name, array in arrays.items()}
