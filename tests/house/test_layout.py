"""Imports flow one way through the rooms, and no file is a drawer."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ALLOWED = {
    "jittor_env": set(),
    "ddpm": set(),
    "impl_torch": {"ddpm"},
    "impl_jittor": {"ddpm", "jittor_env"},
    "parity": {"ddpm", "impl_torch", "impl_jittor", "jittor_env"},
    "measuring": {"jittor_env", "ddpm", "impl_torch", "impl_jittor", "parity"},
    "ddpm_metrics": {"ddpm"},
    "reproduction": {
        *("jittor_env", "ddpm", "impl_torch", "impl_jittor", "parity", "measuring", "ddpm_metrics"),
    },
    "reports": {"ddpm", "parity", "reproduction"},
    "audit": {"jittor_env", "ddpm", "impl_torch", "impl_jittor", "parity"},
    "bench": {"ddpm", "impl_torch", "measuring", "reproduction"},
    "ddpm_cli": {
        *("jittor_env", "ddpm", "impl_torch", "impl_jittor", "parity", "measuring", "ddpm_metrics"),
        *("reproduction", "reports"),
    },
}
KNOW_DDPM = {"ddpm_pairs.py"}  # in parity, besides the test files
BY_CHOICE = {
    "reproduction/frameworks.py",
    "reproduction/speed.py",
    "ddpm_cli/convert.py",
}  # inside a function, when asked for
FRAMEWORKS = {
    "torch": re.compile(
        r"impl_torch/|audit/|parity/torch_\w+\.py|parity/ddpm_pairs\.py|parity/test_"
        r"|measuring/(on_torch|judging|machine)\.py|bench/peers\.py|ddpm_metrics/"
    ),
    "jittor": re.compile(
        r"impl_jittor/|jittor_env/|audit/|parity/jittor_\w+\.py|parity/ddpm_pairs\.py|parity/test_"
        r"|measuring/on_jittor\.py"
    ),
}


def imported(path: Path) -> set[str]:
    """Return the top-level names that a file imports anywhere in it."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names.add(node.module.split(".")[0])
    return names


def files(room: str) -> list[Path]:
    return sorted((ROOT / room).rglob("*.py"))


@pytest.mark.parametrize("room", ALLOWED)
def test_imports_flow_one_way(room):
    assert files(room), f"{room} is gone: mend this list"
    for path in files(room):
        foreign = (imported(path) & ALLOWED.keys()) - ALLOWED[room] - {room}
        assert not foreign, f"{path.relative_to(ROOT)} imports {sorted(foreign)}"


def test_the_engine_knows_nothing_of_ddpm():
    rooms = {"ddpm", "impl_torch", "impl_jittor"}
    for path in files("parity"):
        if path.name not in KNOW_DDPM and not path.name.startswith("test_"):
            assert not imported(path) & rooms, path.name


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_framework_is_imported_only_in_its_rooms(framework):
    for room in ALLOWED:
        for path in files(room):
            place = path.relative_to(ROOT).as_posix()
            if framework in imported(path) and not FRAMEWORKS[framework].match(place):
                assert place in BY_CHOICE, f"{place} imports {framework}"


def test_no_file_is_a_drawer():
    drawer = re.compile(r"_?([a-z0-9]+_)*(utils?|helpers?|common|misc)\.py")
    found = [path for room in ALLOWED for path in files(room) if drawer.fullmatch(path.name)]
    assert not found
