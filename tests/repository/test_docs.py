"""Every command and option that a document quotes exists, and every link leads somewhere."""

from __future__ import annotations

import argparse
import importlib.util
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from ddpm_cli import main
from ddpm_cli.program import COMMANDS
from parity.cli import _parser

ROOT = Path(__file__).parents[2]
DOCUMENTS = [*sorted(ROOT.glob("README*.md")), *sorted((ROOT / "docs").glob("*.md"))]
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


def words(command: str) -> list[str]:
    """Split a command; the folder of its program, if any, is left out."""
    found = shlex.split(command.replace("…", ""))
    return [found[0].rpartition("/")[2], *found[1:]] if found else []


def problem(command: str, pytest_options: set[str]) -> str | None:
    """Say what of a quoted command does not exist, or None."""
    program, *rest = words(command) or [""]
    options = {word.split("=")[0] for word in rest if word.startswith("--")} - {"--help"}
    if program == "ddpm":
        return _unknown_of_ddpm(rest, options)
    if program == "parity":
        return _unknown_of_parity(rest, options)
    if program == "pytest":
        after = zip(["", *rest], rest, strict=False)  # what follows an option is its value
        places = [w for a, w in after if re.fullmatch(r"[a-z_/]+", w) and not a.startswith("-")]
        missing = [place for place in places if not (ROOT / place).exists()]
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


@pytest.fixture
def pytest_options(request: pytest.FixtureRequest) -> set[str]:
    ours = re.findall(r'"(--[a-z-]+)"', (ROOT / "bench" / "conftest.py").read_text())
    groups = request.config._parser._groups
    known = {name for group in groups for option in group.options for name in option.names()}
    return {*known, *ours, "--benchmark-json"}


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_what_a_document_quotes_exists(path: Path, pytest_options: set[str]) -> None:
    text = path.read_text(encoding="utf-8")
    wrong = {c: p for c in quoted(text) if (p := problem(c, pytest_options)) is not None}
    assert not wrong


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
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
def test_a_planted_error_is_found(text: str, wrong: bool, pytest_options: set[str]) -> None:
    found = list(quoted(text))
    assert found
    assert any(problem(command, pytest_options) for command in found) is wrong
