"""Files as the other commands write them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from parity.cli import main

PAIRS = """\
import torch
from torch import nn
from parity import Pair

class Net(nn.Module):
    def __init__(self, slope=0.0):
        super().__init__()
        self.linear, self.slope = nn.Linear(4, 3), slope

    def forward(self, x):
        return nn.functional.leaky_relu(self.linear(x), self.slope)

def inputs(generator):
    return {"x": generator.standard_normal((5, 4)).astype("f")}

right = Pair(name="right", reference=Net, candidate=Net, inputs=inputs)
wrong = Pair(name="wr|ong", reference=Net, candidate=lambda: Net(0.1), inputs=inputs)
"""
BENCHMARKS = {
    "machine_info": {"system": "Linux", "python_version": "3.11", "cpu": {"brand_raw": "A CPU"}},
    "benchmarks": [
        {"group": "step", "name": "torch", "stats": {"median": 2.0}},
        {"group": "step", "name": "jittor", "stats": {"median": 1.0}},
        {"group": "turns", "name": "b", "stats": {"median": 1.0}, "extra_info": {
            "benchmark": "sampling", "implementation": "jittor", "base": "torch",
            "ratio": {"low": 0.8, "median": 0.9, "high": 1.1}}},
    ],
}  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with right.json, wrong.json, losses.json, bench.json and a picture."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pairs.py").write_text(PAIRS)
    assert main(["check", "pairs.py:right", "--json", "right.json"]) == 0
    assert main(["check", "pairs.py:wrong", "--json", "wrong.json"]) == 1
    for name, last in (("a", 0.25), ("b", 0.26)):
        (tmp_path / f"{name}.csv").write_text(f"step,loss\n1,1.5\n2,{last}\n")
    main(["losses", "a.csv", "b.csv", "--json", "losses.json"])
    (tmp_path / "bench.json").write_text(json.dumps(BENCHMARKS))
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "loss curves.png").write_bytes(b"\x89PNG")
    return tmp_path
