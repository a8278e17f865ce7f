"""Where a step of a loop begins and ends, and what belongs to it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import parity
from parity.steps.step_data import TrainingStep
from parity.steps.step_file import StepFile


def recorded(
    path: Path, model: Any, optimizer: Any, loop: Any, steps: int = 9
) -> list[TrainingStep]:
    with parity.recording_steps(path, model, optimizer, steps=steps) as observer:
        loop(observer)
    file = StepFile(path)
    return [file.step(number) for number in file.numbers]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run.parity"


def test_a_step_ends_when_every_optimizer_has_taken_one(path: Path) -> None:
    models = {"a": nn.Linear(2, 2), "b": nn.Linear(2, 2)}
    optimizers = {n: torch.optim.SGD(m.parameters(), lr=0.1) for n, m in models.items()}

    def loop(_: Any) -> None:
        for number in range(6):
            for name in ("a", "b") if number % 3 == 2 else ("a",):
                optimizers[name].zero_grad()
                models[name](torch.ones(1, 2)).sum().backward()
                optimizers[name].step()

    steps = recorded(path, models, optimizers, loop)
    assert [[s.optimizer for s in step.optimizer_steps] for step in steps] == [
        ["a", "a", "a", "b"],
        ["a", "a", "a", "b"],
    ]
    # Each call has the weights that the steps before it left.
    assert [call.version for call in steps[0].calls] == [0, 1, 2, 0]
    assert len(steps[0].weights["a"]) == 4


def test_accumulated_passes_belong_to_one_step(path: Path) -> None:
    model = nn.Linear(2, 1, bias=False)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

    def loop(_: Any) -> None:
        for _ in range(2):
            optimizer.zero_grad()
            for scale in (1.0, 2.0, 4.0):
                model(torch.full((1, 2), scale)).sum().backward()
            optimizer.step()

    (first, _) = recorded(path, model, optimizer, loop)
    (taken,) = first.optimizer_steps
    assert taken.passes == [0, 1, 2]
    np.testing.assert_array_equal(taken.gradients["weight"], [[7.0, 7.0]])
    np.testing.assert_array_equal(taken.given["weight"], [[7.0, 7.0]])


def test_gradients_that_were_not_set_to_zero_are_given_and_no_pass_of_the_step(path: Path) -> None:
    model = nn.Linear(2, 1, bias=False)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

    def loop(_: Any) -> None:
        for _ in range(2):
            model(torch.ones(1, 2)).sum().backward()
            optimizer.step()

    (_, second) = recorded(path, model, optimizer, loop)
    (taken,) = second.optimizer_steps
    np.testing.assert_array_equal(taken.gradients["weight"], [[1.0, 1.0]])
    np.testing.assert_array_equal(taken.given["weight"], [[2.0, 2.0]])


def test_the_gradients_of_outputs_are_kept_by_backward_pass(path: Path) -> None:
    model = nn.Linear(2, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

    def loop(_: Any) -> None:
        output = model(torch.ones(3, 2))
        optimizer.zero_grad()
        output.sum().backward(retain_graph=True)
        (2 * output).sum().backward()
        optimizer.step()

    (step,) = recorded(path, model, optimizer, loop)
    (call,) = step.calls
    assert {n: a[""].mean() for n, a in call.cotangents.items()} == {0: 1.0, 1: 2.0}
    assert [float(p.loss) for p in step.passes] == pytest.approx(
        [call.outputs[""].sum(), 2 * call.outputs[""].sum()]
    )


def test_batches_of_no_loader_are_kept_when_they_are_handed_over(path: Path) -> None:
    model = nn.Linear(2, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

    def loop(observer: Any) -> None:
        x, label = observer.batch((torch.ones(3, 2), [torch.arange(3)]))
        model(x).sum().backward()
        optimizer.step()
        assert label[0].tolist() == [0, 1, 2]

    (step,) = recorded(path, model, optimizer, loop)
    assert {label: a.shape for label, a in step.batches[0].items()} == {"0": (3, 2), "1.0": (3,)}


def test_inputs_are_named_as_the_forward_function_names_them(path: Path) -> None:
    class Net(nn.Linear):
        def forward(self, image: Any, *, t: Any, scale: float = 1.0) -> Any:
            return super().forward(image) + t["step"] * scale

    model = Net(2, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

    def loop(_: Any) -> None:
        model(torch.ones(3, 2), t={"step": torch.ones(1)}, scale=0.5).sum().backward()
        optimizer.step()

    (step,) = recorded(path, model, optimizer, loop)
    assert list(step.calls[0].inputs) == ["image", "t.step"]
    assert step.measures  # and the harness could call it again
    outputs = [m for s, m in step.measures.items() if s.quantity == "output"]
    assert all(m.float64 is not None for m in outputs)
