"""Every command, option, file and link that a document quotes exists."""

from __future__ import annotations

import argparse
import importlib.util
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from ddpm_cli import main
from ddpm_cli.program import COMMANDS
from parity.cli import _parser

ROOT = Path(__file__).parents[2]
DECISIONS = ROOT / "docs" / "decisions"
DOCUMENTS = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
# A changelog names what is gone, and a record of a decision what was then.
CURRENT = [path for path in DOCUMENTS if path.name != "CHANGELOG.md" and path.parent != DECISIONS]
PROGRAMS = ("ddpm", "parity", "pytest", "python")


def quoted(text: str) -> Iterator[str]:
    """Yield what a document quotes as a command: lines of its shell blocks, and inline code."""
    for block in re.findall(r"^```sh\n(.*?)^```", text, re.S | re.M):
        for line in block.replace("\\\n", " ").splitlines():
            yield from re.split(r"&&|\|", line.split("  #")[0])
    outside = re.sub(r"^```.*?^```", "", text, flags=re.S | re.M)
    for code in re.findall(r"`([^`\n]+)`", outside):
        if code.split()[0] in PROGRAMS and len(code.split()) > 1:
            yield code


def quoted_paths(text: str) -> Iterator[str]:
    """Yield what a document quotes as a path: inline code of one word with a slash in it."""
    outside = re.sub(r"^```.*?^```", "", text, flags=re.S | re.M)
    yield from re.findall(r"`(\.?[A-Za-z]\w*(?:/[\w.-]+)*/[\w.-]*)`", outside)


def words(command: str) -> list[str]:
    """Split a command; the folder of its program, if any, is left out."""
    found = shlex.split(command.replace("…", ""))
    return [found[0].rpartition("/")[2], *found[1:]] if found else []


def problem(command: str, pytest_options: set[str]) -> str | None:
    """Say what of a quoted command does not exist, or None."""
    program, *rest = words(command) or [""]
    rest = rest[: rest.index("--")] if "--" in rest else rest  # what follows is a user's command
    options = {word.split("=")[0] for word in rest if word.startswith("--")} - {"--help"}
    if program == "ddpm":
        return _unknown_of_ddpm(rest, options)
    if program == "parity":
        return _unknown_of_parity(rest, options)
    if program == "pytest":
        after = zip(["", *rest], rest, strict=False)  # what follows an option is its value
        paths = [w for a, w in after if re.fullmatch(r"[a-z_/]+", w) and not a.startswith("-")]
        missing = [path for path in paths if not (ROOT / path).exists()]
        unknown = sorted(options - pytest_options)
        return f"no {[*missing, *unknown]}" if missing or unknown else None
    if program == "python" and rest[:1] == ["-m"] and rest[1:2] not in (["pip"], ["venv"]):
        return None if importlib.util.find_spec(rest[1]) else f"no module {rest[1]}"
    return None


def _unknown_of_ddpm(rest: list[str], options: set[str]) -> str | None:
    if not rest or rest[0].startswith("-"):
        return None
    if rest[0] not in COMMANDS:
        return f"no command {rest[0]}"
    command = main.get_command(click.Context(main), rest[0])
    known = {name for parameter in command.params for name in parameter.opts}
    unknown = sorted(options - known)
    return f"no {unknown}" if unknown else None


def _unknown_of_parity(rest: list[str], options: set[str]) -> str | None:
    actions = _parser()._actions
    commands = next(a for a in actions if isinstance(a, argparse._SubParsersAction)).choices
    if not rest or rest[0] not in commands:
        return f"no command {rest[:1]}"
    unknown = sorted(options - set(commands[rest[0]]._option_string_actions))
    return f"no {unknown}" if unknown else None


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.fixture
def pytest_options(request: pytest.FixtureRequest) -> set[str]:
    of_bench = re.findall(r'"(--[a-z-]+)"', (ROOT / "bench" / "conftest.py").read_text())
    groups = request.config._parser._groups
    known = {name for group in groups for option in group.options for name in option.names()}
    # The plugin adds --pair where it is used and free.
    return {*known, *of_bench, "--benchmark-json", "--pair"}


@pytest.mark.parametrize("path", CURRENT, ids=name)
def test_commands_that_a_document_quotes_exist(path: Path, pytest_options: set[str]) -> None:
    text = path.read_text(encoding="utf-8")
    wrong = {c: p for c in quoted(text) if (p := problem(c, pytest_options)) is not None}
    assert not wrong


@pytest.mark.parametrize("path", CURRENT, ids=name)
def test_paths_that_a_document_quotes_exist(path: Path) -> None:
    paths = set(quoted_paths(path.read_text(encoding="utf-8")))
    missing = {quoted for quoted in paths if not (ROOT / quoted).exists()}
    assert not missing - made_by_runs(missing)


def made_by_runs(paths: set[str]) -> set[str]:
    """Return those that git ignores."""
    asked = "\n".join(sorted(paths))
    command = ["git", "check-ignore", "--stdin"]
    run = subprocess.run(command, cwd=ROOT, input=asked, capture_output=True, text=True)
    return set(run.stdout.splitlines())


@pytest.mark.parametrize("path", CURRENT, ids=name)
def test_extras_that_a_document_installs_exist(path: Path) -> None:
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    table = project.partition("[project.optional-dependencies]")[2].partition("\n[project")[0]
    extras = set(re.findall(r"^([a-z]+) = \[", table, flags=re.M))
    assert extras
    quoted = re.findall(r"pip install [^`\n&]*'\.\[([a-z,]+)\]'", path.read_text(encoding="utf-8"))
    assert {extra for names in quoted for extra in names.split(",")} <= extras


@pytest.mark.parametrize("path", DOCUMENTS, ids=name)
def test_every_link_inside_leads_somewhere(path: Path) -> None:
    text = re.sub(r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.S | re.M)
    for target in re.findall(r"\]\(([^)#\s]+)", text):
        if "://" not in target:
            assert (path.parent / target).exists(), target


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("`ddpm fly`", True),
        ("`ddpm train --speed 3`", True),
        ("`ddpm train --epochs 3`", False),
        ("`parity check my:pair --json x`", False),
        ("`parity check my:pair --yaml x`", True),
        ("`pytest parity --pair a:b`", False),
        ("`pytest nowhere`", True),
        ("`pytest parity --nothing`", True),
        ("`python -m ddpm_study.porting_guide`", False),
        ("`python -m ddpm_study.nothing`", True),
        ("```sh\n.venv/bin/ddpm fly  # to the moon\n```", True),
        ("```sh\n.venv/bin/ddpm doctor  # --nothing\n```", False),
    ],
)
def test_an_injected_error_is_found(text: str, wrong: bool, pytest_options: set[str]) -> None:
    found = list(quoted(text))
    assert found
    assert any(problem(command, pytest_options) for command in found) is wrong


def test_paths_are_told_from_other_code() -> None:
    text = "`a/b.py`, `docs/`, `.ci/run`, `parity check x`, `1/2`, `a.b`, `~/.cache/x`, `--a/b`"
    assert list(quoted_paths(text)) == ["a/b.py", "docs/", ".ci/run"]


def test_decisions_are_short_dated_and_listed() -> None:
    index = (DECISIONS / "README.md").read_text(encoding="utf-8")
    records = sorted(set(DECISIONS.glob("*.md")) - {DECISIONS / "README.md"})
    assert records
    for number, path in enumerate(records, 1):
        lines = path.read_text(encoding="utf-8").splitlines()
        title, date = lines[0].removeprefix("# "), lines[2].removeprefix("Date: ")
        assert path.name.startswith(f"{number:04}-")
        assert re.fullmatch(r"\d{4}-\d\d-\d\d", date), path.name
        assert [line for line in lines if line.startswith("## ")] == [
            *("## Context", "## Decision", "## Consequence")
        ]
        assert 10 <= len(lines) <= 25, path.name
        assert f"| [{path.name[:4]}]({path.name}) | {title} | {date} |" in index


def test_contributing_is_short_and_has_the_seven_errands() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    guide, _, glossary = text.partition("## Glossary")
    assert len(guide.splitlines()) <= 100
    errands = re.findall(r"^\*\*(.+?)[.?]\*\* (.*?)\n\n", guide, flags=re.S | re.M)
    assert len(errands) == 7
    assert all(re.search(r"\bRun\s+`", body) or "Run\n" in body for _, body in errands)
    words = re.findall(r"^\| ([a-z][^|]*) \|", glossary, flags=re.M)[1:]
    assert 0 < sum(len(word.split(", ")) for word in words) <= 30


@pytest.mark.parametrize("path", sorted(ROOT.glob("README*.md")), ids=name)
def test_the_tree_names_every_folder(path: Path) -> None:
    tracked = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    folders = {file.split("/")[0] for file in tracked if "/" in file and file[0] != "."}
    tree = re.findall(r"^([a-z_]+)/ +\S", path.read_text(encoding="utf-8"), flags=re.M)
    assert len(tree) == len(set(tree))
    assert folders <= set(tree)
    assert {folder for folder in tree if not (ROOT / folder).is_dir()} == set()
