"""Recording, isolation, injection; hooks come off whatever happens."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from parity import Pair
from parity.base.numerics import distance
from parity.compare.modules import PairRunner
from parity.errors import CannotCompare
from parity.noise.side_runner import one_ulp
from parity.prepare import prepare
from parity.trace.recorder import list_calls, run_isolated, run_with_injection
from parity.trace.sites import Boundary, Tap
from parity.trace.trace import Trace
from parity.trace.values import tensor_sites


class Chain(nn.Module):
    """Three linear layers; the second one of a candidate may be wrong."""

    def __init__(self, fault: float = 0.0) -> None:
        super().__init__()
        self.fault, self.fails = fault, False
        self.first, self.second, self.third = (nn.Linear(3, 3) for _ in range(3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = self.second(torch.tanh(self.first(x))) + self.fault
        if self.fails:
            raise RuntimeError("no further")
        return self.third(h)


def runner(fault: float = 0.0) -> PairRunner:
    return prepare(
        Pair(
            name="chain", reference=Chain, candidate=lambda: Chain(fault),
            inputs=lambda rng: {"x": rng.standard_normal((2, 3), np.float32)},
        )
    ).runner  # fmt: skip


def teacher_of(pair: PairRunner, stress_input: str = "plain") -> Trace:
    return run_isolated(
        pair.reference, pair.run_spec(pair.reference, "float64", stress_input=stress_input)
    )


def tap(path: str, port: str, label: str = "") -> Tap:
    return Tap(path, 0, port, label)  # type: ignore[arg-type]


def test_every_tensor_at_a_boundary_is_recorded_with_its_caller_and_what_was_before() -> None:
    trace = teacher_of(runner())
    assert list(trace.recorded) == [
        tap("", "input", "x"),
        *(
            tap(path, port, label)
            for path in ("first", "second", "third")
            for port, label in (("input", "input"), ("output", ""))
        ),
        tap("", "output"),
    ]
    assert {t.path for t, caller in trace.callers.items() if caller == ""} == {
        *("", "first", "second", "third")
    }
    assert list(trace.before.values()) == [
        Boundary("start"),
        Boundary("input"),
        *(
            Boundary(port, path)  # type: ignore[arg-type]
            for path in ("first", "second", "third")
            for port in ("input", "output")
        ),
    ]


def test_a_fault_shows_in_its_own_segment_and_in_no_later_one() -> None:
    pair = runner(fault=0.5)
    teacher = teacher_of(pair)
    isolated = run_isolated(pair.candidate, pair.run_spec(pair.candidate, "float64"), teacher)
    wrong = [t for t in teacher.recorded if distance(teacher.recorded[t], isolated.recorded[t])]
    assert wrong == [tap("third", "input", "input")]
    assert distance(teacher.recorded[wrong[0]], isolated.recorded[wrong[0]]) == pytest.approx(0.5)


def test_a_gradient_comes_from_its_own_segment_alone() -> None:
    pair = runner()
    trace = teacher_of(pair)
    # Between the output of the first layer and the input of the second there is one tanh.
    value = trace.forced[tap("first", "output")].astype(np.float64)
    weights = (trace.cotangent_draws[tap("second", "input", "input")] + 0.5) / 64
    np.testing.assert_allclose(
        trace.gradients[tap("first", "output")], weights * (1 - np.tanh(value) ** 2), rtol=1e-12
    )
    weight = trace.parameter_gradients["second.weight"]
    output = (trace.cotangent_draws[tap("second", "output")] + 0.5) / 64
    inputs = trace.forced[tap("second", "input", "input")].astype(np.float64)
    np.testing.assert_allclose(weight, output.T @ inputs, rtol=1e-12)


def test_a_stress_input_replaces_the_input_of_leaves_alone() -> None:
    trace = teacher_of(runner(), "zeros")
    for at, forced in trace.forced.items():
        is_leaf_input = at.port == "input" and at.path != ""
        assert (not forced.any()) == is_leaf_input, at


def test_an_injected_tensor_reaches_all_that_follows() -> None:
    pair = runner(fault=0.5)
    teacher = teacher_of(pair)
    spec = pair.run_spec(pair.candidate, "float64")
    plain = run_with_injection(pair.candidate, spec, teacher, {})
    end = tap("", "output")
    assert distance(plain.recorded[end], teacher.recorded[end]) > 1e-3
    at = tap("third", "input", "input")
    corrected = run_with_injection(pair.candidate, spec, teacher, {at: plain.recorded[at] - 0.5})
    right = run_with_injection(
        pair.reference, pair.run_spec(pair.reference, "float64"), teacher, {}
    )
    assert distance(corrected.recorded[end], right.recorded[end]) < 1e-14
    assert not plain.forced
    assert not plain.gradients


@pytest.mark.parametrize("run", [run_isolated, list_calls])
def test_hooks_and_modes_are_undone_after_an_error(run: Any) -> None:
    pair = runner()
    module = pair.candidate.adapter.module
    module.fails = True
    module.train()
    with pytest.raises(CannotCompare, match=r"the candidate \(torch\) raised in float32: Runtime"):
        run(pair.candidate, pair.run_spec(pair.candidate, "float32"))
    assert all("forward" not in vars(part) for part in module.modules())
    assert module.training


class Twice(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(3, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.inner(self.inner(x))


def test_the_calls_of_one_module_are_told_apart() -> None:
    pair = prepare(
        Pair(
            name="twice", reference=Twice, candidate=Twice,
            inputs=lambda rng: {"x": rng.standard_normal((2, 3), np.float32)},
        )
    ).runner  # fmt: skip
    calls = [(t.call, t.port) for t in teacher_of(pair).recorded if t.path == "inner"]
    assert calls == [(0, "input"), (0, "output"), (1, "input"), (1, "output")]


class TakesAList(nn.Module):
    """Takes the last tensor out of a list and returns it, by itself and inside a dict."""

    def forward(self, skips: list[torch.Tensor], scale: torch.Tensor) -> dict[str, Any]:
        last = skips.pop()
        return {"last": last * scale, "nested": (last, "text")}


class Around(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = TakesAList()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        kept = x * 2
        skips = [kept, x * 3]
        results = self.inner(skips, scale=x)
        assert len(skips) == 1
        assert skips[0] is kept
        return results["last"] + results["nested"][0] + skips[0]


def test_nested_tensors_are_recorded_by_their_labels_and_lists_stay_the_callers_own() -> None:
    pair = prepare(
        Pair(
            name="nested", reference=Around, candidate=Around,
            inputs=lambda rng: {"x": rng.standard_normal((2, 3), np.float32)},
        )
    ).runner  # fmt: skip
    trace = teacher_of(pair)
    of_inner = [(t.port, t.label) for t in trace.recorded if t.path == "inner"]
    assert of_inner == [
        ("input", "skips.0"),
        ("input", "skips.1"),
        ("input", "scale"),
        ("output", "last"),
        ("output", "nested.0"),
    ]


def test_a_distance_trace_has_the_distances_of_a_full_one(models: ModuleType) -> None:
    pair = prepare(models.block_pair(training=True)).runner
    perturbation = one_ulp("float32", 0, 1)
    teacher = teacher_of(pair)
    spec = pair.run_spec(pair.candidate, "float32")
    baseline = run_isolated(pair.candidate, spec, teacher)
    spec = pair.run_spec(pair.candidate, "float32", shift=perturbation)
    full = tensor_sites(run_isolated(pair.candidate, spec, teacher))
    distances = tensor_sites(run_isolated(pair.candidate, spec, teacher, baseline))
    unperturbed = tensor_sites(baseline)
    assert list(distances) == list(full) == list(unperturbed)
    for site, array in full.items():
        assert distances[site] == distance(array, unperturbed[site]), site
    assert max(distances.values()) > 0


def test_the_teacher_leaves_what_the_reference_leaves_on_its_values(models: ModuleType) -> None:
    def block() -> Any:
        return models.Block().to(memory_format=torch.channels_last)

    pair = prepare(models.block_pair(block, reference=block, training=True)).runner
    teacher = teacher_of(pair, "large magnitude")
    assert all(array.flags.c_contiguous for array in teacher.forced.values())
    again = tensor_sites(pair.rerun_isolated(pair.reference, teacher))
    for site, array in tensor_sites(teacher).items():
        np.testing.assert_array_equal(array, again[site], err_msg=str(site))


def test_gradients_are_listed_from_the_end_to_the_start(models: ModuleType) -> None:
    teacher = teacher_of(prepare(models.block_pair(training=True)).runner)
    backward = [s.tap for s in tensor_sites(teacher) if s.phase == "backward" and s.tap]
    order = list(teacher.recorded)
    assert backward == sorted(backward, key=order.index, reverse=True)
    assert len(backward) > 5


def test_a_list_of_calls_names_every_call_and_holds_no_tensor(models: ModuleType) -> None:
    pair = prepare(models.block_pair(training=True)).runner
    teacher = teacher_of(pair)
    calls = list_calls(pair.reference, pair.run_spec(pair.reference, "float32"))
    assert list(calls.callers) == [t for t in teacher.recorded if t.port != "loss"]
    assert calls.callers == {t: teacher.callers[t] for t in calls.callers}
    assert not calls.recorded
    assert not calls.gradients
