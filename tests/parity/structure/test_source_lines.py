"""Lines of the user's code are found where they stand, and nothing of the machine is shown."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest
from torch import nn

from parity.structure.source_lines import LONGEST, SourceLines, source_lines

CODE = """from torch import nn


def decorated(cls):
    return cls


@decorated
class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm = nn.GroupNorm(
            2, 4
        )
        self.parts = nn.Sequential(nn.Linear(4, 4), nn.ReLU())

    def forward(self, x):
        if x is None:
            return self.norm(x)
        return self.parts(self.norm(x))
"""


@pytest.fixture
def net(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "net.py").write_text(CODE)
    spec = importlib.util.spec_from_file_location("lines_of_net", tmp_path / "models" / "net.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "lines_of_net", module)
    spec.loader.exec_module(module)
    return module


def found(net: ModuleType, path: str) -> list[SourceLines]:
    return list(source_lines(path, dict(net.Block().named_modules())))


def test_a_class_of_the_user_has_its_definition_and_its_forward(net: ModuleType) -> None:
    defined, call = found(net, "")
    assert defined == ("class", "models/net.py", 9, "class Block(nn.Module):")
    assert (call.kind, call.file, call.line) == ("call", "models/net.py", 17)
    assert call.text.startswith("def forward(self, x):\n    if x is None:")


def test_a_module_of_a_library_has_the_lines_that_make_and_use_it(net: ModuleType) -> None:
    lines = found(net, "norm")
    assert [(kind, line, text) for kind, _, line, text in lines] == [
        ("built", 12, "self.norm = nn.GroupNorm(\n    2, 4\n)"),
        ("used", 20, "return self.parts(self.norm(x))"),
        ("used", 19, "return self.norm(x)"),
    ]  # fmt: skip


def test_a_module_in_a_container_has_the_lines_of_the_container(net: ModuleType) -> None:
    assert [(lines.kind, lines.line) for lines in found(net, "parts.0")] == [
        ("built", 15), ("used", 20)
    ]  # fmt: skip


def test_a_file_outside_of_the_working_directory_is_named_alone(
    net: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path / "other")
    assert {lines.file for lines in found(net, "")} == {"net.py"}


def test_code_of_libraries_and_code_without_a_file_is_not_shown() -> None:
    assert source_lines("", {"": nn.Linear(2, 2)}) == ()
    space: dict[str, type] = {"nn": nn}  # type: ignore[dict-item]
    exec("class Made(nn.Module):\n    def forward(self, x):\n        return x", space)
    assert source_lines("", {"": space["Made"]()}) == ()


def test_a_long_function_is_cut(net: ModuleType, tmp_path: Path) -> None:
    class Long(nn.Module):
        pass

    body = "\n".join(f"    x = {n}" for n in range(100))
    (tmp_path / "long.py").write_text(f"def forward(self, x):\n{body}\n")
    space: dict[str, object] = {}
    exec(compile((tmp_path / "long.py").read_text(), str(tmp_path / "long.py"), "exec"), space)
    Long.forward = space["forward"]  # type: ignore[assignment]
    text = source_lines("", {"": Long()})[-1].text
    assert len(text.splitlines()) == LONGEST + 1
    assert text.endswith("\n…")
