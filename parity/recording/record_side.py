"""Records one side of a pair: every run of it that a comparison may ask for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from fnmatch import fnmatch
from functools import partial
from math import prod
from pathlib import Path
from typing import Any

from parity.base.memory import older_objects_left_alone
from parity.base.numerics import Array, Precision, same_bits
from parity.base.progress import begin
from parity.base.rng import keyed
from parity.base.stress_inputs import WITH_TIES, StressInput, told_apart
from parity.compare.environment import process_settings
from parity.compare.initial_values import drawn_buffers
from parity.compare.modules import PairRunner
from parity.errors import CannotCompare, SideRaised
from parity.nested.arguments import forward_function, side_names
from parity.nested.outputs import matched_outputs
from parity.noise.noise_profile import NoiseProfile
from parity.noise.operation_noise import operation_spread
from parity.noise.rough_difference import rescalings
from parity.noise.traced_runner import TracedRunner
from parity.pair import Pair
from parity.prepare import prepare
from parity.recording.files.input_form import form_of
from parity.recording.files.tensor_archive import ArchiveWriter, Source, writing
from parity.recording.manifest import facts_of_pair, facts_of_side
from parity.recording.record import INPUTS, RANDOMIZED, WEIGHTS, Record, flipped
from parity.recording.recording_runs import RecordingRuns
from parity.recording.recording_steps import record_training
from parity.trace.bound_model import BoundModel, Role, randomize_constant_parameters
from parity.trace.model_building import build_alone
from parity.trace.restoring import everything_put_back
from parity.trace.sites import Tap
from parity.trace.trace import Trace
from safe_files.reading import show

# For each number: 8 + 4 + 5 * 4 bytes and what was passed on; other cotangents and the run in one
# piece; three steps of the optimizer, each like a stress input, and their history.
BYTES_OF_INPUT, BYTES_OF_ONCE, BYTES_OF_STEPS = 36, 20, 120
PRECISIONS: tuple[Precision, ...] = ("float64", "float32")


def record(
    pair: Pair,
    out: Path | str,
    *,
    side: Role = "reference",
    seed: int = 0,
    places: Sequence[str] = ("*",),
    without: Sequence[str] = (),
    like: Record | None = None,
    announce: Callable[[int], object] = lambda size: None,
) -> None:
    """Run one side of a pair, and write what the other can be judged against.

    Only that side is built, so its framework alone is needed. With a record of the reference, the
    candidate is recorded on the same weights, inputs and forced values, for `parity diff`.

    Args:
        pair: whose side is recorded.
        out: the file; it appears when it is complete.
        side: which.
        seed: of inputs, cotangents and perturbations.
        places: patterns with `*` of module paths inside which tensors are recorded.
        without: likewise, inside which none are, such as modules that the other side lacks.
        like: a record of the reference; the candidate is then recorded, with the seed and the
            places of that record.
        announce: called with the size in bytes that the file may reach, before it grows.

    Raises:
        CannotCompare: the side cannot be built or run, or a pattern matches no module.
        CannotWrite: the file cannot be written.
    """
    if like is not None and like.manifest["like"] is not None:
        raise CannotCompare(f"{like.path} was recorded like another record: give that one")
    names: Mapping[str, str] = {}
    if side == "candidate" and like is None:
        pair, names = flipped(pair), pair.argument_names
    with everything_put_back(), older_objects_left_alone(), writing(Path(out)) as archive:
        begin("building the side")
        if like is None:
            recording = _alone(pair, archive, seed, side, names)
            recording.choose_taps(places, without)
        else:
            recording = _beside(like, pair, archive)
        announce(like.path.stat().st_size if like is not None else recording.largest_size())
        recording.run_all()
        recording.finish()


def _alone(
    pair: Pair, archive: ArchiveWriter, seed: int, role: Role, names: Mapping[str, str]
) -> _Recording:
    """Return the recording of a pair's reference, whose arguments have names of its own."""
    built = build_alone(pair)
    model, inputs = built.reference, pair.draw_inputs(keyed(seed, "inputs"))
    adapter = model.adapter
    function = forward_function(adapter.module)
    model = replace(model, arguments=side_names(function, list(inputs.keywords), names))
    runs = RecordingRuns(archive)
    runner = PairRunner(
        pair=pair,
        reference=model,
        candidate=model,
        inputs=inputs,
        weights=randomize_constant_parameters(
            built.weights, model.parameters, seed, model.low_precisions()
        ),
        seed=seed,
        runs={"reference": runs},
    )
    drawn = drawn_buffers(pair, model, built.weights, list(adapter.buffers()))
    facts = {"role": role, "like": None, "drawn_buffers": drawn}
    return _Recording(runner, "reference", runs, built.weights, facts)


def _beside(like: Record, pair: Pair, archive: ArchiveWriter) -> _Recording:
    """Return the recording of a pair's candidate, on what the reference's record has."""
    runs = RecordingRuns(archive)
    runner = prepare(like.completed(pair), seed=like.seed, record=like).runner
    runner = replace(runner, runs={**runner.runs, "candidate": runs})
    outputs = runner.candidate.outputs
    assert outputs is not None
    facts = {
        "role": "candidate",
        "like": like.digest,
        "called": like.manifest["called"],
        "taps": like.manifest["taps"],
        "output_tensors": sorted(outputs.tensors),
        "drawn_buffers": [],
        "changed_buffers": [],
    }
    return _Recording(runner, "candidate", runs, {}, facts)


class _Recording:
    """One side while it is recorded.

    Args:
        runner: the pair; of a reference alone, it is both sides.
        recorded: the side.
        runs: to write with.
        state: its weights as they were built, where the record is to have them.
        facts: entries of the manifest.
    """

    def __init__(
        self,
        runner: PairRunner,
        recorded: Role,
        runs: RecordingRuns,
        state: Mapping[str, Array],
        facts: dict[str, Any],
    ) -> None:
        self.runner, self.recorded, self.runs = runner, recorded, runs
        self.archive, self.state, self.facts = runs.archive, state, facts
        self.shapes: dict[Tap, tuple[int, ...]] = {}

    @property
    def model(self) -> BoundModel:
        """Return the side that is recorded."""
        model: BoundModel = getattr(self.runner, self.recorded)
        return model

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
        self.shapes = dict(trace.shapes)
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

    def largest_size(self) -> int:
        """Return how many bytes the record may take.

        Each number of a tensor, and of its gradient, is kept in float64, in float32 and as five
        changes of four bytes, under every stress input; a few runs besides are made once.
        """
        parameters = self.model.size()
        taps = self.facts["taps"]
        at_taps = sum(prod(s) for tap, s in self.shapes.items() if tap.path in taps)
        numbers = 2 * at_taps + parameters
        steps = 0 if self.runner.pair.optimizer is None else BYTES_OF_STEPS * parameters
        of_inputs = BYTES_OF_INPUT * len(self.runner.pair.stress_inputs)
        return numbers * (of_inputs + BYTES_OF_ONCE) + steps

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
        side = runner.end_to_end_side(self.model)
        self._profile(side, first=True)
        record_training(runner, self.runs, self.recorded, is_random=bool(side.draws()))
        begin("what explains faults")
        self._explanations()

    def _isolated(self, stress_input: str, *, first: bool) -> bool:
        runner = self.runner
        teacher = runner.teacher(stress_input, first=first)
        kept: dict[Precision, Trace] = {}
        if self.recorded == "reference":
            kept = {"float64": teacher}
        side = runner.isolated_side(self.model, teacher, kept, first=first)
        self._profile(side, first=first)
        return True

    def _profile(self, side: TracedRunner, *, first: bool) -> None:
        """Make the runs that tell the noise of a side, those too that few verdicts need."""
        seed = self.runner.seed
        NoiseProfile(side, check_determinism=first, seed=seed)
        with suppress(SideRaised):  # it is recorded that it does
            for perturbation in rescalings(seed):
                side.perturbed(perturbation)

        def perturbed(perturb: Any) -> Mapping[Any, float] | None:
            with self.runs.perturbing(perturb):
                return side.with_perturbed_operations(perturb)

        operation_spread(perturbed, seed)
        for site in side.values("float64") if side.draws() else ():
            side.depends_on_draws(site)

    def _explanations(self) -> None:
        """Make the runs by which findings are confirmed and known divergences are named."""
        runner, model = self.runner, self.model
        with suppress(SideRaised):  # it is recorded that it does
            in_one_piece = runner.observe(runner.reference, "float64", {}, Trace())
            for precision in PRECISIONS:
                runner.observe(model, precision, {}, in_one_piece)
            self._again("plain", seed=runner.seed + 1)
            for name in WITH_TIES:
                if name in runner.pair.stress_inputs:
                    self._again(told_apart(name))

    def _again(self, stress_input: str | StressInput, seed: int | None = None) -> None:
        """Make the runs of `PairRunner.rerun`."""
        runner, reference = self.runner, self.runner.reference
        spec = runner.run_spec(reference, "float64", stress_input=stress_input, seed=seed)
        teacher = runner.runs_of(reference).isolated(reference, spec)
        if self.recorded == "candidate":
            spec = runner.run_spec(self.model, "float64", seed=seed)
            self.runs.isolated(self.model, spec, teacher)

    def finish(self) -> None:
        """Write inputs, weights and the manifest."""
        runner, model = self.runner, self.model
        arrays = runner.inputs.arrays()
        self.archive.add_tensors(
            INPUTS, {str(n): Source.of(a) for n, a in enumerate(arrays.values())}
        )
        self.archive.add_tensors(WEIGHTS, _sources(self.state))
        changed = {
            path: array
            for path, array in runner.weights.items()
            if path in self.state and not same_bits(array, self.state[path])
        }
        self.archive.add_tensors(RANDOMIZED, _sources(changed))
        self.archive.add_json(
            "manifest.json",
            {
                **facts_of_pair(runner.pair),
                **facts_of_side(model),
                "process": process_settings(),
                "seed": runner.seed,
                "inputs": form_of(runner.inputs),
                "input_arrays": [
                    [label, str(n), array.dtype.name]
                    for n, (label, array) in enumerate(arrays.items())
                ],
                "randomized": list(changed),
                "dtypes": {path: array.dtype.name for path, array in self.state.items()},
                **self.facts,
                "runs": self.runs.index,
            },
        )


def _is_chosen(path: str, places: Sequence[str], without: Sequence[str]) -> bool:
    is_in = any(fnmatch(path, pattern) for pattern in places)
    return is_in and not any(fnmatch(path, pattern) for pattern in without)


def _sources(arrays: Mapping[str, Array]) -> dict[str, Source]:
    return {name: Source.of(array) for name, array in arrays.items()}
