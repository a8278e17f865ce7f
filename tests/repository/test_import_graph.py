"""The imports of a small package of known files are the ones that it has."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.repository.import_graph import cycles, graph, imports, longest_chain, reachable

FILES = {
    "a/__init__.py": "",
    "a/top.py": "from a import middle\nimport numpy",
    "a/middle.py": "from .sub.low import f",
    "a/sub/__init__.py": "",
    "a/sub/low.py": "def f():\n    from a.sub import lowest",
    "a/sub/lowest.py": "",
    "a/sub/test_low.py": "import a.sub.low",
}


def write(root: Path, files: dict[str, str]) -> None:
    for name, source in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(source)


def edges(root: Path, **changed: str) -> dict[str, set[str]]:
    write(root, FILES)
    write(root, {f"a/{name}.py": source for name, source in changed.items()})
    return graph("a", root=root)


def test_the_graph_holds_absolute_relative_and_lazy_imports(tmp_path: Path) -> None:
    assert edges(tmp_path) == {
        "a": set(),
        "a.top": {"a.middle"},
        "a.middle": {"a.sub.low"},
        "a.sub": set(),
        "a.sub.low": {"a.sub.lowest"},
        "a.sub.lowest": set(),
        "a.sub.test_low": {"a.sub.low"},
    }


def test_imports_that_loading_a_file_does_not_run_can_be_left_out(tmp_path: Path) -> None:
    write(tmp_path, FILES)
    loaded = graph("a", root=tmp_path, on_load_only=True)
    assert loaded["a.sub.low"] == set()
    assert loaded["a.middle"] == {"a.sub.low"}


@pytest.mark.parametrize(
    ("source", "module"),
    [
        ("from importlib import import_module\nimport_module('a.sub.low')", "a.sub.low"),
        ("import importlib.util\nimportlib.util.find_spec('a.middle')", "a.middle"),
        ("WORKER = 'a.sub.low:f'", "a.sub.low"),
        ("import importlib\nimportlib.import_module(f'a.{name}dle')", "a.middle"),
        ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import a.middle", "a.middle"),
        ("class C:\n    def m(self):\n        from a import middle", "a.middle"),
    ],
)
def test_each_way_of_importing_is_seen(source: str, module: str, tmp_path: Path) -> None:
    assert module in edges(tmp_path, new=source)["a.new"]


def test_a_string_that_may_name_any_module_names_no_test(tmp_path: Path) -> None:
    source = "from importlib import import_module\nimport_module(f'{__name__}.{name}')"
    found = edges(tmp_path, **{"sub/__init__": source})["a.sub"]
    assert found == {"a.sub.low", "a.sub.lowest"}


def test_text_that_only_looks_like_an_entry_point_is_none(tmp_path: Path) -> None:
    write(tmp_path, {"a/new.py": "COLOURS = 'tab:blue'\nNOTE = 'see a.middle: it'"})
    assert imports(tmp_path / "a/new.py", {"a.middle"}, tmp_path) == set()


@pytest.mark.parametrize(
    "source",
    [
        "import a.top",
        "def f():\n    import a.top",
        "import importlib\nimportlib.find_spec('a.top')",
    ],
)
def test_a_circle_is_found(source: str, tmp_path: Path) -> None:
    found = edges(tmp_path, **{"sub/lowest": source})
    assert cycles(found) == [["a.middle", "a.sub.low", "a.sub.lowest", "a.top"]]
    with pytest.raises(ValueError, match=r"a circle of imports: \['a.middle'"):
        longest_chain(found)


def test_the_longest_chain_is_the_longest(tmp_path: Path) -> None:
    found = edges(tmp_path, short="import a.sub.lowest")
    assert cycles(found) == []
    assert longest_chain(found) == ["a.top", "a.middle", "a.sub.low", "a.sub.lowest"]
    assert set(reachable(found, "a.middle")) == {"a.sub.low", "a.sub.lowest"}
