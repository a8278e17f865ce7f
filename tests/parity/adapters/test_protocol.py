from __future__ import annotations

import dataclasses
import importlib.util
from pathlib import Path
from types import ModuleType

import pytest
import torch

from parity import CannotCompare, check
from parity.adapters.protocol import adapt


@pytest.fixture(scope="module")
def example() -> ModuleType:
    path = Path(__file__).parents[3] / "examples" / "pairs" / "numpy_framework.py"
    spec = importlib.util.spec_from_file_location("numpy_framework", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_third_framework_is_one_file(example: ModuleType) -> None:
    report = check(example.pair)
    assert report.passed, str(report)
    assert {f.phase for f in report.findings} == {"forward", "backward"}


@pytest.mark.parametrize("seed", [0, 6, 15, 16, 17])
def test_a_gradient_behind_a_saturated_function_is_no_fault(seed: int, example: ModuleType) -> None:
    # The port has its tanh inside the layer, so the two are judged as one, and far out on tanh the
    # gradient is rounding of 1 - tanh^2; these seeds were once called SEMANTIC_DIFFERENCE.
    def reference() -> torch.nn.Module:
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            return torch.nn.Sequential(
                torch.nn.Linear(3, 5), torch.nn.Tanh(), torch.nn.Linear(5, 2)
            )

    report = check(dataclasses.replace(example.pair, reference=reference))
    assert report.passed, str(report)


def test_a_fault_in_a_third_framework_is_found(example: ModuleType) -> None:
    report = check(example.wrong)
    assert not report.passed
    assert report.verdict.name == "SEMANTIC_DIFFERENCE"


def test_an_object_of_no_framework_is_refused() -> None:
    with pytest.raises(CannotCompare, match="which is no module of"):
        adapt(object())
