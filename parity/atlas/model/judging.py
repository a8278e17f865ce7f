"""Judges the uses of a model in a worker process, on the model's values and on other inputs."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from parity.adapters.protocol import adapt
from parity.atlas.backends import (
    Backend,
    Outcome,
    describe_exception,
    jittor_backend,
    torch_backend,
)
from parity.atlas.calls.counterparts import jittor_sources
from parity.atlas.calls.sources import torch_source
from parity.atlas.calls.use import Use
from parity.atlas.cases import ORDINARY, real_case
from parity.atlas.entry import Entry
from parity.atlas.finding import VALUE, AtlasCause, ComparedTensor, Finding
from parity.atlas.judge import judge_numeric
from parity.atlas.judge_values import judge_exception, judge_samples
from parity.atlas.tasks import VersionsTask, versions
from parity.base.numerics import Array, Precision, rounded
from parity.verdict import Verdict

# Numbers that a random function is asked for, in at most so many calls.
SAMPLE, CALLS = 20_000, 1_000
# Functions whose results are independent numbers.
INDEPENDENT = {
    "dropout", "rand", "randn", "rand_like", "randn_like", "randint", "randint_like", "bernoulli",
    "normal", "uniform", "poisson", "exponential",
}  # fmt: skip


@dataclass(frozen=True)
class SourcesTask:
    """Asks for the Jittor sources of a use."""

    use: Use


@dataclass(frozen=True)
class JudgeTask:
    """Asks for the findings of one Jittor source of a use on one input case."""

    use: Use
    source: str
    case: str


def start() -> Callable[[Any], Any]:
    """Import both frameworks and return the function that performs a task."""
    warnings.simplefilter("ignore")
    np.seterr(all="ignore")
    reference, candidate = (LiftingDtypes.of(make()) for make in (torch_backend, jittor_backend))
    return lambda task: perform(task, reference, candidate)


class LiftingDtypes(Backend):
    """A backend in which `float32`, as a model writes it, is `float64` in runs in float64."""

    @classmethod
    def of(cls, backend: Backend) -> LiftingDtypes:
        """Return such a backend of the same framework."""
        return cls(backend.framework, backend.adapter, backend.names)

    def run(
        self, source: str, inputs: Mapping[str, Array], precision: Precision, **options: Any
    ) -> Outcome:
        """See `Backend.run`."""
        self.adapter = adapt(self.adapter.module)  # a new one: it remembers a run without casts
        if precision == "float64":
            for module in ("torch", "jt"):
                source = source.replace(f"{module}.float32", f"{module}.float64")
        return super().run(source, inputs, precision, **options)


def perform(task: Any, reference: Backend, candidate: Backend) -> Any:
    """Perform a task and return what its class says."""
    if isinstance(task, VersionsTask):
        return versions(reference, candidate)
    if isinstance(task, SourcesTask):
        return jittor_sources(task.use, candidate.names["jt"], candidate.names["compat"])
    return judge_use(task.use, task.source, task.case, reference, candidate)


def judge_use(
    use: Use, source: str, case: str, reference: Backend, candidate: Backend
) -> list[Finding]:
    """Judge a Jittor source of a use.

    On other inputs than the model's own, a case that PyTorch refuses says nothing and has no
    finding.
    """
    torch = torch_source(use)
    entry = Entry(name=use.name, torch=torch, jittor=source, kind="numeric")
    if use.random:
        return _judge_random(use, source, reference, candidate)
    findings = judge_numeric(entry, source, case, inputs_of(use, case), reference, candidate)
    if case != ORDINARY:
        findings = [f for f in findings if not (f.cause is AtlasCause.EXCEPTION and f.reference)]
    return [replace(f, tensor=_named(use, f.tensor)) for f in findings]


def _named(use: Use, tensor: ComparedTensor) -> ComparedTensor:
    """Return a tensor with a buffer's name in place of its number among the outputs."""
    if use.layer is None or tensor.quantity != "output" or not tensor.label:
        return tensor
    names = [*[str(number) for number in range(use.outputs)], *use.layer.buffers.values()]
    return ComparedTensor("output", names[int(tensor.label)])


def inputs_of(use: Use, case: str) -> dict[str, Array]:
    """Return the inputs of a use for a case; weights and integers stay as the model has them."""
    change = real_case(case)
    return {
        name: rounded(array)
        if name in use.weights or array.dtype.kind != "f"
        else rounded(np.ascontiguousarray(change(array)))
        for name, array in use.inputs.items()
    }


def _judge_random(use: Use, source: str, reference: Backend, candidate: Backend) -> list[Finding]:
    """Judge a random function by the distribution of what many calls return."""
    expected, wrong = _draw(use, torch_source(use), reference)
    actual, also_wrong = _draw(use, source, candidate)
    if wrong or also_wrong:
        return [judge_exception("", VALUE, wrong, also_wrong)]
    if expected.keys() != actual.keys():
        sizes = (max(samples, default=0) for samples in (expected, actual))
        return [
            Finding(
                case="", tensor=VALUE, verdict=Verdict.ERROR, cause=AtlasCause.SHAPE,
                reference=f"up to number {next(sizes)}", candidate=f"up to number {next(sizes)}",
            )
        ]  # fmt: skip
    findings = []
    for number, sample in expected.items():
        tensor = ComparedTensor("value", f"at {number}")
        findings += judge_samples((sample, ""), (actual[number], ""), tensor)
    return findings


def _draw(use: Use, source: str, backend: Backend) -> tuple[dict[int, Array], str]:
    """Return samples, by the number of an element in the result; or an exception.

    Elements of one result may depend on each other, as dropout of channels drops all of one. So
    each call adds one number to each sample: of the first, the middle and the last element, and,
    under -1, the difference of the first two. Of functions that draw each number for itself, all
    numbers of results for ones are one sample.
    """
    drawn: dict[int, list[Array]] = {}
    independent = use.name.rpartition(".")[2].strip("_").lower() in INDEPENDENT
    inputs = _ones(use) if independent else use.inputs
    try:
        backend.value(f"{backend.seeding}\n0")
        for _ in range(CALLS):
            value = backend.run_once(source, inputs).ravel()
            if independent:
                drawn.setdefault(0, []).append(value)
            for number in () if independent else sorted({0, value.size // 2, value.size - 1}):
                drawn.setdefault(number, []).append(value[number : number + 1])
            drawn.setdefault(-1, []).append(np.diff(value[:2]))
            if sum(array.size for array in drawn.get(0, ())) >= SAMPLE:
                break
    except Exception as error:  # any exception of a framework is a result to compare
        return {}, describe_exception(error)
    return {number: np.concatenate(arrays) for number, arrays in drawn.items()}, ""


def _ones(use: Use) -> dict[str, Array]:
    return {
        name: np.ones_like(array) if name not in use.weights and array.dtype.kind == "f" else array
        for name, array in use.inputs.items()
    }
