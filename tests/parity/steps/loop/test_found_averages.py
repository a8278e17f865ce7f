"""Averages of the weights in a running script."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from parity.adapters.torch_adapter import TorchAdapter
from parity.steps.loop.found_averages import found_averages
from parity.steps.recording import record_script
from parity.steps.replaying import check_script
from parity.steps.step_file import StepFile


def model() -> nn.Module:
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))


class Shadow:
    def __init__(self, module: nn.Module) -> None:
        self.shadow = {n: p.detach().clone() for n, p in module.named_parameters()}


MAKERS: dict[str, Any] = {
    "deepcopy": copy.deepcopy,
    "AveragedModel": torch.optim.swa_utils.AveragedModel,
    "dictionary": Shadow,
}


@pytest.mark.parametrize("name", MAKERS)
def test_a_copy_is_an_average(name: str) -> None:
    own = model()
    average = MAKERS[name](own)
    assert len(found_averages(TorchAdapter(own))) == 1
    del average


def test_other_things_are_none() -> None:
    own = model()
    others = [model(), nn.Linear(3, 4), nn.Sequential(own), Shadow(model())]
    state = {n: t.clone() for n, t in own.state_dict().items()}  # in no object
    changed = copy.deepcopy(own)
    with torch.no_grad():
        changed.get_parameter("0.weight").add_(1e-3)
    assert found_averages(TorchAdapter(own)) == []
    del others, state


SCRIPT = """
import copy, torch
from torch import nn
torch.manual_seed(0)
net = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))
MAKE
optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
for step in range(4):
    loss = net(torch.randn(5, 3)).square().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    UPDATE
"""
KINDS = {
    "a copy": (
        "ema = copy.deepcopy(net)",
        "[a.data.lerp_(w.data, 0.1) for a, w in zip(ema.parameters(), net.parameters())]",
    ),
    "AveragedModel": (
        "ema = torch.optim.swa_utils.AveragedModel(net, "
        "multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.1))",
        "ema.update_parameters(net)",
    ),
    "a class": (
        "class EMA: pass\nema = EMA()\n"
        "ema.average = {n: p.detach().clone() for n, p in net.named_parameters()}",
        "[ema.average[n].lerp_(p.detach(), 0.1) for n, p in net.named_parameters()]",
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_average_of_a_script_is_judged(kind: str, tmp_path: Path) -> None:
    make, update = KINDS[kind]

    def script(update: str) -> str:
        path = tmp_path / f"train{len(list(tmp_path.iterdir()))}.py"
        path.write_text(SCRIPT.replace("MAKE", make).replace("UPDATE", update))
        return str(path)

    record_script(tmp_path / "run.parity", [script(update)], steps=range(3))
    assert StepFile(tmp_path / "run.parity").manifest["averages"] == ["Sequential"]
    report = check_script(tmp_path / "run.parity", [script(update)])
    assert report.passed, str(report)
    for wrong in ("pass", update.replace("0.1", "0.2") if "0.1" in update else "pass"):
        first = check_script(tmp_path / "run.parity", [script(wrong)]).first_divergence
        assert first is not None
        assert first.phase == "average"
