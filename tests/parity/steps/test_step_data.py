"""Data of a training step: events by owner, names with their model, and sums of cotangents."""

from __future__ import annotations

import numpy as np
import pytest

from parity.steps.step_data import Call, OptimizerStep, TrainingStep, joined, total


def optimizer_step(name: str, number: int) -> OptimizerStep:
    return OptimizerStep(
        name, [number], {}, {}, {}, {}, {}, None, 1, {}, {}, {}, {}, {}
    )  # fmt: skip


def test_events_are_found_by_their_owner_in_order() -> None:
    step = TrainingStep(0)
    step.calls = [Call(name, version, True) for version, name in enumerate("abaab")]
    step.optimizer_steps = [optimizer_step(name, n) for n, name in enumerate("xyx")]
    assert [call.version for call in step.calls_of("a")] == [0, 2, 3]
    assert [call.version for call in step.calls_of("b")] == [1, 4]
    assert step.calls_of("c") == []
    assert [taken.passes for taken in step.steps_of("x")] == [[0], [2]]
    assert [taken.passes for taken in step.steps_of("y")] == [[1]]


def test_each_model_numbers_its_own_calls() -> None:
    step = TrainingStep(0, calls=[Call(name, 0, None) for name in "abaab"])
    numbered = list(step.numbered_calls())
    assert [number for number, _ in numbered] == [0, 0, 1, 2, 1]
    assert [call.model for _, call in numbered] == list("abaab")


def test_steps_do_not_share_their_containers() -> None:
    first, second = TrainingStep(0), TrainingStep(1)
    first.batches.append({})
    first.weights["model"] = []
    call = Call("", 0, True)
    call.cotangents[0] = {}
    assert second == TrainingStep(1)
    assert Call("", 0, True).cotangents == {}


@pytest.mark.parametrize(
    ("name", "path", "expected"),
    [
        ("", "net.weight", "net.weight"),
        ("generator", "net.weight", "generator.net.weight"),
        ("generator", "", "generator"),
        ("", "", ""),
    ],
)
def test_a_path_has_the_name_of_its_model_before_it(name: str, path: str, expected: str) -> None:
    assert joined(name, path) == expected


def test_cotangents_are_summed_in_float64_and_keep_their_dtype() -> None:
    large = np.float32(2**25)
    cotangents = {
        0: {"y": np.array([large, 1], np.float32)},
        1: {"y": np.array([1, 2], np.float32)},
        2: {"y": np.array([-large, 3], np.float32)},
    }
    result = total(cotangents, [0, 1, 2], "y")
    assert result is not None
    # Float32 adds 1 to 2^25 and gets 2^25.
    np.testing.assert_array_equal(result, [1, 6])
    assert result.dtype == np.float32


def test_only_the_passes_that_are_meant_are_summed() -> None:
    cotangents = {n: {"y": np.full(2, 10.0**n), "z": np.ones(1)} for n in range(3)}
    del cotangents[1]["z"]
    result = total(cotangents, [1, 2, 7], "y")
    np.testing.assert_array_equal(result, [110, 110])
    np.testing.assert_array_equal(total(cotangents, [0, 1], "z"), [1])


def test_nothing_is_returned_where_no_pass_arrived() -> None:
    cotangents = {0: {"y": np.ones(2)}}
    assert total(cotangents, [], "y") is None
    assert total(cotangents, [1], "y") is None
    assert total(cotangents, [0], "other") is None
