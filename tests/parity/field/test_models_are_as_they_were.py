"""People hold on to the models that they compare, and find them afterwards as they were."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from parity import CannotCompare, Pair, check


class Model(nn.Module):
    def __init__(self, fails: bool = False) -> None:
        super().__init__()
        self.fails, self.calls = fails, 0
        self.conv, self.batch, self.drop = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Dropout(0.3)
        self.register_buffer("steps", torch.zeros(1), persistent=False)
        self.table = torch.ones(3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.steps += 1
        self.calls += 1
        self.table[0] += 1
        if self.fails and x.dtype == torch.float64:
            raise KeyboardInterrupt if self.fails == "ctrl-c" else ValueError("no")
        return self.drop(self.batch(self.conv(x)))


def inputs(rng: np.random.Generator) -> dict[str, Any]:
    return {"x": rng.standard_normal((2, 3, 6, 6), np.float32)}


def left(model: Model) -> dict[str, Any]:
    """Return everything that a user could notice."""
    tensors = {**model.state_dict(), "steps": model.steps, "table": model.table}
    return {
        **{name: (t.dtype, t.data_ptr(), t.tolist()) for name, t in tensors.items()},
        "modes": [m.training for m in model.modules()],
        "forward": ["forward" in vars(m) for m in model.modules()],
        "needs": [p.requires_grad for p in model.parameters()],
        "grads": [p.grad for p in model.parameters()],
        "hooks": [p._backward_hooks for p in model.parameters()],
        "calls": model.calls,
        "globals": (torch.get_default_dtype(), torch.is_grad_enabled()),
        "generators": (
            torch.get_rng_state().tolist(), np.random.get_state()[1].tolist(), random.getstate(),
        ),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("fails", "raised"),
    [(False, None), (True, CannotCompare), ("ctrl-c", KeyboardInterrupt)],
)
def test_models_are_as_they_were(fails: Any, raised: Any) -> None:
    reference, candidate = Model(), Model(fails)
    reference.eval()
    candidate.conv.weight.grad = torch.ones(4, 3, 3, 3)
    pair = Pair(
        name="mine", reference=lambda: reference, candidate=lambda: candidate, inputs=inputs,
        training=True, stress_inputs=("plain",),
        loss=lambda y: (y * y).sum(),
        optimizer={"torch": lambda parameters: torch.optim.SGD(parameters, 0.1)},
    )  # fmt: skip
    before = left(reference), left(candidate)
    if raised is None:
        assert check(pair).passed
    else:
        with pytest.raises(raised):
            check(pair)
    assert [*map(str, before)] == [str(left(reference)), str(left(candidate))]


class Named(nn.Sequential):
    """Calls its argument as Jittor's class does."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x)


def test_a_jittor_model_is_as_it_was() -> None:
    jt = pytest.importorskip("jittor")
    model = jt.nn.Sequential(jt.nn.Linear(3, 3), jt.nn.BatchNorm1d(3), jt.nn.Tanh())
    model.eval()
    pair = Pair(
        name="mine",
        reference=lambda: Named(nn.Linear(3, 3), nn.BatchNorm1d(3), nn.Tanh()),
        candidate=lambda: model,
        inputs=lambda rng: {"x": rng.standard_normal((4, 3), np.float32)},
        stress_inputs=("plain",),
    )

    def left() -> list[Any]:
        return [
            [
                (n, str(v.dtype), v.is_stop_grad(), v.tolist())
                for n, v in model.state_dict().items()
            ],
            [m.is_training() for m in model.modules()],
            ["execute" in vars(m) for m in model.modules()],
            jt.flags.auto_convert_64_to_32,
        ]

    before = left()
    check(pair)
    assert left() == before
