"""The command, and the atlas against the real Jittor."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from parity.atlas.program import PREAMBLE, printed
from parity.atlas.record import read
from parity.atlas.sides import jittor_side, torch_side
from parity.atlas.survey import survey
from parity.cli import main

ROOT = Path(__file__).parents[3]
DATA = ROOT / "docs" / "jittor-divergences.json"


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--only", "nothing"], "no group 'nothing' in the atlas; its groups: activations, "),
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
    line = next(o for o in read(DATA).lines if (o.group, o.name) == key)
    for side in ("torch", "jittor"):
        assert run([line.shown[side]["program"]]).strip() == line.shown[side]["prints"]


@pytest.mark.slow
def test_the_atlas_is_what_a_new_survey_finds() -> None:
    committed = {(o.group, o.name): o.verdict for o in read(DATA).lines}
    assert {(o.group, o.name): o.verdict for o in survey().lines} == committed


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_every_program_of_the_page_prints_what_the_page_says() -> None:
    sides = {"torch": torch_side(), "jittor": jittor_side()}
    for line in read(DATA).lines:
        deadly = any("process died" in f["reason"] for f in line.findings)
        for name, shown in ({} if deadly else line.shown).items():
            said = printed(shown["program"], sides[name])
            assert said == shown["prints"], (line.group, line.name, name)
