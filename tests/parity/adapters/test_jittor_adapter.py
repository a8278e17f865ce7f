"""Jittor against PyTorch through the whole engine; every model here is written by no one for it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from parity import Pair, Verdict, check
from parity.adapters.protocol import adapt
from parity.base.numerics import Array

jittor_env = pytest.importorskip("jittor_env")
jt = jittor_env.load()


class Torch(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(7, 6)
        self.norm = nn.LayerNorm(6)
        self.up = nn.Linear(6, 5)
        self.dropout = nn.Dropout(0.4)

    def forward(self, tokens: torch.Tensor, x: torch.Tensor) -> dict[str, torch.Tensor]:
        h = self.norm(self.embed(tokens) * 0.2 + x)
        h = self.dropout(torch.tanh(self.up(h)))
        return {"out": h.mean(1), "tied": h[:, 0] @ self.up.weight}


class Jittor(jt.nn.Module):  # type: ignore[name-defined]
    def __init__(self, fault: str = "") -> None:
        self.fault = fault
        self.embed = jt.nn.Embedding(7, 6)
        self.norm = jt.nn.LayerNorm(6, eps=1e-6 if fault == "epsilon" else 1e-5)
        self.up = jt.nn.Linear(6, 5)
        self.dropout = jt.nn.Dropout(0.4)

    def execute(self, tokens: Any, x: Any) -> dict[str, Any]:
        scale = 0.2 * (1 + 1e-7) if self.fault == "scale" else 0.2
        h = self.norm(self.embed(tokens) * scale + x)
        h = self.up(h)
        if self.fault == "cut":
            h = h.detach()
        h = self.dropout(jt.tanh(h))
        return {"out": h.mean(1), "tied": jt.matmul(h[:, 0], self.up.weight)}


def inputs(rng: np.random.Generator) -> dict[str, np.ndarray]:
    return {
        "tokens": rng.integers(0, 7, (3, 4)),
        "x": rng.standard_normal((3, 4, 6)).astype(np.float32),
    }


def pair(fault: str = "", **options: Any) -> Pair:
    settings: dict[str, Any] = {"stress_inputs": ("plain",), **options}
    return Pair(
        name="small", reference=Torch, candidate=lambda: Jittor(fault), inputs=inputs, **settings
    )


@pytest.mark.parametrize("training", [False, True])
def test_a_correct_port_agrees_with_dropout_and_python_scalars(training: bool) -> None:
    report = check(pair(training=training))
    assert report.verdict is Verdict.WITHIN_NOISE, str(report)


def test_an_evaluated_module_still_has_gradients() -> None:
    settled = pair()
    evaluated = Pair(**{**vars(settled), "candidate": lambda: Jittor().eval()})
    assert check(evaluated).passed


@pytest.mark.parametrize(
    ("fault", "path", "phase"),
    [
        ("epsilon", "norm", "forward"),
        ("scale", "", "forward"),
        ("cut", "", "backward"),
    ],
)
def test_a_planted_fault_is_found_in_its_place(fault: str, path: str, phase: str) -> None:
    first = check(pair(fault)).first_divergence
    assert first is not None
    assert (first.path, first.phase) == (path, phase)
    assert first.verdict is Verdict.SEMANTIC_DIFFERENCE
    assert first.confirmed


def weights_of(module: Any) -> dict[str, Array]:
    adapter = adapt(module)
    tensors = adapter.parameters() | adapter.buffers()
    return {path: adapter.to_numpy(tensor).copy() for path, tensor in tensors.items()}


@pytest.mark.parametrize("precision", [np.float32, np.float64])
def test_weights_go_over_and_back_bit_for_bit(precision: Any) -> None:
    values = {path: value.astype(precision) for path, value in weights_of(Torch()).items()}
    jittor_module, torch_module = Jittor(), Torch()
    adapt(jittor_module).assign(values)
    adapt(torch_module).assign(weights_of(jittor_module))
    for path, array in weights_of(torch_module).items():
        assert array.dtype == precision
        assert np.array_equal(array, values[path])


def test_nothing_is_left_changed_behind() -> None:
    module = Jittor()
    before = (jt.Var.__mul__, jt.mean, jt.nn.Dropout.execute, jt.flags.auto_convert_64_to_32)
    check(Pair(**{**vars(pair()), "candidate": lambda: module}))
    assert before == (jt.Var.__mul__, jt.mean, jt.nn.Dropout.execute, before[3])
    assert jt.flags.auto_convert_64_to_32 == before[3]
    assert "execute" not in vars(module)


@pytest.mark.parametrize(
    ("change", "output", "gradient"),
    [
        (lambda x: x.__iadd__(1.0), [2, 3, 4], [1, 1, 1]),
        (lambda x: (x.__setitem__(0, 0.0), x)[1], [0, 2, 3], [0, 1, 1]),
        (lambda x: (x.__setitem__(0, x[1] * 3), x)[1], [6, 2, 3], [0, 4, 1]),
        (lambda x: (x.assign(x * 2), x)[1], [2, 4, 6], [2, 2, 2]),
    ],
)
def test_what_a_model_changes_in_place_does_not_reach_the_source(
    change: Any, output: list[float], gradient: list[float]
) -> None:
    adapter = adapt(jt.nn.Linear(1, 1))
    source, passed = adapter.variable(np.array([1.0, 2.0, 3.0], np.float32))
    source.sync()
    changed = change(passed)
    taken: dict[int, np.ndarray] = {}
    adapter.vjp([(changed, np.ones(3, np.float32))], [source], taken.__setitem__)
    slope = taken[0]
    assert changed.numpy().tolist() == output
    assert source.numpy().tolist() == [1, 2, 3]
    assert slope.tolist() == gradient
