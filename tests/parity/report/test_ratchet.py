"""Only what was not noted fails, and what agrees must leave the file."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from parity import CannotCompare
from parity.cli import main
from parity.report.finding import Finding
from parity.report.ratchet import Ratchet, key
from parity.report.report import Report
from parity.verdict import Verdict

NETS = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self, eps=1e-5, slope=0.0, reverse=False):
        super().__init__()
        self.norm, self.head, self.slope = nn.LayerNorm(6, eps=eps), nn.Linear(6, 4), slope
        self.reverse = reverse

    def forward(self, x):
        x = nn.functional.leaky_relu(self.norm(x), self.slope)
        y = self.head(x)
        return y.flip(1) if self.reverse else y

def one():
    return Net(eps=1e-3)

def worse():
    return Net(eps=1e-1)

def two():
    return Net(eps=1e-3, reverse=True)
"""


def finding(error: float = 1e-3, verdict: Verdict = Verdict.SEMANTIC_DIFFERENCE) -> Finding:
    return Finding(path="a", phase="forward", verdict=verdict, error=error, noise=1e-16)


def report(*findings: Finding) -> Report:
    return Report(pair="p", findings=findings)


@pytest.fixture
def noted(tmp_path: Path) -> Ratchet:
    ratchet = Ratchet(tmp_path / "known.json")
    ratchet.note(report(finding(), replace(finding(), path="b")), strict=False)
    ratchet.save()
    return Ratchet(tmp_path / "known.json")


def test_what_is_as_it_was_passes(noted: Ratchet) -> None:
    same = report(finding(), replace(finding(1.9e-3), path="b"))
    assert noted.change(same, strict=False) == (2, [], [])


@pytest.mark.parametrize(
    "new",
    [
        replace(finding(), path="c"),
        replace(finding(), phase="backward"),
        replace(finding(), quantity="gradient"),
        replace(finding(), owner="x"),
        replace(finding(), call=1),
        replace(finding(), step=1, scope="step"),
        finding(2.1e-3),
        finding(float("nan")),
        finding(float("inf")),
        finding(verdict=Verdict.ERROR),
    ],
)
def test_another_place_or_a_worse_one_fails(new: Finding, noted: Ratchet) -> None:
    change = noted.change(report(new, replace(finding(), path="b")), strict=False)
    assert change.new == [new]
    assert change.noted == 1


def test_a_place_without_an_error_stays_noted(tmp_path: Path) -> None:
    ratchet = Ratchet(tmp_path / "known.json")
    unmeasured = finding(float("nan"), Verdict.ERROR)
    ratchet.note(report(unmeasured), strict=False)
    ratchet.save()
    assert Ratchet(ratchet.path).change(report(unmeasured), strict=False) == (1, [], [])


def test_a_place_that_agrees_must_leave(noted: Ratchet) -> None:
    agrees = replace(finding(), verdict=Verdict.IDENTICAL, error=0.0)
    change = noted.change(report(agrees, replace(finding(), path="b")), strict=False)
    assert change == (1, [], [key(finding())])
    noted.drop(report(agrees), change.gone)
    noted.save()
    assert list(Ratchet(noted.path).pairs["p"]) == [key(replace(finding(), path="b"))]


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", "[]", "{}", '{"schema": 2, "pairs": {}}', '{"schema": 1, "pairs": []}'),
        *('{"schema": 1, "pairs": {"p": {"k": ["FINE", 1]}}}',),
        *('{"schema": 1, "pairs": {"p": {"k": ["ERROR", "x"]}}}',),
        *('{"schema": 1, "pairs": {"p": {"k": 1}}}',),
    ],
)
def test_another_file_is_refused_in_one_line(text: str, tmp_path: Path) -> None:
    (tmp_path / "other.json").write_text(text)
    with pytest.raises(CannotCompare, match=r"other\.json") as raised:
        Ratchet(tmp_path / "other.json")
    assert len(str(raised.value).splitlines()) == 1


def test_a_port_on_its_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ratchet_nets.py").write_text(NETS)
    source = ["check", "--reference", "ratchet_nets.py:Net", "--input", "5,6"]

    def run(port: str, *words: str) -> int:
        # The pair's name has the port's, so that the file is told by another one.
        text = Path("known.json").read_text() if Path("known.json").exists() else ""
        if text:
            document = json.loads(text)
            (places,) = document["pairs"].values()
            name = f"ratchet_nets.py:Net against ratchet_nets.py:{port}"
            Path("known.json").write_text(json.dumps({**document, "pairs": {name: places}}))
        extra = ["--candidate", f"ratchet_nets.py:{port}", "--ratchet", "known.json"]
        return main([*source, *extra, *words])

    assert run("one") == 0
    assert "places noted; from now on others fail" in capsys.readouterr().out
    assert run("one") == 0
    assert run("two") == 1
    assert "not in known.json: " in capsys.readouterr().out
    assert run("worse") == 1
    before = Path("known.json").read_text()
    assert run("Net") == 1
    assert "agree now and must leave it" in capsys.readouterr().out
    assert Path("known.json").read_text().count("|") == before.count("|")
    assert run("Net", "--update-ratchet") == 0
    assert json.loads(Path("known.json").read_text())["pairs"] == {}
    assert main([*source, "--candidate", "ratchet_nets.py:one", "--ratchet", "known.json"]) == 1


def test_an_update_needs_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "x.py:y", "--update-ratchet"]) == 2
