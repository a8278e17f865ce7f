"""Imports flow one way through the rooms, and no file is a drawer."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ALLOWED: dict[str, set[str]] = {
    "jittor_env": set(),
    "ddpm": set(),
    "impl_torch": {"ddpm"},
    "impl_jittor": {"ddpm", "jittor_env"},
    "implementations": {"ddpm", "impl_torch", "impl_jittor", "jittor_env"},
    "parity": {"jittor_env"},
    "ddpm_study": {
        *("jittor_env", "ddpm", "impl_torch", "impl_jittor", "implementations", "parity"),
    },
    "audit": {"jittor_env", "ddpm", "impl_torch", "impl_jittor", "parity", "ddpm_study"},
    "bench": {"ddpm", "impl_torch", "ddpm_study"},
    "ddpm_cli": {"jittor_env", "ddpm", "implementations", "ddpm_study", "impl_torch"},
}
KNOW_DDPM = {"test_parity.py", "test_schedule.py"}  # in parity
BY_CHOICE = {
    "implementations/__init__.py",
    "ddpm_study/time_estimate.py",
    "ddpm_cli/convert.py",
}  # inside a function, when asked for
FRAMEWORKS = {
    "torch": re.compile(
        r"impl_torch/|audit/|parity/adapters/torch_\w+\.py|ddpm_study/pairs\.py"
        r"|ddpm_study/timing/(on_torch|check_cost|machine)\.py|bench/peers\.py|ddpm_study/metrics/"
    ),
    "jittor": re.compile(
        r"impl_jittor/|jittor_env/|audit/|parity/adapters/jittor_\w+\.py|ddpm_study/pairs\.py"
        r"|ddpm_study/timing/on_jittor\.py"
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
        if path.name in KNOW_DDPM:
            continue
        assert not foreign, f"{path.relative_to(ROOT)} imports {sorted(foreign)}"


def test_the_engine_knows_nothing_of_ddpm():
    rooms = {"ddpm", "impl_torch", "impl_jittor", "implementations", "ddpm_study"}
    for path in files("parity"):
        if path.name not in KNOW_DDPM:
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
