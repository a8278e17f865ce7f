"""The file runs by itself, and records what the package records."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from parity import Finding, Report, Verdict
from parity.bundle.write import write_bundle
from parity.cli import main
from parity.errors import CannotCompare
from parity.report.pages.html import page

MODEL = """
import torch
from torch import nn

def build():
    torch.manual_seed(0)
    first = nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4), nn.ReLU()
    return nn.Sequential(*first, nn.Flatten(), nn.Linear(16, 3))
"""
SCRIPT = """
import torch
from model import build

net = build()
optimizer = torch.optim.Adam(net.parameters())
for step in range(2):
    optimizer.zero_grad()
    net(torch.randn(2, 2, 4, 4)).square().mean().backward()
    optimizer.step()
"""


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundle")
    write_bundle(folder / "parity.pyz")
    (folder / "model.py").write_text(MODEL)
    (folder / "train.py").write_text(SCRIPT)
    return folder / "parity.pyz"


def run(bundle: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the bundle where the package itself cannot be found."""
    outside = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    return subprocess.run(
        [sys.executable, str(bundle), *words],
        capture_output=True,
        text=True,
        cwd=bundle.parent,
        env=outside,
    )


def test_equal_packages_are_equal_files(bundle: Path, tmp_path: Path) -> None:
    write_bundle(tmp_path / "again.pyz")
    assert (tmp_path / "again.pyz").read_bytes() == bundle.read_bytes()


def test_it_runs_its_own_modules(bundle: Path) -> None:
    code = (
        "import sys; sys.path.insert(0, 'parity.pyz'); import parity.pair as p; print(p.__file__)"
    )
    shown = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=bundle.parent
    )
    assert os.path.join("parity.pyz", "parity", "pair.py") in shown.stdout, shown.stderr


def test_its_records_are_those_of_the_package(
    bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(bundle.parent)
    words = ["record", "--reference", "model.py:build", "--input", "x=2,2,4,4"]
    assert main([*words, "--out", "own.parity"]) == 0
    done = run(bundle, *words, "--out", "bundle.parity")
    assert done.returncode == 0, done.stderr
    own, other = (zipfile.ZipFile(f"{name}.parity") for name in ("own", "bundle"))
    assert own.namelist() == other.namelist()
    for member in own.namelist():
        if member != "manifest.json":  # it has the settings of the process
            assert own.read(member) == other.read(member), member


def test_training_steps_cross_over(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(bundle.parent)
    done = run(bundle, "record-steps", "run.parity", "--", "python", "train.py")
    assert done.returncode == 0, done.stderr
    assert main(["check-steps", "run.parity", "--", "python", "train.py"]) == 0
    changed = SCRIPT.replace("Adam(net.parameters())", "Adam(net.parameters(), lr=2e-3)")
    (bundle.parent / "changed.py").write_text(changed)
    done = run(bundle, "check-steps", "run.parity", "--", "python", "changed.py")
    assert done.returncode == 1, done.stderr


def test_it_writes_the_page_of_a_report(bundle: Path, tmp_path: Path) -> None:
    report = Report(
        pair="p", findings=[Finding(path="a", phase="forward", verdict=Verdict.IDENTICAL,
                                    error=0.0, noise=1e-7)],
    )  # fmt: skip
    report.save(tmp_path / "parity.json")
    done = run(
        bundle, "explain", str(tmp_path / "parity.json"), "--html", str(tmp_path / "page.html")
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "page.html").read_text(encoding="utf-8") == page(report)


def test_what_it_cannot_do_is_one_line(bundle: Path) -> None:
    for words in (["atlas"], ["bundle", "again.pyz"], ["check", "gone.py"]):
        done = run(bundle, *words)
        assert done.returncode == 2
        assert len(done.stderr.splitlines()) == 1, done.stderr
        assert "please report" not in done.stderr


def test_a_file_that_cannot_be_written_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "taken").write_text("")
    assert main(["bundle", str(tmp_path / "taken" / "parity.pyz")]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_module_that_cannot_be_rewritten_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(text: str) -> str:
        raise ValueError("line 3 cannot be run by Python 3.8")

    monkeypatch.setattr("parity.bundle.write.for_python_38", refuse)
    with pytest.raises(CannotCompare, match=r"\.py: line 3 cannot be run"):
        write_bundle(tmp_path / "parity.pyz")
    assert not list(tmp_path.iterdir())
