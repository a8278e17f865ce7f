"""docs/codes.md lists every code of the programs, with the words of the code, and no other."""

from __future__ import annotations

import inspect
import subprocess
import sys
import typing
from pathlib import Path

import pytest

import ddpm.errors
import parity.errors
from ddpm_cli import program
from parity import cli
from parity.diagnose.next_steps import OF_CAUSE, REFUSALS
from parity.errors import CannotCompare, NoPartner, SideRaised, Unexpected, code_of, refusal
from parity.jittor_import import CannotStart
from parity.trace.sites import Phase
from parity.verdict import Cause, Verdict
from safe_files import CannotWrite, folder_lock
from safe_files.reading import CannotRead

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "codes.md").read_text(encoding="utf-8")


def table(section: str) -> dict[str, list[str]]:
    """Return the rows of one table: code -> the other cells."""
    part = TEXT.partition(f"## {section}\n")[2].partition("\n## ")[0]
    lines = [line for line in part.splitlines() if line.startswith("| `")]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]
    return {row[0].strip("`"): row[1:] for row in rows}


def classes_with_codes() -> set[type]:
    modules = (parity.errors, ddpm.errors, folder_lock)
    found = {c for m in modules for _, c in inspect.getmembers(m, inspect.isclass)}
    return {c for c in {*found, CannotWrite, CannotRead, CannotStart} if hasattr(c, "code")}


def test_every_refusal_is_listed_with_what_to_do() -> None:
    assert table("Refusals") == {code: [*known] for code, known in REFUSALS.items()}


def test_every_class_of_refusal_has_a_listed_code_and_every_code_is_in_use() -> None:
    classes = classes_with_codes()
    assert {SideRaised, NoPartner, folder_lock.FolderIsBusy, ddpm.errors.PeersLost} <= classes
    others = {cli.USAGE, cli.STOPPED, program.USAGE, program.NO_JITTOR}
    assert {c.code for c in classes} | others == set(REFUSALS)


def test_a_class_of_its_own_has_a_code_of_its_own() -> None:
    shared = {parity.errors.RaisedWhenRecorded: SideRaised, ddpm.errors.InputError: CannotCompare}
    by_code = {c.code: c for c in classes_with_codes() - shared.keys()}
    assert len(by_code) == len(classes_with_codes()) - len(shared)
    assert all(one.code == other.code for one, other in shared.items())


def test_causes_verdicts_and_phases_are_listed() -> None:
    assert table("Causes") == {c.name: [c.value, OF_CAUSE[c]] for c in Cause}
    verdicts = table("Verdicts")
    assert {name: row[0] for name, row in verdicts.items()} == {v.name: v.value for v in Verdict}
    for verdict in Verdict:
        word = verdicts[verdict.name][1]
        assert (word == "passes") is verdict.passes(strict=True)
        assert (word == "fails") is not verdict.passes()
    assert list(table("Phases")) == list(typing.get_args(Phase))


def raised(error: Exception, cause: BaseException | None) -> Exception:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (CannotCompare("x"), "bad-input"),
        (NoPartner("x"), "no-partner"),
        (ValueError("x"), "internal-error"),
        (raised(CannotCompare("x"), CannotRead("y")), "cannot-read"),
        (raised(CannotCompare("x"), ValueError("y")), "bad-input"),
        (raised(ValueError("x"), CannotCompare("y")), "internal-error"),
        (raised(parity.errors.CannotImport("x"), CannotStart("y")), "jittor-cannot-start"),
        (raised(parity.errors.CodeRaised("x"), SystemExit("a text")), "code-raised"),
        (raised(Unexpected("x"), ValueError("y")), "internal-error"),
    ],
)
def test_the_innermost_kind_decides(error: Exception, code: str) -> None:
    assert code_of(error) == code
    assert refusal("text", code) == f"parity: text  [{code}]"


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["parity", "check", "nowhere.py"], "cannot-read"),
        (["parity", "check", "nowhere_at_all"], "cannot-import"),
        (["parity", "check", "--sed", "1"], "usage"),
        (["parity", "check"], "no-pair"),
        (["parity", "check", "mine.py:number"], "no-pair"),
        (["parity", "check", "--input", "2"], "bad-input"),
        (["parity", "check", "raises.py"], "cannot-import"),
        (["parity", "losses", "a.log", "b.log"], "cannot-read"),
        (["parity", "explain", "mine.py"], "cannot-read"),
        (["parity", "tree", "mine.py:pair"], "code-raised"),
        (["ddpm", "fid", "--speed", "3"], "usage"),
        (["ddpm", "sample", "--ckpt", "nothing.safetensors"], "bad-input"),
    ],
)
def test_a_program_ends_its_line_with_the_code(words: list[str], code: str, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "from parity import Pair\nnumber = 3\n"
        "build = lambda: 1 / 0\n"
        "pair = Pair(name='p', reference=build, candidate=build, inputs=build)"
    )
    (tmp_path / "raises.py").write_text("1 / 0")
    module = {"parity": "parity", "ddpm": "ddpm_cli"}[words[0]]
    start = f"import sys, {module}; sys.argv = {words}; "
    start += "from parity.cli import main; sys.exit(main())" if words[0] == "parity" else (
        "from ddpm_cli import main; main(prog_name='ddpm')"
    )  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", start], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    (line,) = [line for line in done.stderr.splitlines() if line.startswith(words[0])]
    assert line.endswith(f"  [{code}]")
