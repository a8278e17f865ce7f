"""Two records judged without a module: the same findings as with both sides alive."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import nn

from parity import CannotCompare, Pair, Record, Report, check, record
from parity.pair_check import diff
from parity.recording.record_pair import record_pair

FAULTS = ["", "glue", "cut", "gradient", "residual"]


def two_records(pair: Pair, folder: Path) -> tuple[Record, Record]:
    record(pair, folder / "reference")
    reference = Record.open(folder / "reference")
    record(pair, folder / "candidate", like=reference)
    return reference, Record.open(folder / "candidate")


def findings(report: Report) -> list[str]:
    """Return all that needs no experiment with the candidate."""
    return [
        repr(dataclasses.replace(finding, hint="", confirmed=None)) for finding in report.findings
    ]


@pytest.mark.parametrize("fault", FAULTS)
def test_they_give_the_findings_of_a_comparison(
    fault: str, models: ModuleType, tmp_path: Path
) -> None:
    pair = models.block_pair(
        lambda: models.Block(fault=fault), stress_inputs=("plain", "low variance")
    )
    report = diff(*two_records(pair, tmp_path))
    assert findings(report) == findings(check(pair))
    assert report.passed == (not fault)
    assert report.pair == "reference against candidate"
    assert len(set(report.parameters.values())) == 1


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("fault_of_reference", ["", "glue", "gradient"])
def test_two_records_like_a_third_are_judged_on_its_values(
    fault: str, fault_of_reference: str, models: ModuleType, tmp_path: Path
) -> None:
    def pair(fault: str) -> Pair:
        return models.block_pair(
            lambda: models.Block(fault=fault), stress_inputs=("plain", "low variance")
        )

    record(pair(""), tmp_path / "first")
    first = Record.open(tmp_path / "first")
    for name, fault_of in (("reference", fault_of_reference), ("candidate", fault)):
        record(pair(fault_of), tmp_path / name, like=first)
    sides = [Record.open(tmp_path / name) for name in ("reference", "candidate")]
    report = diff(*sides, first)
    assert report.passed == (fault == fault_of_reference)
    if not fault_of_reference:  # as the third one is
        assert findings(report) == findings(diff(first, sides[1]))


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(5, 7), nn.Linear(7, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.b(torch.tanh(self.a(x)))


@pytest.mark.parametrize("epsilon", [1e-8, 1e-3])
def test_training_is_compared_too(epsilon: float, tmp_path: Path) -> None:
    built: list[Any] = []

    def make(parameters: Any) -> Any:
        # The reference is recorded before the candidate.
        value = 1e-8 if "reference" in built else epsilon
        return torch.optim.Adam(parameters, lr=1e-2, eps=value)

    pair = Pair(
        name="net", reference=Net, candidate=Net, stress_inputs=("plain",),
        inputs=lambda rng: {"x": rng.standard_normal((4, 5)).astype("float32")},
        loss=lambda y: (y * y).sum(), optimizer={"torch": make},
    )  # fmt: skip
    built.append("reference")
    record(pair, tmp_path / "reference")
    built.clear()
    reference = Record.open(tmp_path / "reference")
    record(pair, tmp_path / "candidate", like=reference)
    candidate = Record.open(tmp_path / "candidate")
    taught = diff(candidate, candidate, reference)
    assert taught.passed
    assert {"step", "free_run"} <= {finding.scope for finding in taught.findings}
    report = diff(reference, candidate)
    assert {"step", "free_run"} <= {finding.scope for finding in report.findings}
    assert report.passed == (epsilon == 1e-8)


def test_records_of_other_weights_are_refused(models: ModuleType, tmp_path: Path) -> None:
    reference, candidate = two_records(models.block_pair(), tmp_path)
    with pytest.raises(CannotCompare, match="was not recorded on the weights and inputs of"):
        record_pair(candidate, reference)
    with pytest.raises(CannotCompare, match="recorded like another record"):
        check(models.block_pair(), reference=candidate)
    with pytest.raises(CannotCompare, match="recorded like another record"):
        record(models.block_pair(), tmp_path / "third", like=candidate)


def without_count() -> nn.Module:
    norm = nn.BatchNorm1d(5)
    norm.num_batches_tracked = None
    return nn.Sequential(nn.Linear(5, 5), norm)


def test_a_buffer_of_one_side_is_left_alone_as_it_is_in_a_comparison(tmp_path: Path) -> None:
    pair = Pair(
        name="net", candidate=without_count, stress_inputs=("plain",),
        reference=lambda: nn.Sequential(nn.Linear(5, 5), nn.BatchNorm1d(5)),
        inputs=lambda rng: {"input": rng.standard_normal((4, 5)).astype("float32")},
    )  # fmt: skip
    report = diff(*two_records(pair, tmp_path))
    assert report.passed
    assert findings(report) == findings(check(pair))
