"""Rewritten modules are of Python 3.8, keep their lines, and do the same."""

from __future__ import annotations

import ast
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from parity.bundle import older_python
from parity.bundle.older_syntax import HELPERS, for_python_38
from parity.bundle.write import LEFT_OUT

ROOT = Path(__file__).parents[3]
MODULES = sorted(
    path
    for package in ("parity", "safe_files", "jittor_env")
    for path in (ROOT / package).rglob("*.py")
    if not path.relative_to(ROOT).as_posix().startswith(LEFT_OUT)
)
FUTURE = "from __future__ import annotations\n"


def run(text: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.setitem(__import__("sys").modules, HELPERS, older_python)
    namespace: dict[str, Any] = {}
    exec(compile(text, "rewritten", "exec"), namespace)
    return namespace


PROGRAMS = {
    "mappings": "result = {1: 2} | {1: 3} | ({4: 5} | {4: 6})",
    "with a comment": "result = (\n    {1: 2}  # a | b\n    | {1: 3}\n)",
    "parentheses": "a, b = {1: 2}, {3: 4}\nresult = (a) | (b)",
    "an update": "result = {1: 2}\nsame = result\nresult |= {3: 4} | {5: 6}\nassert same is result",
    "an update of an item": "result = [{1: 2}]\nresult[0] |= {\n    3: 4,\n}",
    "sets": "result = {1} | {2}",
    "zip": "result = list(zip([1], [2], strict=True))",
    "prefixes": "result = 'abc'.removeprefix('a').removesuffix('c') + 'xa'.removeprefix('x')",
    "prefix in a union": "t = {'b': 1}\nresult = {'ab'.removeprefix('a'): 2} | t",
    "non-ASCII text": "ü = {'ß': 'ä'}\nresult = ('…' * 3).removesuffix('…'), ü | {'é': 1}",
    "classes": "result = isinstance(1, int | str), issubclass(str, bytes | None)",
    "an alias": "A = dict[str, int] | None\nB = list[tuple[int, ...]]\nresult = bool([A, B])",
    "generics": (
        "from collections.abc import (\n    Mapping,\n    Set,\n)\n"
        "class M(Mapping[str, int]):\n"
        "    def __getitem__(self, k): return 1\n"
        "    def __iter__(self): return iter('ab')\n"
        "    def __len__(self): return 2\n"
        "result = dict(M()), isinstance({}, Mapping), isinstance({1}, Set)"
    ),
    "context managers": (
        "from contextlib import nullcontext\n"
        "with (\n    nullcontext(1) as a,  # one\n    nullcontext({2: 3} | {4: 5}) as b,\n):\n"
        "    result = a, b"
    ),
    "one context manager": (
        "from contextlib import nullcontext\nwith (nullcontext((1, 2))) as a:\n    result = a"
    ),
    "a dataclass": (
        "from dataclasses import dataclass\n"
        "@dataclass(kw_only=True)\nclass A:\n    a: int = 1\n    b: int\nresult = A(b=2).a"
    ),
    "functions of modules": (
        "import functools, itertools\n@functools.cache\ndef f(x): return [x]\n"
        "result = f(1) is f(1), list(itertools.pairwise('abc'))"
    ),
    "annotations": "def f(a: int | None = None) -> list[int] | None: return [1]\nresult = f()",
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_rewritten_program_does_the_same(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    text = FUTURE + PROGRAMS[name] + "\n"
    rewritten = for_python_38(text)
    ast.parse(rewritten, feature_version=(3, 8))
    assert run(rewritten, monkeypatch)["result"] == run(text, monkeypatch)["result"]
    assert len(rewritten.splitlines()) == len(text.splitlines())


def test_lines_keep_their_numbers() -> None:
    text = FUTURE + PROGRAMS["context managers"] + "\nlast = 1\n"
    rewritten = for_python_38(text)
    assert rewritten.splitlines().index("last = 1") == text.splitlines().index("last = 1")


@pytest.mark.parametrize(
    "text",
    [
        "def f(a: int | None): pass\n",
        "result = {1: 2} | {3: 4}\n",
        FUTURE + "match 1:\n    case 1: pass\n",
    ],
)
def test_the_rest_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="cannot be"):
        for_python_38(text)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_module_of_the_package_can_be_rewritten(path: Path) -> None:
    rewritten = for_python_38(path.read_text())
    assert len(rewritten.splitlines()) == len(path.read_text().splitlines())


@pytest.mark.parametrize("python", ["python3.8", "python3.9"])
def test_an_older_python_compiles_every_module(python: str, tmp_path: Path) -> None:
    program = shutil.which(python)
    if program is None or subprocess.run([program, "-c", ""], capture_output=True).returncode:
        pytest.skip(f"there is no {python}")
    for number, path in enumerate(MODULES):
        (tmp_path / f"{number}.py").write_text(for_python_38(path.read_text()))
    subprocess.run([program, "-m", "compileall", "-q", tmp_path], check=True)
