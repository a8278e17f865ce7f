"""A run's random draws and low precisions are known by the module that has them."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn

from parity.adapters.protocol import adapt
from parity.nested.arguments import arguments_of
from parity.trace.bound_model import BoundModel
from parity.trace.end_to_end import run_end_to_end
from parity.trace.recorder import run_isolated
from parity.trace.sites import Tap
from parity.trace.trace import Draw, Run


class Noise(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + torch.randn(3, 2) + torch.randn(2) * float(np.random.random())


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear, self.noise = nn.Linear(2, 2), Noise()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.noise(self.linear(x)).half().float()


def traces(**settings: Any) -> list[Any]:
    net = Net()
    adapter = adapt(net)
    paths = {path: path for path in adapter.modules()}
    model = BoundModel("reference", adapter, paths, {p: p for p in adapter.parameters()}, {})
    weights = {p: adapter.to_numpy(t).copy() for p, t in adapter.parameters().items()}
    values: dict[str, Any] = {
        "inputs": arguments_of({"x": np.ones((3, 2), np.float32)}), "weights": weights,
        "precision": "float32",
        "training": False, "loss": None, "seed": 0, **settings,
    }  # fmt: skip
    return [run_isolated(model, Run(**values)), run_end_to_end(model, Run(**values))]


def test_draws_are_kept_by_module_in_an_isolated_run() -> None:
    isolated, complete = traces()
    drawn = [Draw("normal", 6), Draw("normal", 2), Draw("numpy", 0)]
    assert isolated.draws == {"noise": drawn}
    assert complete.draws == {"": drawn}


def test_shared_draws_are_kept_by_module_everywhere_and_are_equal() -> None:
    isolated, complete = traces(draws="shared")
    again = traces(draws="shared")[1]
    assert isolated.draws == complete.draws
    assert list(complete.draws) == ["noise"]
    assert again.draws == complete.draws


def test_what_precedes_a_draw_is_known() -> None:
    isolated = traces()[0]
    assert isolated.precedes_draws(Tap("noise", 0, "input", "x"), "noise")
    assert not isolated.precedes_draws(Tap("noise", 0, "output", ""), "noise")


def test_low_precision_is_kept_by_module() -> None:
    isolated, complete = traces()
    assert isolated.epsilons == {"": 2.0**-10}
    assert complete.epsilons == {"": 2.0**-10}
    assert traces(precision="float64")[0].epsilons == {}


def test_the_process_keeps_its_generators() -> None:
    torch.manual_seed(1)
    Net()  # building draws weights
    np.random.seed(1)
    expected = torch.rand(1), np.random.random()
    torch.manual_seed(1)
    np.random.seed(1)
    traces()
    assert (torch.rand(1), np.random.random()) == expected
