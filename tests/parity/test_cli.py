from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from parity.cli import main

ROOT = Path(__file__).parents[2]
PAIRS = """
import numpy as np
from torch import nn
from parity import Pair

def inputs(rng):
    return {"input": rng.standard_normal((4, 3), np.float32)}

def pair(name, candidate):
    return Pair(name=name, reference=lambda: nn.Sequential(nn.Linear(3, 3), nn.Tanh()),
                candidate=candidate, inputs=inputs, stress_inputs=("plain",))

good = pair("good", lambda: nn.Sequential(nn.Linear(3, 3), nn.Tanh()))
bad = pair("bad", lambda: nn.Sequential(nn.Linear(3, 3), nn.Sigmoid()))
broken = pair("broken", lambda: 1 / 0)
several = [broken, good]
number = 3
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    name = f"pairs_{tmp_path.name}"
    (tmp_path / f"{name}.py").write_text(PAIRS)
    (tmp_path / "file").write_text("no folder")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    return Path(name)


def test_agreement_is_0_and_disagreement_1(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", f"{project}:good", "--json", "good.json", "--html", "good.html"]) == 0
    assert capsys.readouterr().out.startswith("good: agree (IDENTICAL")
    assert Path("good.html").read_text().startswith("<!doctype html>")
    assert main(["check", f"{project}:bad", "--json", "bad.json"]) == 1
    shown = capsys.readouterr().out
    assert "at 1, forward: output" in shown
    assert main(["explain", "bad.json"]) == 1
    assert capsys.readouterr().out == shown
    assert main(["explain", "good.json"]) == 0


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["check", "nowhere_at_all:x"], "nowhere_at_all cannot be imported: ModuleNotFoundError"),
        (["check", "PROJECT:absent"], "has no attribute 'absent'; its pairs: good, bad, broken"),
        (
            ["check", "PROJECT:number"],
            "holds int, and a parity.Pair, Trajectory or Tables is needed",
        ),
        (["check", "PROJECT:broken"], "the candidate's builder raised ZeroDivisionError"),
        (
            ["check", "PROJECT:good", "--json", "file/x.json"],
            "file cannot be written into: it is a file",
        ),
        (["check", "PROJECT:good", "--html", "file/x.html"], "file cannot be written into"),
        (["check", "PROJECT:bad", "--repro", "file/x.py"], "file cannot be written into"),
        (["check", "PROJECT:several", "--json", "x.json"], "take one pair, and 2 were named"),
        (["explain", "absent.json"], "absent.json cannot be read: FileNotFoundError"),
    ],
)
def test_what_cannot_be_compared_is_2_and_one_line(
    arguments: list[str], text: str, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([word.replace("PROJECT", str(project)) for word in arguments]) == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("parity: ")]
    assert len(lines) == 1
    assert text in lines[0]


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ([], "parity: the following arguments are required: COMMAND; see parity --help"),
        (["check"], "parity check: the following arguments are required: MODULE:ATTRIBUTE; see"),
        (["check", "a:b", "--seed", "x"], "argument --seed: invalid int value: 'x'; see parity"),
    ],
)
def test_wrong_usage_is_2_and_one_line(
    arguments: list[str], line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    shown = capsys.readouterr().err
    assert line in shown
    assert len(shown.splitlines()) == 1


def test_a_crash_in_one_pair_does_not_stop_the_others(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", f"{project}:several"]) == 2
    assert "good: agree" in capsys.readouterr().out


def test_the_engine_works_without_this_projects_models(tmp_path: Path) -> None:
    """Copy the harness alone and compare a pair in a fresh process."""
    for package in ("safe_files", "parity"):
        for source in (ROOT / package).rglob("*.py"):
            if not source.name.startswith("test_"):
                copy = tmp_path / source.relative_to(ROOT)
                copy.parent.mkdir(parents=True, exist_ok=True)
                copy.write_text(source.read_text())
    (tmp_path / "mine.py").write_text(PAIRS)
    command = (
        "import sys, parity.cli; status = parity.cli.main(['check', 'mine:good']);"
        "assert 'jittor' not in sys.modules or not status;"
        "assert not {'ddpm', 'impl_torch', 'impl_jittor'} & set(sys.modules); sys.exit(status)"
    )
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    run = subprocess.run(
        [sys.executable, "-P", "-c", f"import sys; sys.path.insert(0, '.'); {command}"],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    assert "good: agree" in run.stdout


def test_importing_the_plugin_imports_no_framework_and_no_numpy() -> None:
    code = (
        "import sys, parity.plugin;"
        "sys.exit(bool({'numpy', 'torch', 'jittor', 'ddpm'} & set(sys.modules)))"
    )
    root = Path(__file__).parents[2]
    assert subprocess.run([sys.executable, "-c", code], cwd=root, check=False).returncode == 0


def test_the_script_shows_the_fault_and_not_when_it_is_fixed(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", f"{project}:bad", "--repro", "show.py"]) == 1
    text = Path("show.py").read_text()
    assert len(text.splitlines()) <= 40
    run = [sys.executable, "show.py"]
    shown = subprocess.run(run, capture_output=True, text=True, check=False)
    assert shown.returncode == 1, shown.stderr
    assert "largest difference" in shown.stdout
    source = Path(f"{project}.py")
    source.write_text(source.read_text().replace("nn.Sigmoid()", "nn.Tanh()"))
    fixed = subprocess.run(run, capture_output=True, text=True, check=False)
    assert fixed.returncode == 0, fixed.stderr


def test_no_script_is_written_where_there_is_nothing_to_show(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", f"{project}:good", "--repro", "show.py"]) == 0
    assert "nothing to show" in capsys.readouterr().err
    assert not Path("show.py").exists()
