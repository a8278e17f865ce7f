"""Arguments and results as people have them, by other names and in other shapes."""

from __future__ import annotations

import dataclasses
from collections import OrderedDict, namedtuple
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import parity
from parity import CannotCompare, Pair, Report, Verdict, check
from parity.report.faults import FaultKind
from parity.verdict import Cause


class Model(nn.Module):
    """A linear layer, and a function of its result."""

    def __init__(self, after: Callable[[torch.Tensor], Any] = lambda y: y) -> None:
        super().__init__()
        self.l = nn.Linear(4, 4)
        self.after = after

    def forward(self, x: torch.Tensor) -> Any:
        return self.after(self.l(x))


class Port(Model):
    """The same with another name of its argument."""

    def forward(self, input: torch.Tensor) -> Any:  # type: ignore[override]
        return self.after(self.l(input))


def x_alone(generator: np.random.Generator) -> dict[str, Any]:
    return {"x": generator.standard_normal((3, 4)).astype(np.float32)}


def compared(
    reference: Callable[[], Any],
    candidate: Callable[[], Any],
    inputs: Any = x_alone,
    **options: Any,
) -> Report:
    settings: dict[str, Any] = {"stress_inputs": ("plain",), **options}
    return check(
        Pair(name="field", reference=reference, candidate=candidate, inputs=inputs, **settings)
    )


def returning(
    reference: Callable[[Any], Any], candidate: Callable[[Any], Any], **options: Any
) -> Report:
    return compared(lambda: Model(reference), lambda: Model(candidate), **options)


# Inputs


def test_a_port_calls_its_argument_by_another_name() -> None:
    report = compared(Model, Port)
    assert report.passed
    assert "argument 'x' is passed to the candidate as 'input'" in report.notes
    named = compared(Model, Port, argument_names={"x": "input"})
    assert named.passed
    assert not any("is passed to" in note for note in named.notes)


def test_sequential_models_have_a_name_of_their_own() -> None:
    def sequential() -> nn.Module:
        return nn.Sequential(nn.Linear(4, 4), nn.Tanh())

    assert compared(sequential, sequential).passed


def test_jittors_sequential_model_against_pytorchs() -> None:
    jt = pytest.importorskip("jittor")
    report = compared(
        lambda: nn.Sequential(nn.Linear(4, 4), nn.Tanh()),
        lambda: jt.nn.Sequential(jt.nn.Linear(4, 4), jt.nn.Tanh()),
    )
    assert report.passed


class TwoArguments(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.l = nn.Linear(4, 4)

    def forward(self, image: torch.Tensor, mask: torch.Tensor) -> Any:
        return self.l(image) * mask


def test_names_that_cannot_be_matched_are_shown_with_the_signature() -> None:
    with pytest.raises(CannotCompare) as raised:
        compared(Model, TwoArguments)
    assert "the candidate takes (image: " in str(raised.value)
    assert "argument_names" in str(raised.value)
    with pytest.raises(CannotCompare, match="argument_names names 'y'; the inputs are x"):
        compared(Model, Port, argument_names={"y": "input"})


@pytest.mark.parametrize(
    "given",
    [
        lambda x: (x,),
        lambda x: [x],
        lambda x: x,
        lambda x: torch.from_numpy(x),
        lambda x: (torch.from_numpy(x).requires_grad_(),),
        lambda x: {"x": torch.from_numpy(x).to(torch.bfloat16)},
    ],
    ids=["tuple", "list", "array", "tensor", "tensor with a graph", "bfloat16 tensor"],
)
def test_inputs_by_position_and_as_tensors(given: Callable[[Any], Any]) -> None:
    def inputs(generator: np.random.Generator) -> Any:
        return given(x_alone(generator)["x"])

    assert compared(Model, Port, inputs).passed
    wrong = compared(Model, lambda: Port(lambda y: y * 1.001), inputs)
    assert wrong.verdict is Verdict.SEMANTIC_DIFFERENCE
    gradients = [f.label for f in wrong.findings if f.quantity == "input_gradient"]
    assert gradients


class Nested(nn.Module):
    """Takes what people pass: nested tensors, numbers, None and texts."""

    def __init__(self, factor: float = 1.0) -> None:
        super().__init__()
        self.l = nn.Linear(4, 4)
        self.factor = factor

    def forward(
        self, parts: Any, scale: float, mask: Any = None, mode: str = "sum", steps: Any = ()
    ) -> Any:
        assert mask is None
        assert mode == "sum"
        total = parts["a"] + self.factor * parts["b"][0]
        for step in steps:
            total = total + step
        return self.l(total) * scale


def nested(generator: np.random.Generator) -> dict[str, Any]:
    a, b, c = (generator.standard_normal((3, 4)).astype(np.float32) for _ in range(3))
    return {
        "parts": {"a": a, "b": [b]}, "scale": 0.3, "mask": None, "mode": "sum", "steps": (c, 2.5),
    }  # fmt: skip


def test_nested_inputs_with_numbers_and_none_between_them() -> None:
    report = compared(Nested, Nested, nested)
    assert report.passed
    end_to_end = {f.label for f in report.findings if f.quantity == "input_gradient"}
    assert {"parts.a", "parts.b.0", "steps.0"} <= end_to_end
    assert compared(Nested, lambda: Nested(1.01), nested).verdict is Verdict.SEMANTIC_DIFFERENCE


@pytest.mark.parametrize(
    ("inputs", "text"),
    [
        (lambda g: 1 / 0, "inputs raised ZeroDivisionError: division by zero"),
        (lambda g: {"x": object()}, "input 'x' is object: an array, a number, None, a text or"),
        (lambda g: {}, "inputs returned dict without an array"),
    ],
)
def test_inputs_that_cannot_be_used_are_one_line(inputs: Any, text: str) -> None:
    with pytest.raises(CannotCompare) as raised:
        compared(Model, Model, inputs)
    assert str(raised.value).startswith("pair 'field': ")
    assert text in str(raised.value)
    assert "\n" not in str(raised.value)


# Outputs

Named = namedtuple("Named", ["sample"])


@dataclasses.dataclass(frozen=True)
class Output:
    sample: Any


class Slotted:
    __slots__ = ("sample",)

    def __init__(self, sample: Any) -> None:
        self.sample = sample


class Plain:
    def __init__(self, sample: Any) -> None:
        self.sample = sample
        self.again = self  # an object may hold itself


CONTAINERS: dict[str, Callable[[Any], Any]] = {
    "namespace": lambda y: SimpleNamespace(sample=y),
    "dict": lambda y: {"sample": y},
    "ordered dict": lambda y: OrderedDict(sample=y),
    "namedtuple": Named,
    "frozen dataclass": Output,
    "object with slots": Slotted,
    "nested": lambda y: [({"sample": (y,)},)],
}


@pytest.mark.parametrize("kind", [*CONTAINERS, "object that holds itself"])
def test_every_output_is_compared_whatever_holds_it(kind: str) -> None:
    container = CONTAINERS.get(kind, Plain)
    assert returning(container, container).passed
    wrong = returning(container, lambda y: container(y * 1.001))
    assert wrong.verdict is Verdict.SEMANTIC_DIFFERENCE


@pytest.mark.parametrize("other", ["dict", "namedtuple", "frozen dataclass", "object with slots"])
def test_what_names_its_items_is_alike(other: str) -> None:
    assert returning(CONTAINERS["namespace"], CONTAINERS[other]).passed


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        (lambda y: (y, y.sum().item()), lambda y: (y, y.sum().item() * 1.001)),
        (lambda y: (y, 3), lambda y: (y, 4)),
        (lambda y: (y, True), lambda y: (y, False)),
        (lambda y: (y, "a"), lambda y: (y, "b")),
        (lambda y: (y, y.detach().numpy()), lambda y: (y, y.detach().numpy() * 1.001)),
    ],
    ids=["number of a tensor", "integer", "boolean", "text", "array"],
)
def test_numbers_and_texts_beside_tensors_are_compared(right: Any, wrong: Any) -> None:
    assert returning(right, right).passed
    assert returning(right, wrong).verdict is Verdict.SEMANTIC_DIFFERENCE


@pytest.mark.parametrize("nothing", [lambda y: None, lambda y: (), lambda y: y * torch.nan])
def test_nothing_to_compare_is_no_agreement(nothing: Any) -> None:
    report = returning(nothing, nothing)
    assert report.verdict is Verdict.ERROR
    assert Cause.NO_OUTPUT in {f.cause for f in report.findings}


@pytest.mark.parametrize("opaque", [lambda y: (row for row in y), lambda y: {"rows": iter(y)}])
def test_what_cannot_be_looked_into_is_named_and_refused(opaque: Any) -> None:
    with pytest.raises(CannotCompare, match="which cannot be looked into: return tensors"):
        returning(opaque, opaque)


class Hidden:
    """Keeps its tensor where nobody looks."""

    def __init__(self, tensor: Any) -> None:
        self.get = lambda: tensor

    def __iter__(self) -> Iterator[Any]:
        return iter([self.get()])

    def __next__(self) -> Any:
        return self.get()


def test_a_user_can_say_what_a_container_holds() -> None:
    with pytest.raises(CannotCompare, match="output of the model is Hidden"):
        returning(Hidden, Hidden)
    parity.register_container(
        Hidden, lambda hidden: {"tensor": hidden.get()}, lambda hidden, items: Hidden(items[0])
    )
    assert returning(Hidden, Hidden).passed
    wrong = returning(Hidden, lambda y: Hidden(y * 1.001))
    assert wrong.verdict is Verdict.SEMANTIC_DIFFERENCE


# Structures


@pytest.mark.parametrize(
    ("reference", "candidate", "texts"),
    [
        (lambda y: {"y": y}, lambda y: y, ("{y: tensor}", "tensor")),
        (lambda y: (y, None), lambda y: y, ("(tensor, None)", "tensor")),
        (lambda y: (y,), lambda y: {"a": y}, ("(tensor)", "{a: tensor}")),
    ],
)  # fmt: skip
def test_another_structure_with_the_same_tensors_is_one_finding(
    reference: Any, candidate: Any, texts: tuple[str, str]
) -> None:
    report = returning(reference, candidate)
    assert [fault.kind for fault in report.faults] == [FaultKind.STRUCTURE]
    (finding,) = (f for f in report.findings if not f.passes())
    assert (finding.cause, finding.compared) == (Cause.OTHER_STRUCTURE, texts)
    assert returning(reference, candidate, accept={"output structure": "callers know"}).passed


def test_an_accepted_structure_hides_no_wrong_tensor() -> None:
    accept = {"output structure": "callers know"}
    report = returning(lambda y: (y, None), lambda y: y * 1.001, accept=accept)
    assert report.verdict is Verdict.SEMANTIC_DIFFERENCE


def test_a_list_and_a_tuple_are_alike() -> None:
    assert returning(lambda y: (y, y + 1), lambda y: [y, y + 1]).verdict is Verdict.IDENTICAL
