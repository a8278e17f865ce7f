from __future__ import annotations

import json
from pathlib import Path

import pytest

from parity.cli import main

NETS = """\
import torch
from torch import nn
from parity import Pair

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 3)

    def forward(self, x):
        return self.linear(x).clamp(min=0.1), torch.special.expit(x)

def inputs(generator):
    return {"x": generator.standard_normal((2, 4)).astype("f")}

def unported():
    raise AssertionError("the port is never built")

net = Pair(name="net", reference=Net, candidate=unported, inputs=inputs)
again = Pair(name="again", reference=Net, candidate=unported, inputs=inputs)
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "nets.py").write_text(NETS)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--input", "x=2,4"], "--input, --training and --quick belong to --for"),
        (["--for", "nets.py:net", "--only", "norms"], "--only chooses groups of all operators"),
        (["--for", "nets.py"], "--for nets.py: name one pair, nets.py:PAIR; or a builder"),
        (["--for", "nets.py:net", "--training"], "--training belongs to --input"),
        (["--for", "nets.py:Net", "--input", "x=a"], "--input x=a: write [NAME=]"),
        (["--for", "none.py:net"], "none.py"),
        (["--for", "nets.py:Net"], "of a builder of a model say --input too"),
    ],
)
def test_bad_input_is_2_and_one_line(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], text: str
) -> None:
    assert main(["atlas", *arguments]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert text in lines[0]


def test_a_model_is_surveyed_before_it_is_ported(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = ["--json", "atlas.json", "--markdown", "atlas.md", "--quick"]
    assert main(["atlas", "--for", "nets.py:Net", "--input", "x=2,4", *files]) == 0
    impacts = {
        use["call"]: use["impact"] for use in json.loads(Path("atlas.json").read_text())["uses"]
    }
    assert impacts == {
        "nn.Linear(4, 3)": "NONE",
        "x.clamp(min=0.1)": "RAISES",
        "torch.special.expit(x)": "LACKING",
    }
    printed = capsys.readouterr().out
    assert "write: x.clamp(min_v=0.1)\n" in printed
    assert "nets.py:11" in printed
    assert "### `x.clamp(min=0.1)`" in Path("atlas.md").read_text()
