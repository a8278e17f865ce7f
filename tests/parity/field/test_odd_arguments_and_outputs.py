"""Arguments and outputs that few models have, and on which a comparison must not go wrong."""

from __future__ import annotations

import enum
from collections import deque, namedtuple
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from parity import CannotCompare, Pair, Report, Verdict, check
from parity.verdict import Cause


class Model(nn.Module):
    """A linear layer, and a function of its result."""

    def __init__(self, after: Callable[[torch.Tensor], Any] = lambda y: y) -> None:
        super().__init__()
        self.l = nn.Linear(4, 4)
        self.after = after

    def forward(self, x: torch.Tensor) -> Any:
        return self.after(self.l(x))


def x_alone(generator: np.random.Generator) -> dict[str, Any]:
    return {"x": generator.standard_normal((3, 4)).astype(np.float32)}


def compared(
    reference: Callable[[], Any], candidate: Callable[[], Any], inputs: Any = x_alone, **more: Any
) -> Report:
    settings: dict[str, Any] = {"stress_inputs": ("plain",), **more}
    return check(
        Pair(name="field", reference=reference, candidate=candidate, inputs=inputs, **settings)
    )


def returning(reference: Any, candidate: Any, **more: Any) -> Report:
    return compared(lambda: Model(reference), lambda: Model(candidate), **more)


def faults(report: Report) -> list[tuple[str, Cause | None]]:
    return [(f.quantity, f.cause) for f in report.findings if f.is_fault]


# Outputs


class Colour(enum.Enum):
    RED, BLUE = 1, 2


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        (lambda y: {1: y.long(), "1": y}, lambda y: {1: y.long() + 1, "1": y}),
        (
            lambda y: {"a.b": y.long(), "a": {"b": y}},
            lambda y: {"a.b": y.long() + 1, "a": {"b": y}},
        ),
        (lambda y: deque([y]), lambda y: deque([y * 1.001])),
        (lambda y: (y, 2**100), lambda y: (y, 2**100 + 1)),
        (lambda y: (y, "a"), lambda y: (y, "a\0")),
        (lambda y: (y, Colour.RED), lambda y: (y, Colour.BLUE)),
        (lambda y: (y, {1, 2}), lambda y: (y, {1, 3})),
        (lambda y: (y, y.device), lambda y: (y, torch.device("meta"))),
        (lambda y: SimpleNamespace(s=y, dtype="f"), lambda y: SimpleNamespace(s=y * 2, dtype="f")),
        (lambda y: torch.complex(y, y * 2), lambda y: torch.complex(y, (y * 2).detach())),
    ],
    ids=[
        *("keys that read alike", "paths that read alike", "deque", "large integer", "text"),
        *("enumeration", "set", "device", "object with a dtype", "no gradient of imaginary parts"),
    ],
)
def test_no_leaf_is_lost(right: Any, wrong: Any) -> None:
    assert returning(right, right).verdict is Verdict.IDENTICAL
    assert returning(right, wrong).verdict is Verdict.SEMANTIC_DIFFERENCE


def test_outputs_without_elements_are_no_agreement() -> None:
    report = returning(lambda y: y[:0], lambda y: y[:0])
    assert report.verdict is Verdict.ERROR
    assert Cause.NO_OUTPUT in {f.cause for f in report.findings}
    assert returning(lambda y: (y, y[:0]), lambda y: (y, y[:0])).passed


Two = namedtuple("Two", ["a", "b"])


@pytest.mark.parametrize(
    ("reference", "candidate"),
    [
        (lambda y: {"a": y, "b": y * 2}, lambda y: {"b": y * 2, "a": y}),
        (lambda y: Two(y, y * 2), lambda y: {"b": y * 2, "a": y}),
        (lambda y: Two(y, y * 2), lambda y: (y, y * 2)),
        (lambda y: [y, y * 2], lambda y: deque([y, y * 2])),
    ],
    ids=["dicts in another order", "named tuple and dict", "named tuple and tuple", "deque"],
)
def test_names_and_positions_that_callers_find_are_no_difference(
    reference: Any, candidate: Any
) -> None:
    assert returning(reference, candidate).verdict is Verdict.IDENTICAL


@pytest.mark.parametrize(
    ("reference", "candidate"),
    [
        (lambda y: (y, y.sum(1)), lambda y: y),
        (lambda y: y, lambda y: (y, y.sum(1))),
        (lambda y: (y, y * 2), lambda y: y),
        (lambda y: {"y": y, "aux": y * 2}, lambda y: {"y": y}),
        (lambda y: {"y": y, "aux": y.sum(1)}, lambda y: {"extra": y.sum(1), "y": y}),
        (lambda y: (y, y.sum().item()), lambda y: (y, y.sum())),
    ],
)
def test_an_output_that_one_side_lacks_is_the_only_fault(reference: Any, candidate: Any) -> None:
    report = returning(reference, candidate)
    assert not report.passed
    assert faults(report) == [("structure", Cause.OTHER_STRUCTURE)]


def test_a_wrong_tensor_in_another_structure_is_a_fault_of_its_own() -> None:
    report = returning(lambda y: {"y": y, "aux": y.sum(1)}, lambda y: {"y": y * 1.001})
    assert ("output", None) in faults(report)


# Arguments


class Takes(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.l = nn.Linear(4, 4)


class ImageAndTime(Takes):
    def forward(self, x: torch.Tensor, t: torch.Tensor) -> Any:
        return self.l(x) * t.mean() + t


class InputAndTimesteps(Takes):
    def forward(self, input: torch.Tensor, timesteps: torch.Tensor) -> Any:
        return self.l(input) * timesteps.mean() + timesteps


def test_unknown_names_follow_the_other_signature_and_not_the_dict() -> None:
    def inputs(generator: np.random.Generator) -> dict[str, Any]:
        t, x = (generator.standard_normal((3, 4)).astype(np.float32) for _ in range(2))
        return {"t": t, "x": x}

    report = compared(ImageAndTime, InputAndTimesteps, inputs)
    assert report.verdict is Verdict.IDENTICAL
    assert "argument 't' is passed to the candidate as 'timesteps'" in report.notes
    assert compared(InputAndTimesteps, ImageAndTime, inputs).passed


class AnyNumber(Takes):
    def forward(self, *images: torch.Tensor) -> Any:
        return self.l(images[0])


class ByPosition(Takes):
    def forward(self, image: torch.Tensor, /) -> Any:
        return self.l(image)


class WithDefault(Takes):
    def forward(self, image: torch.Tensor | None = None) -> Any:
        return self.l(image)


class WithOthers(Takes):
    def forward(self, image: torch.Tensor, **others: Any) -> Any:
        return self.l(image)


@pytest.mark.parametrize("port", [AnyNumber, ByPosition, WithDefault, WithOthers])
def test_a_single_argument_is_found_whatever_its_parameter(port: type[nn.Module]) -> None:
    assert compared(Model, port).passed
    assert compared(port, Model).passed


def test_a_wrong_entry_of_argument_names_is_refused_with_both_signatures() -> None:
    with pytest.raises(CannotCompare) as raised:
        compared(Model, WithDefault, argument_names={"x": "imagee"})
    assert "argument_names says 'imagee'; the reference takes (x: " in str(raised.value)


class Pops(Takes):
    """Takes the last number out of its list."""

    def forward(self, x: torch.Tensor, sizes: list[float]) -> Any:
        return self.l(x) * sizes.pop()


class Table(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.e = nn.Embedding(8, 4)

    def forward(self, length: int) -> Any:
        return self.e(torch.arange(length))


def test_a_model_may_empty_a_list_of_its_inputs() -> None:
    assert compared(Pops, Pops, lambda g: {**x_alone(g), "sizes": [2.0]}).passed


def test_inputs_may_be_numbers_alone() -> None:
    assert compared(Table, Table, lambda g: {"length": 5}).passed


@pytest.mark.parametrize(
    ("inputs", "text"),
    [
        (lambda g: {"x": torch.eye(4).to_sparse()}, "input 'x' is Tensor, and NumPy cannot read"),
        (lambda g: {"x": np.full((3, 4), complex(0, np.nan))}, "input 'x' holds NaN"),
        (lambda g: {**x_alone(g), "n": float("nan")}, "input 'n' holds NaN"),
    ],
)
def test_arrays_that_nobody_can_compare_are_one_line(inputs: Any, text: str) -> None:
    with pytest.raises(CannotCompare, match=text):
        compared(Model, Model, inputs)


def test_a_list_that_holds_itself_is_refused() -> None:
    def inputs(generator: np.random.Generator) -> dict[str, Any]:
        images: list[Any] = [x_alone(generator)["x"]]
        images.append(images)
        return {"x": images}

    with pytest.raises(CannotCompare, match=r"input 'x\.1' holds itself"):
        compared(Model, Model, inputs)


class Cache:
    def __init__(self, key: torch.Tensor) -> None:
        self.key = key


class Updates(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.l = nn.Linear(4, 4)

    def forward(self, x: torch.Tensor, cache: Cache) -> torch.Tensor:
        cache.key = cache.key + self.l(x)
        return x * 2


class WithCache(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = Updates(), Updates()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        cache = Cache(x)
        x = self.second(self.first(x, cache), cache)
        assert cache.key is not x
        return x + cache.key.tanh()


class ForgetsCache(WithCache):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.second(self.first(x, Cache(x)), Cache(x)) + x.tanh()


def test_an_object_that_modules_change_keeps_their_changes() -> None:
    assert compared(WithCache, WithCache).verdict is Verdict.IDENTICAL
    seen = compared(WithCache, WithCache)
    gradients = [f for f in seen.findings if f.label == "weight" and f.path.startswith("first")]
    assert gradients
    assert all((f.scale or 0) > 0 for f in gradients)
    assert compared(WithCache, ForgetsCache).verdict is Verdict.SEMANTIC_DIFFERENCE


class Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.q, self.k = nn.Linear(4, 4), nn.Linear(4, 4)

    def forward(self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        return (self.q(q) @ self.k(k).T).softmax(-1) @ v


class SelfAttention(Attention):
    def forward(self, x: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
        return super().forward(x, x, x)


class Around(nn.Module):
    def __init__(self, attention: type[Attention], factor: float = 1.0) -> None:
        super().__init__()
        self.pre, self.attention, self.post = nn.Linear(4, 4), attention(), nn.Linear(4, 4)
        self.number, self.factor = attention is Attention, factor

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = self.pre(x).tanh()
        h = self.attention(h, h, h) if self.number else self.attention(h)
        return self.post(h) * self.factor


def test_a_tensor_given_three_times_and_once_is_no_fault_beside_another() -> None:
    report = compared(lambda: Around(Attention), lambda: Around(SelfAttention, 1.001))
    isolated = [f for f in report.findings if f.is_fault and f.scope == "isolated"]
    assert {f.path for f in isolated} == {""}
    assert all(f.owner in ("", "post") for f in isolated)


# Losses


@pytest.mark.parametrize(
    ("loss", "text"),
    [
        (lambda y: 1 / 0, r"the loss of the reference \(torch\) raised in float\d\d: ZeroDivision"),
        (lambda y: 1.0, r"the loss of the reference \(torch\) is float: return a tensor"),
        (lambda y: None, r"the loss of the reference \(torch\) is NoneType: return a tensor"),
        (lambda y: y, r"the loss of the reference \(torch\) has shape \(3, 4\): return one"),
    ],
)
def test_a_loss_that_cannot_be_used_is_named(loss: Any, text: str) -> None:
    with pytest.raises(CannotCompare, match=text):
        compared(Model, Model, loss=loss)
