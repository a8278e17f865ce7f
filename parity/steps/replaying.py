"""`parity.replaying_steps`: judges a user's own training loop against recorded steps."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from parity.base.progress import begin
from parity.compare.project import accepted_here
from parity.errors import CannotCompare
from parity.report.finding import Finding
from parity.report.known_divergences import DIVERGENCES
from parity.report.report import Report
from parity.steps.frameworks.protocol import Loop
from parity.steps.judging.judge_step import judge_step, worst_of
from parity.steps.judging.measuring import measure
from parity.steps.loop.forced_observer import ForcedObserver
from parity.steps.loop.observer import StepObserver
from parity.steps.recording import require_steps
from parity.steps.script import Finished, ScriptLoop, run_script
from parity.steps.step_data import TrainingStep, joined
from parity.steps.step_file import StepFile
from parity.steps.subjects import Subjects, subjects
from parity.structure.path_matching import check_rename


class StepJudge:
    """Judges the steps of a loop as they end.

    Attributes:
        steps: numbers of the steps that were judged.
        observer: follows the loop.
    """

    def __init__(self, recorded: StepFile, *, own_data: bool, accept: Mapping[str, str]) -> None:
        self._recorded, self._own_data, self._accept = recorded, own_data, accept
        self._findings: list[list[Finding]] = []
        self._started = time.perf_counter()
        self._environment: dict[str, Mapping[str, str]] = {}
        self._notes: list[str] = []
        self._rates: dict[int, dict[str, float]] = {}
        self.observer: StepObserver
        self.steps: list[int] = []

    def judged(self, step: TrainingStep, observer: StepObserver) -> None:
        """Judge a step that has ended."""
        measure(step, observer)
        recorded = self._recorded.step(step.number)
        self._findings.append(
            judge_step(
                recorded,
                step,
                own_data=self._own_data,
                accept=self._accept,
                momentum=self._recorded.manifest["momentum"],
                rates_before=self._rates.get(step.number - 1),
            )
        )
        self.steps.append(step.number)
        for taken in recorded.optimizer_steps:
            self._rates.setdefault(step.number, {}).update(taken.rates)
        for side, of_side in (("reference", recorded), ("candidate", step)):
            self._notes += [
                f"step {step.number}: judged in float32 alone, since the {side} could not be run "
                f"again: {reason}"
                for reason in of_side.not_run_again
            ]
        if len(step.passes) != len(recorded.passes):
            self._notes.append(
                f"step {step.number}: {len(step.passes)} backward passes, and "
                f"{len(recorded.passes)} in the reference"
            )

    def add_note(self, note: str) -> None:
        """Have a note in the report."""
        self._notes.append(note)

    def compared(self, parts: Subjects) -> None:
        """Note what is compared: versions and settings of both sides."""
        self._environment = {
            side: next(iter(facts["models"].values()))["environment"]
            for side, facts in (
                ("reference", self._recorded.manifest),
                ("candidate", parts.facts()),
            )
        }

    def batch(self, batch: Any) -> Any:
        """Return the recorded batch, in the form of the one given.

        For batches that come from no data loader of the framework; the recording loop calls
        `batch` of what `recording_steps` yields at the same place.
        """
        return self.observer.batch(batch)

    @property
    def report(self) -> Report:
        """The report on the steps that have ended: of each place, the worst of all steps."""
        missing = [n for n in self._recorded.numbers if n not in self.steps]
        notes = list(self._notes)
        if missing:
            notes.append(f"recorded steps that the loop did not reach: {_listed(missing)}")
        if self._own_data:
            notes.append("batches were not judged: both sides have data of their own")
        return Report(
            pair=self._recorded.path.name,
            findings=worst_of(self._findings),
            notes=[f"training steps {_listed(self.steps)}", *notes],
            environment=self._environment,
            seconds=time.perf_counter() - self._started,
        )

    def require_agreement(self) -> None:
        """Raise AssertionError with the report's text if the loops disagree."""
        __tracebackhide__ = True
        report = self.report
        if not report.passed:
            raise AssertionError(str(report))


@contextmanager
def replaying_steps(
    path: Path | str,
    model: Any,
    optimizer: Any,
    *,
    average: Any = None,
    rename: Mapping[str, str] | None = None,
    own_data: bool = False,
    accept: Mapping[str, str] | None = None,
) -> Iterator[StepJudge]:
    """Judge the training loop inside the block against recorded steps.

    At each recorded step weights, states and averages are set to the recorded ones, and the
    recorded batch, random numbers, inputs, outputs and gradients are put in at every boundary. So
    every part of the loop is judged by itself: data, forward, loss, backward, clipping, optimizer,
    scheduler, average. Other steps run as they are.

    Args:
        path: of a file that `recording_steps` wrote.
        model: as of `recording_steps`, with the same names.
        optimizer: likewise.
        average: likewise.
        rename: reference path -> own path, where names differ; they begin with the model's name
            where there are several.
        own_data: whether both sides shuffle by themselves, so that batches are not judged. The
            recorded ones are used all the same.
        accept: name of a known divergence -> reason.

    Yields:
        The judge, whose `report` says what came out.

    Raises:
        CannotCompare: the file or a part does not fit, or no recorded step was completed.
    """
    recorded = StepFile(path)
    judge = _judge(recorded, own_data, accept)
    _check_rename(recorded, rename or {})
    parts = subjects(model, optimizer, average, recorded=recorded.manifest, rename=rename)
    judge.compared(parts)
    wanted = set(recorded.numbers)
    observer = ForcedObserver(
        parts.loop, parts.models, parts.optimizers, parts.averages,
        kept=wanted.__contains__, finished=judge.judged, teacher=recorded.step,
    )  # fmt: skip
    judge.observer = observer
    with parts.loop.watching(observer):
        observer.start()
        yield judge
        observer.close()
    require_steps(judge.steps, wanted)


def check_script(
    path: Path | str,
    command: Sequence[str],
    *,
    rename: Mapping[str, str] | None = None,
    own_data: bool = False,
    accept: Mapping[str, str] | None = None,
) -> Report:
    """Run a training script as it is and judge it against recorded steps; it ends with the last.

    Args:
        path: of a file that `record_script` wrote.
        command: the script and its arguments, with or without `python` at the beginning.
        rename: as of `replaying_steps`.
        own_data: likewise.
        accept: likewise.

    Raises:
        CannotCompare: the file does not fit; the script cannot be run, raises, or trains nothing.
    """
    recorded = StepFile(path)
    judge = _judge(recorded, own_data, accept)
    _check_rename(recorded, rename or {})

    def finished(step: TrainingStep, observer: StepObserver) -> None:
        judge.judged(step, observer)
        begin(f"step {step.number} is judged")
        if set(judge.steps) == set(recorded.numbers):
            raise Finished

    def make(loop: Loop, models: dict[str, Any], optimizers: dict[str, Any]) -> StepObserver:
        return ForcedObserver(
            loop, models, optimizers, {}, teacher=recorded.step, finished=finished,
            kept=set(recorded.numbers).__contains__,
        )  # fmt: skip

    script = ScriptLoop(make, recorded=recorded.manifest, rename=rename)
    with suppress(Finished), script.watching():
        run_script(command)
    require_steps(judge.steps, recorded.numbers)
    assert script.parts is not None
    if not script.parts.averages:
        judge.add_note("no average of the weights (EMA) was found in the script")
    judge.compared(script.parts)
    return judge.report


def _judge(recorded: StepFile, own_data: bool, accept: Mapping[str, str] | None) -> StepJudge:
    """Return a judge that accepts what the user and the project do."""
    for name in accept or {}:
        if name not in DIVERGENCES:
            raise CannotCompare(f"accept: {name!r} is none of {', '.join(DIVERGENCES)}")
    project = accepted_here()
    judge = StepJudge(recorded, own_data=own_data, accept={**project.reasons, **(accept or {})})
    for note in project.notes():
        judge.add_note(note)
    return judge


def _check_rename(recorded: StepFile, rename: Mapping[str, str]) -> None:
    facts = recorded.manifest["models"].items()
    kinds = ("parameters", "buffers")
    check_rename([joined(n, path) for n, of in facts for k in kinds for path in of[k]], rename)


def _listed(numbers: list[int]) -> str:
    return ", ".join(map(str, numbers)) or "none"
