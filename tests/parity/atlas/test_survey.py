"""Test the command, and the committed results against the real Jittor."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from parity.atlas.backends import jittor_backend, torch_backend
from parity.atlas.finding import AtlasCause
from parity.atlas.output.program import PREAMBLE, run_program
from parity.atlas.results import read
from parity.atlas.survey import survey
from parity.cli import main

ROOT = Path(__file__).parents[3]
DATA = ROOT / "docs" / "jittor-divergences.json"


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--only", "nothing"], "no group 'nothing' in the atlas; its groups: activation_layers, "),
        (["--json", "file/where.json"], "{here}/file cannot be written into: it is a file"),
        (["--markdown", "file/where.md"], "{here}/file cannot be written into: it is a file"),
    ],
)
def test_bad_input_is_2_and_one_line(
    arguments: list[str], text: str, capsys: pytest.CaptureFixture[str], monkeypatch, tmp_path
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("no folder")
    assert main(["atlas", *arguments]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith(f"parity: {text.format(here=tmp_path)}")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def run(programs: list[str]) -> str:
    """Run programs one after the other in one fresh process."""
    text = PREAMBLE + "".join(
        f"\ntry:\n    exec({program!r}, globals())\nexcept Exception as e:\n    print(repr(e))"
        for program in programs
    )
    done = subprocess.run(
        [sys.executable, "-c", text], capture_output=True, text=True, check=True, cwd=ROOT
    )
    return done.stdout


@pytest.mark.parametrize(
    "key", [("activations", "relu"), ("dtypes", "shape of a scalar"), ("reductions", "var")]
)
def test_a_program_of_the_page_prints_what_the_page_says(key: tuple[str, str]) -> None:
    entry = next(o for o in read(DATA).entries if (o.group, o.name) == key)
    for program in entry.programs.values():
        assert run([program.code]).strip() == program.output


@pytest.mark.slow
def test_a_new_survey_gives_the_committed_verdicts() -> None:
    committed = {(o.group, o.name): o.verdict for o in read(DATA).entries}
    assert {(o.group, o.name): o.verdict for o in survey().entries} == committed


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_every_program_of_the_page_prints_what_the_page_says() -> None:
    backends = {"torch": torch_backend(), "jittor": jittor_backend()}
    for entry in read(DATA).entries:
        if any(finding.cause is AtlasCause.CRASH for finding in entry.findings):
            continue  # its program would end this process
        for framework, program in entry.programs.items():
            output = run_program(program.code, backends[framework])
            assert output == program.output, (entry.group, entry.name, framework)
