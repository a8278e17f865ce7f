"""`python -m audit` writes and prints scores, and starts Jittor only for a case."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from audit.__main__ import main


def test_an_unknown_part_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["--only", "nothing", "--out", str(tmp_path / "a.json")])
    assert result.exit_code == 2
    assert result.output.startswith("audit: --only 'nothing': there is no such part")
    assert list(tmp_path.iterdir()) == []


def test_the_command_writes_scores_and_prints_them(tmp_path: Path) -> None:
    out = tmp_path / "audit.json"
    result = CliRunner().invoke(main, ["--only", "interpolation", "--quick", "--out", str(out)])
    audit = json.loads(out.read_text())
    assert audit["schema"] == "ddpm-audit/2"
    assert result.exit_code == 0, result.output
    assert {row["what"] for row in audit["rows"]} >= {"time"}
    assert len(audit["records"]) == 1
    assert all(row["value"] in result.output for row in audit["rows"])


@pytest.mark.parametrize(
    "program",
    [
        "import audit",
        "from audit.__main__ import main; main(['--help'], standalone_mode=False)",
        "from audit.draws.__main__ import main; main(['--help'], standalone_mode=False)",
        "from audit.jobs import jobs; list(jobs([], quick=False))",
    ],
    ids=["import audit", "audit --help", "audit.draws --help", "the list of cases"],
)
def test_jittor_does_not_start_before_a_case_needs_it(program: str) -> None:
    shown = subprocess.run(
        [sys.executable, "-c", f"{program}; import sys; print(*sys.modules)"],
        capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    modules = shown.stdout.splitlines()[-1].split()
    assert "sys" in modules
    assert not {"jittor", "impl_jittor"} & set(modules)
    if "jobs" not in program:
        assert "torch" not in modules
