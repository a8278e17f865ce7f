"""Steps of a loop in a file; the loop's numbers stay what they are."""

from __future__ import annotations

import copy
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

import parity
from parity.steps.step_file import StepFile


class Net(nn.Module):
    """Has everything that keeps state or draws numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3)
        self.bn = nn.BatchNorm2d(4)
        self.drop = nn.Dropout(0.3)
        self.head = nn.Linear(4, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.relu(self.bn(self.conv(x))).mean((2, 3))
        return self.head(self.drop(x) + 0.1 * torch.randn_like(x))


class Loop:
    """A loop with momentum, a scheduler, clipping, and an average of the weights."""

    def __init__(self, optimizer: Any = torch.optim.Adam) -> None:
        torch.manual_seed(0)
        self.model = Net()
        self.average = copy.deepcopy(self.model)
        self.optimizer = optimizer(self.model.parameters(), lr=0.01)
        self.scheduler = torch.optim.lr_scheduler.ExponentialLR(self.optimizer, 0.9)
        images = torch.randn(20, 1, 6, 6)
        data = torch.utils.data.TensorDataset(images, torch.arange(20) % 3)
        self.loader = torch.utils.data.DataLoader(data, batch_size=4, shuffle=True)

    def run(self, steps: int = 4) -> list[float]:
        losses = []
        for _, (image, label) in zip(range(steps), self.loader, strict=False):
            self.optimizer.zero_grad()
            loss = F.cross_entropy(self.model(image), label)
            loss.backward()
            nn.utils.clip_grad_norm_(self.model.parameters(), 0.1)
            self.optimizer.step()
            self.scheduler.step()
            with torch.no_grad():
                for mean, weight in zip(
                    self.average.parameters(), self.model.parameters(), strict=True
                ):
                    mean.lerp_(weight, 0.1)
            losses.append(loss.item())
        return losses

    def state(self) -> list[bytes]:
        tensors = [*self.model.state_dict().values(), *self.average.state_dict().values()]
        tensors += [p.grad for p in self.model.parameters() if p.grad is not None]
        for own in self.optimizer.state.values():
            tensors += [v for v in own.values() if isinstance(v, torch.Tensor)]
        return [*(t.detach().numpy().tobytes() for t in tensors), torch.get_rng_state().numpy()]


OPTIMIZERS = [
    *(torch.optim.Adam, torch.optim.AdamW, torch.optim.SGD, torch.optim.RMSprop),
    *(torch.optim.Adadelta, torch.optim.Adagrad, torch.optim.Adamax, torch.optim.NAdam),
    *(torch.optim.RAdam, torch.optim.Rprop, torch.optim.ASGD),
    partial(torch.optim.Adam, amsgrad=True),
    partial(torch.optim.SGD, momentum=0.9, nesterov=True),
    partial(torch.optim.RMSprop, momentum=0.9),
    partial(torch.optim.RMSprop, centered=True),
]


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_recording_changes_no_bit_of_a_run(tmp_path: Path, optimizer: Any) -> None:
    plain = Loop(optimizer)
    expected = plain.run()
    watched = Loop(optimizer)
    path = tmp_path / "run.parity"
    with parity.recording_steps(
        path, watched.model, watched.optimizer, average=watched.average, steps=[0, 2]
    ):
        losses = watched.run()
    assert losses == expected
    for own, other in zip(watched.state(), plain.state(), strict=True):
        np.testing.assert_array_equal(own, other)
    assert StepFile(path).numbers == [0, 2]


def test_everything_is_put_back_after_the_block(tmp_path: Path) -> None:
    loop = Loop()
    backward, iterate = torch.autograd.backward, torch.utils.data.DataLoader.__iter__
    with parity.recording_steps(tmp_path / "run.parity", loop.model, loop.optimizer, steps=1):
        loop.run(2)
    assert torch.autograd.backward is backward
    assert torch.utils.data.DataLoader.__iter__ is iterate
    assert "forward" not in vars(loop.model)
    assert not loop.optimizer._optimizer_step_pre_hooks
    assert not torch.overrides._get_current_function_mode_stack()


def test_the_file_holds_what_the_loop_computed(tmp_path: Path) -> None:
    loop = Loop(torch.optim.SGD)
    before = loop.model.conv.weight.detach().numpy().copy()
    path = tmp_path / "run.parity"
    with parity.recording_steps(path, loop.model, loop.optimizer, steps=1):
        (loss,) = loop.run(1)
    step = StepFile(path).step(0)
    (taken,) = step.optimizer_steps
    assert step.passes[0].loss == np.float32(loss)
    np.testing.assert_array_equal(step.weights[""][0]["conv.weight"], before)
    np.testing.assert_array_equal(
        taken.weights_after["conv.weight"], loop.model.conv.weight.detach().numpy()
    )
    # Momentum-free SGD, and the norm that clipping leaves.
    np.testing.assert_allclose(
        taken.weights_after["head.bias"],
        taken.weights_before["head.bias"] - 0.01 * taken.given["head.bias"],
        rtol=1e-6,
    )
    norm = np.sqrt(sum((g.astype(float) ** 2).sum() for g in taken.given.values()))
    assert norm == pytest.approx(0.1, rel=1e-3)
    assert np.sqrt(sum((g.astype(float) ** 2).sum() for g in taken.gradients.values())) > 0.1
    assert taken.rates["conv.weight"] == 0.01
    assert step.rates_after[""]["conv.weight"] == pytest.approx(0.009)
    assert [family for family, _ in step.draws] == ["dropout", "normal"]
    assert step.batches[0]["0"].shape == (4, 1, 6, 6)


def test_calls_for_evaluation_are_no_part_of_training(tmp_path: Path) -> None:
    loop = Loop()
    with parity.recording_steps(tmp_path / "run.parity", loop.model, loop.optimizer, steps=2):
        loop.run(1)
        loop.model.eval()
        with torch.no_grad():
            loop.model(torch.randn(2, 1, 6, 6))
            for _ in loop.loader:
                pass
        loop.model.train()
        loop.run(1)
    recorded = StepFile(tmp_path / "run.parity")
    assert [len(recorded.step(n).calls) for n in recorded.numbers] == [1, 1]
    assert [len(recorded.step(n).batches) for n in recorded.numbers] == [1, 1]


def test_only_complete_steps_are_kept_and_none_is_an_error(tmp_path: Path) -> None:
    loop = Loop()
    path = tmp_path / "run.parity"
    with (
        pytest.raises(parity.CannotCompare, match="no step 0 was completed"),
        parity.recording_steps(path, loop.model, loop.optimizer, steps=1),
    ):
        loop.model(torch.randn(2, 1, 6, 6)).sum().backward()
    assert not path.exists()


def test_a_loop_that_raises_leaves_no_file(tmp_path: Path) -> None:
    loop = Loop()
    loop.scheduler.step = lambda: 1 / 0  # type: ignore[assignment, method-assign, return-value]
    with (
        pytest.raises(ZeroDivisionError),
        parity.recording_steps(tmp_path / "run.parity", loop.model, loop.optimizer, steps=1),
    ):
        loop.run(2)
    assert not list(tmp_path.iterdir())
    assert "forward" not in vars(loop.model)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_the_same_loop_agrees_with_its_own_record(tmp_path: Path, optimizer: Any) -> None:
    loop, path = Loop(optimizer), tmp_path / "run.parity"
    with parity.recording_steps(path, loop.model, loop.optimizer, steps=3):
        loop.run(3)
    again = Loop(optimizer)
    with parity.replaying_steps(path, again.model, again.optimizer) as judge:
        again.run(3)
    assert judge.report.passed, str(judge.report)


def test_a_loss_that_is_no_number_is_recorded_and_fails(tmp_path: Path) -> None:
    def run(model: nn.Module, optimizer: torch.optim.Optimizer, factor: float) -> None:
        (model(torch.ones(2, 3)) * factor).sum().backward()
        optimizer.step()

    model = nn.Linear(3, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    path = tmp_path / "run.parity"
    with parity.recording_steps(path, model, optimizer, steps=1):
        run(model, optimizer, float("nan"))
    fresh = nn.Linear(3, 2)
    other = torch.optim.SGD(fresh.parameters(), lr=0.1)
    with parity.replaying_steps(path, fresh, other) as judge:
        run(fresh, other, 1.0)
    assert not judge.report.passed


def test_a_dictionary_of_tensors_is_an_average(tmp_path: Path) -> None:
    loop = Loop()
    average = {name: t.detach().clone() for name, t in loop.model.named_parameters()}
    path = tmp_path / "run.parity"
    with parity.recording_steps(path, loop.model, loop.optimizer, steps=1, average=average):
        loop.run(1)
    kept = StepFile(path).step(0).averages_after[""]
    assert list(kept) == list(average)


class NeedsItsScript(nn.Module):
    """Cannot be called again with the same arguments alone."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.ready = nn.Linear(3, 2), False

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not self.ready:
            raise RuntimeError("not ready")
        self.ready = False
        return self.layer(x)


def test_what_cannot_be_run_again_is_judged_in_float32_and_said_so(tmp_path: Path) -> None:
    path = tmp_path / "run.parity"

    def run(scale: float) -> Any:
        torch.manual_seed(0)
        model = NeedsItsScript()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        block: Any = parity.replaying_steps if path.exists() else parity.recording_steps
        with block(path, model, optimizer) as judge:
            for _ in range(3):
                optimizer.zero_grad()
                model.ready = True
                (scale * model(torch.ones(4, 3))).square().mean().backward()
                optimizer.step()
        return judge

    run(1.0)
    report = run(1.0).report
    assert report.passed
    assert any("float32 alone" in note and "not ready" in note for note in report.notes)
    assert not run(1.001).report.passed


@pytest.mark.parametrize("steps", [0, -1, [], [-2]])
def test_steps_must_be_some(tmp_path: Path, steps: Any) -> None:
    loop = Loop()
    with (
        pytest.raises(parity.CannotCompare, match="give how many"),
        parity.recording_steps(tmp_path / "x", loop.model, loop.optimizer, steps=steps),
    ):
        pass
