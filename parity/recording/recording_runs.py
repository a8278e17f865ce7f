"""Runs of a side that are written to a record while they are made."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from parity.base.keyed_functions import key_of
from parity.base.numerics import Array, Precision
from parity.base.perturbation import Perturbation, PerturbResult
from parity.errors import SideRaised
from parity.noise.side_runner import SideRunner, Values
from parity.recording.files.tensor_archive import ArchiveWriter
from parity.recording.files.trace_form import write_trace, write_values
from parity.recording.run_keys import run_key, step_key
from parity.recording.runs import LIVE
from parity.trace.bound_model import BoundModel
from parity.trace.sites import Tap, TensorSite
from parity.trace.trace import Run, Trace


class RecordingRuns:
    """Makes runs as `LiveRuns` does, and writes what each leaves.

    Args:
        archive: to write to.

    Attributes:
        index: key of a run -> name of its members, or what it raised.
    """

    def __init__(self, archive: ArchiveWriter) -> None:
        self.archive = archive
        self.index: dict[str, Any] = {}
        self._operations = ""
        # By kind, the last run in float64 on unchanged inputs, and the origin of its teacher.
        self._unchanged: dict[str, tuple[str | None, Trace | None]] = {}

    def isolated(
        self,
        model: BoundModel,
        run: Run,
        teacher: Trace | None = None,
        baseline: Trace | None = None,
    ) -> Trace:
        """See `Runs`."""
        key = run_key("isolated", run, teacher, baseline, self._operations)
        kind = "isolated" if teacher is not None else "teacher"
        own = self._unchanged.get(kind, (None, None))
        base = own[1] if teacher is None or own[0] == teacher.origin else teacher
        trace = self._kept(key, lambda: LIVE.isolated(model, run, teacher, baseline), base)
        if teacher is not None and _is_unchanged(run, baseline):
            self._unchanged["isolated"] = teacher.origin, trace
        elif "teacher" not in self._unchanged:
            self._unchanged["teacher"] = None, trace
        return trace

    def end_to_end(self, model: BoundModel, run: Run, baseline: Trace | None = None) -> Trace:
        """See `Runs`."""
        key = run_key("end to end", run, None, baseline, self._operations)
        base = self._unchanged.get("end to end", (None, None))[1]
        trace = self._kept(key, lambda: LIVE.end_to_end(model, run, baseline), base)
        if _is_unchanged(run, baseline):
            self._unchanged["end to end"] = None, trace
        return trace

    def calls(self, model: BoundModel, run: Run, teacher: Trace | None = None) -> Trace:
        """See `Runs`."""
        key = run_key("calls", run, teacher)
        return self._kept(key, lambda: LIVE.calls(model, run, teacher))

    def with_injection(
        self, model: BoundModel, run: Run, teacher: Trace, inject: Mapping[Tap, Array]
    ) -> Trace:
        """See `Runs`; runs with something injected are not kept."""
        key = None if inject else run_key("in one piece", run, teacher)
        base = self._unchanged.get("teacher", (None, None))[1]
        return self._kept(key, lambda: LIVE.with_injection(model, run, teacher, inject), base)

    def changed_buffers(self, model: BoundModel, run: Run) -> set[str]:
        """See `Runs`."""
        return LIVE.changed_buffers(model, run)

    def training(self, variant: str) -> None:
        """See `Runs`."""

    @contextmanager
    def perturbing(self, perturb: PerturbResult) -> Iterator[None]:
        """Say, for the block, what perturbs the results of operations."""
        self._operations = key_of(perturb) or ""
        try:
            yield
        finally:
            self._operations = ""

    def _kept(self, key: str | None, make: Callable[[], Trace], base: Trace | None = None) -> Trace:
        try:
            trace = make()
        except SideRaised as error:
            if key is not None:
                self.index[key] = {"raised": [error.precision, error.module, str(error)]}
            raise
        if key is not None:
            trace.origin = key
            if key not in self.index:
                name = f"runs/{len(self.index):04}"
                known = base if base is not None and base.origin in self.index else None
                write_trace(self.archive, name, trace, known)
                self.index[key] = {"at": name, "base": None if known is None else known.origin}
        return trace


def _is_unchanged(run: Run, baseline: Trace | None) -> bool:
    return run.precision == "float64" and run.perturbation is None and baseline is None


class RecordingRunner:
    """A `SideRunner` of steps that writes what each of its runs leaves.

    Args:
        runner: makes the runs.
        runs: to write with.
        number: of the step; None for free training.
        variant: of the optimizer.
    """

    def __init__(
        self, runner: SideRunner, runs: RecordingRuns, number: int | None, variant: str = ""
    ) -> None:
        self._runner, self._runs, self._number, self._variant = runner, runs, number, variant

    def values(self, precision: Precision) -> Values:
        """See `SideRunner`."""
        return self._kept(self._runner.values(precision), precision, None)

    def distances(
        self, precision: Precision, perturbation: Perturbation | None
    ) -> Mapping[TensorSite, float]:
        """See `SideRunner`."""
        distances = self._runner.distances(precision, perturbation)
        return self._kept(distances, f"{precision} distances", perturbation)

    def perturbed(self, perturbation: Perturbation) -> Values:
        """See `SideRunner`."""
        base = self._runner.values("float64")
        return self._kept(self._runner.perturbed(perturbation), "float64", perturbation, base)

    def with_perturbed_operations(self, perturb: PerturbResult) -> None:
        """See `SideRunner`: the steps of an optimizer are not perturbed so."""

    def _kept(
        self,
        values: Mapping[TensorSite, Any],
        precision: str,
        perturbation: Perturbation | None,
        base: Values | None = None,
    ) -> Mapping[TensorSite, Any]:
        key, index = (
            step_key(self._variant, self._number, precision, perturbation),
            self._runs.index,
        )
        if key is not None and key not in index:
            name = f"steps/{len(index):04}"
            write_values(self._runs.archive, name, values, base)
            unchanged = (
                None if base is None else step_key(self._variant, self._number, "float64", None)
            )
            index[key] = {"at": name, "base": unchanged}
        return values
