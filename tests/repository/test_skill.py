"""SKILL.md, for coding assistants, names only what exists, and its commands run."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import parity.pair
from parity import Finding, Report
from parity.cli import _parser
from parity.diagnose.next_steps import REFUSALS
from parity.report.json import to_dict
from parity.report.known_divergences import DIVERGENCES
from parity.verdict import Cause, Verdict

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "SKILL.md").read_text(encoding="utf-8")
OUTSIDE = re.sub(r"^ *```.*?^ *```", "", TEXT, flags=re.S | re.M)
QUOTED = re.findall(r"`([^`\n]+)`", OUTSIDE)
OF_PYTEST = {"--pair"}
NETS = """
import torch


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = torch.nn.Conv2d(3, 4, 3)

    def forward(self, x):
        return torch.relu(self.conv(x))


def build():
    return Net()
"""
# What `parity init` reads; nothing of it runs.
IN_JITTOR = NETS.replace("import torch", "import jittor").replace("torch.", "jittor.")
TRAINING = """
import torch
from nets import build

torch.manual_seed(0)
net = build()
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
for step in range(3):
    loss = net(torch.full((2, 3, 8, 8), 1.0 + step)).square().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""


def section(title: str) -> str:
    found = TEXT.partition(f"## {title}\n")[2].partition("\n## ")[0]
    assert found, title
    return found


def blocks(language: str) -> list[str]:
    found = re.findall(rf"^( *)```{language}\n(.*?)^ *```", TEXT, flags=re.S | re.M)
    return [re.sub(rf"^{indent}", "", block, flags=re.M) for indent, block in found]


def first_column(title: str) -> list[str]:
    rows = [line.split("|")[1] for line in section(title).splitlines() if line.startswith("| `")]
    return [word for row in rows for word in re.findall(r"`([^`]+)`", row)]


def test_the_front_matter_is_what_assistants_read() -> None:
    start, front, _ = TEXT.split("---\n", 2)
    values = yaml.safe_load(front)
    assert not start
    assert set(values) == {"name", "description"}
    assert re.fullmatch(r"[a-z0-9-]{1,64}", values["name"])
    assert 0 < len(values["description"]) <= 1024
    assert len(TEXT.splitlines()) < 200


def test_every_option_exists() -> None:
    actions = _parser()._actions
    commands = next(a for a in actions if isinstance(a, argparse._SubParsersAction)).choices
    known = {name for command in commands.values() for name in command._option_string_actions}
    used = set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", TEXT))
    assert {"--json", "--repro", "--ratchet", "--against", "--for"} <= used
    assert used <= known | OF_PYTEST


def test_every_field_exists() -> None:
    texts = {"tensor", "reason", "allowed"}  # made from the fields
    of_finding = {field.name for field in dataclasses.fields(Finding)} | texts
    of_report = set(to_dict(Report(pair="p", findings=())))
    assert set(first_column("Reading parity.json")) <= of_finding
    head = section("Reading parity.json").partition("| field |")[0]
    assert set(re.findall(r"`(\w+)`", head)) <= of_report
    assert {"path", "segment", "known", "cause"} <= set(first_column("Reading parity.json"))


def test_every_code_exists() -> None:
    words = set(re.findall(r"\b[A-Z][A-Z0-9]+(?:_[A-Z0-9]+)*\b", " ".join(QUOTED)))
    named = {word for word in words if "_" in word or word in Verdict.__members__ | {"SHAPE": 0}}
    assert {"SHAPE", "IDENTICAL", "MISSING_IN_CANDIDATE"} <= named
    assert named <= {*Verdict.__members__, *Cause.__members__}
    assert set(first_column("From the cause to the first try")) - {"cause"} <= {*Cause.__members__}
    assert set(re.findall(r"`\[([a-z-]+)\]`", TEXT)) <= set(REFUSALS)


def test_every_known_divergence_is_named_and_no_other() -> None:
    listed = section("Known divergences, by name").partition("your-own-models.md`.")[2]
    assert re.findall(r"`([^`]+)`", listed) == list(DIVERGENCES)


def test_every_argument_of_a_pair_exists() -> None:
    fields = {field.name for field in dataclasses.fields(parity.pair.Pair)}
    calls = {m for quoted in QUOTED for m in re.findall(r"^(\w+)=[{\"TF]", quoted)}
    assert {"accept", "random", "training"} <= calls
    assert calls - {"mode"} <= fields  # of interpolate


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name in ("nets.py", "port.py"):  # one framework here, which is quick
        (tmp_path / name).write_text(NETS)
    for name in ("train.py", "train_jittor.py"):
        (tmp_path / name).write_text(TRAINING)
    (tmp_path / "in_jittor.py").write_text(IN_JITTOR)
    return tmp_path


def commands() -> list[str]:
    lines = [line for block in blocks("sh") for line in block.splitlines()]
    assert all(line.startswith("parity ") for line in lines)
    return lines


def run(command: str, project: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    words = [sys.executable, "-m", *shlex.split(command)]
    return subprocess.run(
        words, cwd=project, env=environment, capture_output=True, text=True, check=False
    )


def test_the_commands_run_one_after_the_other(project: Path) -> None:
    names = [line.split()[1] for line in commands()]
    assert names == [
        *("atlas", "init", "tree", "check", "record-steps", "check-steps", "record", "check"),
    ]
    for command in commands():
        done = run(command, project)
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        if "init" in command:
            assert "Pair(" in (project / "my_pairs.py").read_text()
            (source,) = blocks("python")
            (project / "my_pairs.py").write_text(source)
    report = json.loads((project / "parity.json").read_text())
    assert report["passed"] is True
    assert report["pair"] == "net"


def test_a_port_that_differs_leaves_the_fields_that_decide(project: Path) -> None:
    (source,) = blocks("python")
    (project / "my_pairs.py").write_text(source)
    (project / "port.py").write_text(NETS.replace("torch.relu", "torch.tanh"))
    (command,) = [line for line in commands() if "check" in line and "--json" in line]
    assert run(command, project).returncode == 1
    first = json.loads((project / "parity.json").read_text())["first_divergence"]
    assert set(first_column("Reading parity.json")) <= set(first)
    assert (first["verdict"], first["phase"]) == ("SEMANTIC_DIFFERENCE", "forward")
    assert first["segment"]["before"] == {"port": "output", "path": "conv"}
