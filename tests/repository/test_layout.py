"""Imports flow one way through the packages, and files, functions and folders stay small."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.repository.import_graph import (
    ROOT,
    cycles,
    graph,
    imports,
    is_test,
    longest_chain,
    module_name,
    modules,
    parse,
    reachable,
)

# Package -> the other packages of this repository that it may import, besides those for everybody.
ALLOWED: dict[str, set[str]] = {
    "safe_files": set(),
    "jittor_env": set(),
    "ddpm": set(),
    "impl_torch": {"ddpm"},
    "impl_jittor": {"ddpm", "jittor_env"},
    "implementations": {"ddpm", "impl_torch", "impl_jittor", "jittor_env"},
    "parity": {"jittor_env"},
    "ddpm_study": {
        *("jittor_env", "ddpm", "impl_torch", "impl_jittor", "implementations", "parity"),
    },
    "audit": {
        *("jittor_env", "ddpm", "impl_torch", "impl_jittor", "implementations", "parity"),
        *("ddpm_study",),
    },
    "bench": {"ddpm", "impl_torch", "ddpm_study"},
    "ddpm_cli": {"jittor_env", "ddpm", "implementations", "ddpm_study", "impl_torch"},
}
FOR_EVERYBODY = {"safe_files"}
# Modules that may import a framework. Those under "on demand" do so inside a function.
FRAMEWORKS = {
    "torch": (
        *("impl_torch", "audit", "parity.adapters", "ddpm_study.pairs", "ddpm_study.metrics"),
        *("ddpm_study.timing", "bench.peers", "parity.steps.frameworks"),
        # On demand:
        *("implementations", "parity.atlas", "ddpm_study.run.time_estimate", "ddpm_cli.convert"),
    ),
    "jittor": (
        *("impl_jittor", "jittor_env", "audit", "parity.adapters", "ddpm_study.pairs"),
        *("ddpm_study.timing", "parity.steps.frameworks"),
    ),
}
LONGEST_CHAIN = 8  # imports within parity
LONGEST_FILE = 400
LONGEST_FUNCTION = 60
LARGEST_FOLDER = 12
# Folders in which every module is a list of entries of one form.
LISTS_OF_ENTRIES = {"parity/atlas/catalogue", "audit/mutants"}
# Modules of parity that have no test file of their own, and why.
TESTED_ELSEWHERE = {
    "parity/atlas/catalogue/*": "lists of entries; tests/parity/atlas/test_catalogue.py runs all",
    "parity/noise/side_arrays.py": "data; tests/parity/compare/test_arrays.py judges by it",
    "parity/errors.py": "exception classes without behaviour; each is raised in another test",
}
VAGUE_NAME = re.compile(r"_?([a-z0-9]+_)*(utils?|helpers?|common|misc)\.py")

EVERYTHING = graph(*ALLOWED)


def python_files(*folders: str) -> Iterator[Path]:
    for folder in folders:
        yield from sorted((ROOT / folder).rglob("*.py"))


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("package", ALLOWED)
def test_imports_flow_one_way(package: str) -> None:
    found = modules(package)
    assert found, f"{package} is gone: correct this list"
    for name, path in found.items():
        imported = {other.split(".")[0] for other in imports(path, EVERYTHING)} & ALLOWED.keys()
        foreign = imported - {package, *FOR_EVERYBODY, *ALLOWED[package]}
        assert not foreign, f"{name} imports {sorted(foreign)}"


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_framework_is_imported_only_where_it_is_needed(framework: str) -> None:
    users = [
        module_name(path)
        for path in python_files(*ALLOWED)
        if framework in {name.split(".")[0] for name in imports(path, EVERYTHING)}
    ]
    assert users
    allowed = FRAMEWORKS[framework]
    others = [n for n in users if not any(n == a or n.startswith(f"{a}.") for a in allowed)]
    assert not others


def test_no_modules_import_each_other_in_a_circle() -> None:
    assert cycles(EVERYTHING) == []


def test_chains_of_imports_in_the_harness_are_short() -> None:
    chain = longest_chain(graph("parity", on_load_only=True))
    assert len(chain) - 1 <= LONGEST_CHAIN, " -> ".join(chain)


@pytest.mark.parametrize("command", ["train", "prepare", "convert"])
def test_a_command_of_the_ddpm_needs_no_study(command: str) -> None:
    below = set(reachable(EVERYTHING, f"ddpm_cli.{command}"))
    assert below
    assert not {name for name in below if name.split(".")[0] in {"ddpm_study", "parity"}}


def test_no_program_imports_a_test() -> None:
    found = {
        name: tests
        for package in ALLOWED
        for name, path in modules(package).items()
        if not is_test(name) and (tests := set(filter(is_test, imports(path, EVERYTHING))))
    }
    assert not found


def test_every_module_of_the_harness_has_a_test_file() -> None:
    missing = []
    for path in python_files("parity"):
        inside = path.relative_to(ROOT / "parity")
        is_excepted = any(path.match(pattern) for pattern in TESTED_ELSEWHERE)
        if path.name == "__init__.py" or path.name.startswith("test_") or is_excepted:
            continue
        if not (ROOT / "tests" / "parity" / inside.with_name(f"test_{inside.name}")).is_file():
            missing.append(relative(path))
    assert not missing


def test_exceptions_are_still_needed() -> None:
    for pattern in TESTED_ELSEWHERE:
        assert list(ROOT.glob(pattern)), f"{pattern} is gone: correct the list"
    for folder in LISTS_OF_ENTRIES:
        assert len(list((ROOT / folder).glob("*.py"))) > LARGEST_FOLDER, folder


def test_files_are_short() -> None:
    lengths = {
        relative(path): len(path.read_text(encoding="utf-8").splitlines())
        for path in python_files(*ALLOWED, "tests", "examples")
    }
    assert not {path: n for path, n in lengths.items() if n > LONGEST_FILE}


def test_functions_are_short() -> None:
    long = {}
    for path in python_files(*ALLOWED, "tests", "examples"):
        for node in ast.walk(parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                if lines > LONGEST_FUNCTION:
                    long[f"{relative(path)}:{node.name}"] = lines
    assert not long


def test_folders_are_small() -> None:
    sizes = Counter(
        relative(path.parent)
        for path in python_files(*ALLOWED)
        if path.name not in ("__init__.py", "__main__.py")
    )
    large = {folder: n for folder, n in sizes.items() if n > LARGEST_FOLDER}
    assert not {folder: n for folder, n in large.items() if folder not in LISTS_OF_ENTRIES}


def test_no_file_gathers_what_belongs_nowhere() -> None:
    assert not [relative(p) for p in python_files(*ALLOWED) if VAGUE_NAME.fullmatch(p.name)]
