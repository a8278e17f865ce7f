"""The runs of a recorded side, looked up in its record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from parity.base.numerics import Array, Precision
from parity.base.perturbation import Perturbation
from parity.errors import NotRecorded, RaisedWhenRecorded
from parity.noise.side_runner import Values
from parity.recording.files.tensor_archive import ArchiveReader
from parity.recording.files.trace_form import read_trace, read_values
from parity.recording.recorded_side import RecordedSide
from parity.recording.run_keys import history_member, run_key, step_key
from parity.trace.bound_model import BoundModel
from parity.trace.sites import Tap, TensorSite
from parity.trace.trace import Run, Trace

LISTED = 6


class RecordedRuns:
    """Answers as `LiveRuns` did when the side was recorded.

    Args:
        archive: of the record.
        manifest: of the record.
        side: the recorded side.
    """

    def __init__(
        self, archive: ArchiveReader, manifest: Mapping[str, Any], side: RecordedSide
    ) -> None:
        self._archive, self._manifest, self._side = archive, manifest, side
        self._index: Mapping[str, Any] = manifest["runs"]
        self._traces: dict[str, Trace] = {}

    def isolated(
        self,
        model: BoundModel,
        run: Run,
        teacher: Trace | None = None,
        baseline: Trace | None = None,
    ) -> Trace:
        """See `Runs`."""
        self._require_taps(model)
        key = run_key("isolated", run, teacher, baseline, self._side.operations)
        return self._found(key, model)

    def end_to_end(self, model: BoundModel, run: Run, baseline: Trace | None = None) -> Trace:
        """See `Runs`."""
        recorded = set(self._manifest["output_tensors"])
        compared = recorded if model.outputs is None else set(model.outputs.tensors)
        if compared != recorded:
            raise NotRecorded(
                f"the recorded side returns the tensors {_listed(recorded)}, and the other one "
                f"{_listed(compared) or 'none'} of them: gradients without the others are not in "
                "the record; make both return the same, or record the side that returns fewer"
            )
        return self._found(run_key("end to end", run, None, baseline, self._side.operations), model)

    def calls(self, model: BoundModel, run: Run, teacher: Trace | None = None) -> Trace:
        """See `Runs`."""
        return self._found(run_key("calls", run, teacher), model)

    def with_injection(
        self, model: BoundModel, run: Run, teacher: Trace, inject: Mapping[Tap, Array]
    ) -> Trace:
        """See `Runs`."""
        self._require_taps(model)
        return self._found(None if inject else run_key("in one piece", run, teacher), model)

    def changed_buffers(self, model: BoundModel, run: Run) -> set[str]:
        """See `Runs`."""
        return set(self._manifest["changed_buffers"])

    def _require_taps(self, model: BoundModel) -> None:
        """Require that the model is cut at the modules at which it was when it was recorded."""
        recorded = set(self._manifest["taps"])
        own = set(model.modules.values()) & set(self._manifest["called"])
        lacking = sorted(recorded - own)
        given = sorted({tap.path for tap in model.unpaired} & recorded)
        if not lacking and not given:
            return
        paths = sorted({*lacking, *given} - {""})
        if not paths:
            raise NotRecorded(
                "the model itself is given other tensors than when it was recorded: give both "
                "sides the same arguments, and record the side again"
            )
        raise NotRecorded(
            f"the candidate has no counterpart of {_listed(paths)}, or calls it otherwise, so that "
            "the recorded values inside cannot be put in: record the side again with --without "
            f"{','.join(paths)}"
        )

    def _found(self, key: str | None, model: BoundModel) -> Trace:
        trace = self._trace(key, model.role)
        own = set(model.parameter_paths())
        return replace(
            trace,
            parameter_gradients=trace.parameter_gradients.only(own),
            buffers=trace.buffers.only(set(model.buffers)),
        )

    def _trace(self, key: str | None, role: str) -> Trace:
        entry = self._entry(key)
        assert key is not None
        if "raised" in entry:
            raise RaisedWhenRecorded(role, self._side.framework, *entry["raised"])
        if key not in self._traces:
            base = None if entry["base"] is None else self._trace(entry["base"], role)
            trace = read_trace(self._archive, entry["at"], base)
            trace.origin = key
            self._traces[key] = trace
        return self._traces[key]

    def _entry(self, key: str | None) -> Mapping[str, Any]:
        entry = None if key is None else self._index.get(key)
        if entry is None:
            raise NotRecorded("the comparison needs a run of the recorded side that it lacks")
        found: Mapping[str, Any] = entry
        return found

    def training(self, variant: str) -> TrainingOfRecord:
        """See `Runs`. The only variant is one of PyTorch's optimizers."""
        if self._manifest["like"] is None and self._side.framework != "torch":
            variant = ""
        return TrainingOfRecord(self._archive, self._manifest, variant)


class TaughtRuns:
    """The runs of a side that was recorded like another one, where it is the reference.

    Args:
        teacher: of the record that it was made like; answers what concerns no values of its own.
        own: of the side.
    """

    def __init__(self, teacher: RecordedRuns, own: RecordedRuns) -> None:
        self._teacher, self._own = teacher, own
        self.end_to_end = own.end_to_end
        self.calls, self.with_injection = teacher.calls, teacher.with_injection
        self.changed_buffers = teacher.changed_buffers

    def isolated(
        self,
        model: BoundModel,
        run: Run,
        teacher: Trace | None = None,
        baseline: Trace | None = None,
    ) -> Trace:
        """See `Runs`."""
        runs = self._teacher if teacher is None else self._own
        return runs.isolated(model, run, teacher, baseline)

    def training(self, variant: str) -> TaughtTraining:
        """See `Runs`."""
        return TaughtTraining(self._teacher.training(variant), self._own.training(variant))


class TrainingOfRecord:
    """The steps of an optimizer that was recorded.

    Args:
        archive: of the record.
        manifest: of the record.
        variant: of the optimizer.
    """

    def __init__(self, archive: ArchiveReader, manifest: Mapping[str, Any], variant: str) -> None:
        self._archive, self._variant = archive, variant
        self._index: Mapping[str, Any] = manifest["runs"]
        # In a file, a complex number is a pair of real ones.
        self._dtypes: Mapping[str, str] = manifest["dtypes"]

    def weights(self, number: int) -> dict[str, Array]:
        """See `RecordedTraining`."""
        return self._arrays("weights", number)

    def gradients(self, number: int) -> dict[str, Array]:
        """See `RecordedTraining`."""
        return self._arrays("gradients", number)

    def steps(self, number: int | None) -> StepsOfRecord:
        """See `RecordedTraining`."""
        return StepsOfRecord(self._archive, self._index, self._variant, number)

    def _arrays(self, what: str, number: int) -> dict[str, Array]:
        member = history_member(self._variant, what, number)
        return {
            path: self._archive.tensor(member, path, self._dtypes.get(path, ""))
            for path in self._archive.keys(member)
        }


class TaughtTraining:
    """Steps of an optimizer from another record's weights and gradients.

    Args:
        teacher: has these.
        own: has the steps.
    """

    def __init__(self, teacher: TrainingOfRecord, own: TrainingOfRecord) -> None:
        self.weights, self.gradients, self.steps = teacher.weights, teacher.gradients, own.steps


class StepsOfRecord:
    """A `SideRunner` of a step of the optimizer, or of free training, that was recorded.

    Args:
        archive: of the record.
        index: of its runs.
        variant: of the optimizer.
        number: of the step; None for free training.
    """

    def __init__(
        self, archive: ArchiveReader, index: Mapping[str, Any], variant: str, number: int | None
    ) -> None:
        self._archive, self._index = archive, index
        self._variant, self._number = variant, number

    def values(self, precision: Precision) -> Values:
        """See `SideRunner`."""
        return self._found(precision, None)

    def distances(
        self, precision: Precision, perturbation: Perturbation | None
    ) -> Mapping[TensorSite, float]:
        """See `SideRunner`."""
        found = self._found(f"{precision} distances", perturbation)
        return {site: float(found[site]) for site in found}

    def perturbed(self, perturbation: Perturbation) -> Values:
        """See `SideRunner`."""
        return self._found("float64", perturbation)

    def with_perturbed_operations(self, perturb: object) -> None:
        """See `SideRunner`."""

    def _found(self, precision: str, perturbation: Perturbation | None) -> Mapping[TensorSite, Any]:
        key = step_key(self._variant, self._number, precision, perturbation)
        entry = None if key is None else self._index.get(key)
        if entry is None:
            raise NotRecorded("the comparison needs a step of training that the record lacks")
        base = None
        if entry["base"] is not None:
            base = read_values(self._archive, self._index[entry["base"]]["at"], None)
        return read_values(self._archive, entry["at"], base)


def _listed(paths: Any) -> str:
    names = sorted(paths)
    shown = ", ".join(name or "the output" for name in names[:LISTED])
    return shown + (f" and {len(names) - LISTED} more" if len(names) > LISTED else "")
