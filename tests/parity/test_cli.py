from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from parity import cli
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
two = [good, bad]

def tanh():
    return nn.Sequential(nn.Linear(3, 3), nn.Tanh())

class Sigmoid(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Linear(3, 3), nn.Sigmoid())
number = 3
"""
BOTH = ["--reference", "PROJECT.py:tanh", "--candidate", "PROJECT:Sigmoid"]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    name = f"pairs_{tmp_path.name}"
    (tmp_path / f"{name}.py").write_text(PAIRS)
    (tmp_path / "file").write_text("no folder")
    (tmp_path / "leaves.py").write_text("import sys; sys.exit(0)")
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
        (
            ["check", "nowhere_at_all:x"],
            "nowhere_at_all cannot be imported: it raised ModuleNotFoundError",
        ),
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
        (["check", "PROJECT:several", "--json", "file"], "file is a file, and a folder is needed"),
        (["check"], "nothing to compare: name a pair, or --reference and --candidate"),
        (["check", "PROJECT.py:absent"], "has no attribute 'absent'; its pairs: good, bad, broken"),
        (["check", "nowhere/pairs.py"], "nowhere/pairs.py does not exist"),
        (["check", "leaves.py"], "leaves.py cannot be imported: it raised SystemExit: 0"),
        (["check", "--reference", "PROJECT:tanh"], "--reference and --candidate go together"),
        (["check", "--input", "x=2"], "--input and --rename belong to --reference and"),
        (["check", *BOTH], "--input is missing: say the inputs' shapes"),
        (["check", *BOTH, "--input", "x=two"], "--input x=two: write [NAME=][DTYPE[<LIMIT]:]SHAPE"),
        (
            ["check", *BOTH, "--input", "x=no:2"],
            "--input x=no:2: write [NAME=][DTYPE[<LIMIT]:]SHAPE",
        ),
        (["check", *BOTH, "--input", "x=2", "--input", "3"], "give all inputs a name, or none"),
        (["check", *BOTH, "--input", "4,3", "--rename", "a"], "write REFERENCE=CANDIDATE"),
        (["check", "--reference", "PROJECT", "--candidate", "PROJECT", "--input", "3"], "name one"),
        (["explain", "absent.json"], "absent.json does not exist"),
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
        (["chek"], "parity: there is no COMMAND 'chek': the nearest is 'check'; see parity --help"),
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


def run(project: Path, *words: str) -> int:
    return main([word.replace("PROJECT", str(project)) for word in words])


@pytest.mark.parametrize("pair", ["PROJECT.py:good", "./PROJECT.py:good"])
def test_a_file_is_named_by_its_path(
    pair: str, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(project, "check", pair) == 0
    assert capsys.readouterr().out.startswith("good: agree")


def test_files_of_one_name_in_two_folders_are_told_apart(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for folder in ("a", "b"):
        Path(folder).mkdir()
        text = PAIRS.replace('pair("good"', f'pair("good in {folder}"')
        Path(folder, "pairs.py").write_text(text)
    assert run(project, "check", "a/pairs.py:good", "b/pairs.py:good") == 0
    shown = capsys.readouterr().out
    assert "good in a: agree" in shown
    assert "good in b: agree" in shown


def test_two_builders_and_a_shape_are_enough(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(project, "check", *BOTH, "--input", "4,3") == 1
    assert "at 1, forward: output" in capsys.readouterr().out
    same = ["--reference", "PROJECT:tanh", "--candidate", "PROJECT:tanh", "--input", "input=4,3"]
    assert run(project, "check", *same, "--training") == 0


def test_several_pairs_are_written_into_folders_with_an_index(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["check", "PROJECT:several", "PROJECT:two", "--json", "j", "--html", "h"]
    assert run(project, *words, "--repro", "r", "--markdown", "summary.md") == 2
    assert {path.name for path in Path("j").iterdir()} == {"good.json", "good@2.json", "bad.json"}
    assert {path.name for path in Path("h").iterdir()} == {
        "good.html", "good@2.html", "bad.html", "index.html",
    }  # fmt: skip
    assert [path.name for path in Path("r").iterdir()] == ["bad.py"]
    index = Path("h/index.html").read_text()
    assert "<h1>2 of 4 pairs agree</h1>" in index
    assert '<a href="good%402.html">good</a>' in index
    assert "not compared" in index
    table = Path("summary.md").read_text().splitlines()
    assert len(table) == 2 + 4
    assert table[2].startswith("| broken | not compared |  | pair 'broken': the candidate's")
    assert table[5].startswith("| bad | SEMANTIC_DIFFERENCE | 1, forward: output | error ")


def test_a_ci_on_github_gets_a_summary_and_annotations(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", "step.md")
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    Path("step.md").write_text("before\n")
    assert run(project, "check", "PROJECT:two") == 1
    assert Path("step.md").read_text().startswith("before\n| pair | verdict |")
    shown = capsys.readouterr().out
    assert "::error title=parity: bad::SEMANTIC_DIFFERENCE at 1, forward: output, error" in shown
    assert "::error title=parity: good" not in shown


def test_git_bisect_skips_what_cannot_be_compared(project: Path) -> None:
    assert run(project, "check", "PROJECT:good", "--bisect") == 0
    assert run(project, "check", "PROJECT:bad", "--bisect") == 1
    assert run(project, "check", "PROJECT:broken", "--bisect") == 125
    assert run(project, "check", "nowhere:x", "--bisect") == 125


def test_tracebacks_are_shown_when_asked_for(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(project, "check", "PROJECT:broken") == 2
    assert "Traceback" not in capsys.readouterr().err
    assert run(project, "check", "PROJECT:broken", "--verbose") == 2
    assert "Traceback" in capsys.readouterr().err


def test_an_unexpected_exception_is_2_and_the_next_pair_is_compared(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from parity import pair_check

    compare = pair_check.compare

    def fails_once(subject: object, **options: object) -> object:
        if getattr(subject, "name", "") == "good":
            raise np.linalg.LinAlgError("no convergence")
        return compare(subject, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(pair_check, "compare", fails_once)
    assert run(project, "check", "PROJECT:two") == 2
    shown = capsys.readouterr()
    assert "parity: good: LinAlgError: no convergence (test_cli.py:" in shown.err
    assert "bad: DISAGREE" in shown.out


def test_the_version_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["--version"])
    assert stopped.value.code == 0
    assert capsys.readouterr().out.startswith("parity ")


def test_a_file_that_hides_a_package_is_named(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("torch.py").write_text("")
    Path("alone.py").write_text("raise AttributeError('no nn')")
    assert run(project, "check", "alone.py") == 2
    assert "torch.py in the current folder hides the package of that name" in (
        capsys.readouterr().err
    )


def test_the_program_is_started_again_once_where_jittor_asks_for_it(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Jittor ends the process after it has rebuilt a part of a cache that was copied."""
    Path("jittor").mkdir()
    Path("jittor", "rebuilt.py").write_text("import sys\ndef leave():\n    sys.exit(0)\n")
    Path("asks.py").write_text(
        "import sys; sys.path.insert(0, 'jittor'); import rebuilt\nrebuilt.leave()"
    )
    started: list[list[str]] = []
    monkeypatch.setattr(os, "execve", lambda program, words, environment: started.append(words))
    run(project, "check", "asks.py")
    assert len(started) == 1
    monkeypatch.setenv("PARITY_RESTARTED", "1")
    assert run(project, "check", "asks.py") == 2
    assert "asks to be started again; it did so before" in capsys.readouterr().err


def test_whatever_goes_wrong_is_one_line_and_no_disagreement(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("parity.commands.check.check_pairs", lambda options: 1 // 0)
    assert main(["check", "some:pair"]) == 2
    error = capsys.readouterr().err
    assert error == (
        "parity: ZeroDivisionError: integer division or modulo by zero "
        "(inside parity; please report it)  [internal-error]\n"
    )
    assert main(["check", "some:pair", "--verbose"]) == 2
    assert "Traceback" in capsys.readouterr().err


def test_signals_end_a_forked_child_without_python() -> None:
    before = signal.signal(signal.SIGTERM, cli._stop)
    try:
        child = os.fork()
        if not child:
            os._exit(0 if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL else 1)
        assert os.waitpid(child, 0)[1] == 0
        assert signal.getsignal(signal.SIGTERM) is cli._stop
    finally:
        signal.signal(signal.SIGTERM, before)
