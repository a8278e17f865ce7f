"""A recorded side answers as its adapter did, and refuses to run."""

from __future__ import annotations

import inspect
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from parity import CannotCompare, Record, record
from parity.adapters.protocol import adapt
from parity.errors import NotRecorded
from parity.noise.operation_noise import perturb_results
from parity.recording.recorded_side import RecordedSide, settings_of, signature_values


@pytest.fixture(scope="module")
def recorded(models: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> RecordedSide:
    path = tmp_path_factory.mktemp("records") / "x"
    record(models.block_pair(), path)
    return Record.open(path).side


def test_it_has_the_modules_and_tensors_of_the_model(
    recorded: RecordedSide, models: ModuleType
) -> None:
    model = models.Block()
    live = adapt(model)
    modules = {path: type(module).__name__ for path, module in recorded.modules().items()}
    assert modules == {path: type(module).__name__ for path, module in live.modules().items()}
    for own, other in (
        (recorded.parameters(), live.parameters()),
        (recorded.buffers(), live.buffers()),
    ):
        assert {n: a.shape for n, a in own.items()} == {n: tuple(t.shape) for n, t in other.items()}
    assert recorded.framework == "torch"
    assert recorded.manifest()["version"] == live.manifest()["version"]


def test_the_adapter_of_its_module_is_itself(recorded: RecordedSide) -> None:
    assert adapt(recorded.module) is recorded  # type: ignore[comparison-overlap]


def test_its_signature_and_settings_are_those_of_the_model(recorded: RecordedSide) -> None:
    module: Any = recorded.module
    assert list(inspect.signature(module.forward).parameters) == ["x", "t"]
    norm: Any = recorded.modules()["norm"]
    assert (norm.eps, norm.num_groups) == (1e-5, 2)
    assert repr(norm).startswith("GroupNorm(2, 8")


def test_what_needs_the_module_is_refused(recorded: RecordedSide) -> None:
    with pytest.raises(NotRecorded, match="cannot be called"):
        recorded.module.forward()  # type: ignore[attr-defined]
    with pytest.raises(NotRecorded, match="vjp needs the module"):
        recorded.vjp([], [], print)
    with pytest.raises(CannotCompare, match="tie them in its builder"):
        recorded.tie("a", "b")
    assert not hasattr(recorded, "snapshot")


def test_it_knows_what_perturbs_its_operations(recorded: RecordedSide) -> None:
    perturbing = recorded.perturbing_operations
    assert perturbing is not None
    with perturbing(perturb_results(3, 1)):
        assert recorded.operations == "operations 3 1 1"
    assert recorded.operations == ""


def test_settings_are_plain_public_attributes() -> None:
    class Module:
        def __init__(self) -> None:
            self.eps, self.name, self.on, self._hidden, self.weight = 0.1, "a", True, 3, np.ones(2)

    assert settings_of(Module()) == {"eps": 0.1, "name": "a", "on": True}


def test_a_function_without_a_signature_has_none() -> None:
    assert signature_values(dict.update) is None or signature_values(dict.update)
    assert signature_values(lambda x, *rest, y=1: None) == [
        ["x", 1, False], ["rest", 2, False], ["y", 3, True]
    ]  # fmt: skip
