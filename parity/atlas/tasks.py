"""Performs the tasks of a survey: judging an entry on a case, and showing a finding."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from parity.atlas import catalogue
from parity.atlas.backends import Backend
from parity.atlas.cases import ORDINARY, draw_inputs
from parity.atlas.entry import Entry
from parity.atlas.finding import AtlasCause, ComparedTensor, Finding
from parity.atlas.judge import judge_numeric
from parity.atlas.judge_values import judge_random, judge_rule
from parity.atlas.minimise import minimise_inputs
from parity.atlas.output.program import build_program, run_program
from parity.atlas.results import Program
from parity.base.numerics import Array

# How a finding is shown, tried in this order. A smaller input may end the process where the full
# one does not; and where Jittor ends it with any input, only the program of PyTorch is run.
ShowMode = Literal["minimised", "full", "reference only"]
SHOW_MODES: tuple[ShowMode, ...] = ("minimised", "full", "reference only")


@dataclass(frozen=True, kw_only=True)
class VersionsTask:
    """Asks for the versions and settings that the results hold for: a dict of names to text."""


@dataclass(frozen=True, kw_only=True)
class JudgeTask:
    """Asks for the findings of an entry, or of its workaround, on an input case."""

    group: str
    entry: str
    case: str
    workaround: bool = False


@dataclass(frozen=True, kw_only=True)
class ShowTask:
    """Asks for the programs that show a finding: framework -> `Program`."""

    group: str
    entry: str
    case: str
    tensor: ComparedTensor
    mode: ShowMode


Task = VersionsTask | JudgeTask | ShowTask


def perform(task: Task, reference: Backend, candidate: Backend) -> Any:
    """Perform a task and return what its class says."""
    if isinstance(task, VersionsTask):
        return versions(reference, candidate)
    entry = catalogue.find(task.group, task.entry)
    if isinstance(task, JudgeTask):
        source = entry.workaround if task.workaround else entry.jittor
        return judge_entry(entry, source, task.case, reference, candidate)
    return show(entry, task.case, task.tensor, task.mode, reference, candidate)


def judge_entry(
    entry: Entry, source: str, case: str, reference: Backend, candidate: Backend
) -> list[Finding]:
    """Judge an entry's Jittor source, or its workaround, on a case."""
    if entry.kind == "numeric":
        inputs = draw_inputs(entry, case)
        return judge_numeric(entry, source, case, inputs, reference, candidate)
    judge = judge_rule if entry.kind == "rule" else judge_random
    return judge(entry, source, reference, candidate)


def show(
    entry: Entry,
    case: str,
    tensor: ComparedTensor,
    mode: ShowMode,
    reference: Backend,
    candidate: Backend,
) -> dict[str, Program]:
    """Return, for each framework, the shortest program that shows a finding, and its output.

    The programs use float32, or float64 where their outputs are equal in float32.
    """
    inputs = draw_inputs(entry, case or ORDINARY)
    several_outputs = False
    if entry.kind == "numeric":
        outcome = reference.run(entry.torch, inputs, "float32", gradient=False)
        several_outputs = len(outcome.arrays) > 1
        if mode == "minimised":
            inputs = _smallest_inputs(entry, case, tensor, inputs, reference, candidate)
    programs: dict[str, Program] = {}
    for precision in ("float32", "float64"):
        for backend in (reference, candidate):
            code = build_program(
                entry, backend.framework, inputs=inputs, tensor=tensor, precision=precision,
                several_outputs=several_outputs,
            )  # fmt: skip
            skipped = mode == "reference only" and backend is candidate
            output = "" if skipped else run_program(code, backend)
            programs[backend.framework] = Program(code=code, output=output)
        outputs = {program.output for program in programs.values()}
        if len(outputs) > 1 or entry.kind != "numeric":
            break
    return programs


def _smallest_inputs(
    entry: Entry,
    case: str,
    tensor: ComparedTensor,
    inputs: Mapping[str, Array],
    reference: Backend,
    candidate: Backend,
) -> dict[str, Array]:
    """Return the smallest inputs on which the tensor is judged as on the full ones."""

    def judge(arrays: Mapping[str, Array]) -> Finding | None:
        findings = judge_numeric(entry, entry.jittor, case, arrays, reference, candidate)
        return next((f for f in findings if f.tensor == tensor), None)

    full = judge(inputs)

    def reproduces(arrays: Mapping[str, Array]) -> bool:
        part = judge(arrays)
        return part is not None and full is not None and _is_same_kind(part, full)

    return minimise_inputs(inputs, reproduces)


def _is_same_kind(a: Finding, b: Finding) -> bool:
    """Tell whether two findings show the same difference, not only the same verdict."""
    if (a.verdict, a.cause) != (b.verdict, b.cause):
        return False
    if a.cause is AtlasCause.EXCEPTION:
        return bool(a.reference) == bool(b.reference) and bool(a.candidate) == bool(b.candidate)
    return a.cause is not AtlasCause.SPECIAL_VALUES or a.candidate == b.candidate


def versions(reference: Backend, candidate: Backend) -> dict[str, str]:
    """Return the versions and settings that the results hold for."""
    flags = candidate.names["jt"].flags.cc_flags.split()
    arithmetic = sorted({f for f in flags if f.startswith(("-O", "-ff", "-fno-", "-fas"))})
    return {
        "torch": reference.version().partition("+")[0],
        "jittor": candidate.version(),
        "numpy": np.__version__,
        "python": ".".join(map(str, sys.version_info[:2])),
        "kernel flags": " ".join(arithmetic),
    }
