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
from parity.atlas.finding import AtlasCause, ComparedTensor, Finding
from parity.atlas.judge import judge_numeric
from parity.atlas.judge_values import judge_samples
from parity.atlas.tasks import versions
from parity.base.numerics import Array, Precision, rounded

# Numbers that a random function is asked for, in at most so many calls.
SAMPLE, CALLS = 20_000, 1_000
# Functions whose results are independent numbers.
INDEPENDENT = {
    "dropout", "rand", "randn", "rand_like", "randn_like", "randint", "randint_like", "bernoulli",
    "normal", "uniform", "poisson", "exponential",
}  # fmt: skip


@dataclass(frozen=True)
class VersionsTask:
    """Asks for the versions and settings that the results hold for."""


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
    """Judge a random function by the distribution of what it returns for inputs of ones.

    Numbers within one result may depend on each other: dropout of channels drops all of one. So
    each call adds one number, and its difference to the next one in the result, to the samples;
    more only of functions that draw each number for itself.
    """
    drawn = [
        _draw(use, text, backend)
        for backend, text in ((reference, torch_source(use)), (candidate, source))
    ]
    (numbers, differences, wrong), (others, other_differences, other_wrong) = drawn
    return [
        *judge_samples((numbers, wrong), (others, other_wrong)),
        *judge_samples(
            (differences, wrong), (other_differences, other_wrong), ComparedTensor("value", "pairs")
        ),
    ]


def _draw(use: Use, source: str, backend: Backend) -> tuple[Array, Array, str]:
    """Return numbers and differences of neighbours from many calls, or an exception."""
    numbers: list[Array] = []
    differences: list[Array] = []
    independent = use.name.rpartition(".")[2].strip("_").lower() in INDEPENDENT
    try:
        backend.value(f"{backend.seeding}\n0")
        while len(numbers) < CALLS and sum(array.size for array in numbers) < SAMPLE:
            value = backend.run_once(source, _ones(use)).ravel()
            numbers.append(value if independent else value[:1])
            differences.append(np.diff(value[:2]))
    except Exception as error:  # any exception of a framework is a result to compare
        return np.zeros(0), np.zeros(0), describe_exception(error)
    return np.concatenate(numbers), np.concatenate(differences), ""


def _ones(use: Use) -> dict[str, Array]:
    return {
        name: np.ones_like(array) if name not in use.weights and array.dtype.kind == "f" else array
        for name, array in use.inputs.items()
    }
