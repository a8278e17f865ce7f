from __future__ import annotations

from pathlib import Path

import pytest

from parity.errors import CannotCompare
from parity.pair_loading import load_pairs

PAIRS = """
from parity import Course, Pair

def pair(name):
    return Pair(name=name, reference=object, candidate=object, inputs=lambda rng: {})

one = pair("one")
in_a_list = [pair("first"), pair("second")]
in_a_tuple = tuple(in_a_list)
by_name = {"a": pair("first"), "b": pair("second")}
number = 3
mixed = [one, number]
empty = []

def build():
    return in_a_list

def fail():
    raise ValueError("no data here")

class Model:
    def __call__(self):
        raise AssertionError("a model is no function that returns pairs")

model = Model()
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    name = f"pairs_of_{tmp_path.name}"
    (tmp_path / f"{name}.py").write_text(PAIRS)
    monkeypatch.syspath_prepend(str(tmp_path))
    return name


@pytest.mark.parametrize(
    ("attribute", "names"),
    [
        (":one", ["one"]),
        (":in_a_list", ["first", "second"]),
        (":in_a_tuple", ["first", "second"]),
        (":by_name", ["first", "second"]),
        (":build", ["first", "second"]),
        ("", ["one"]),
    ],
)
def test_pairs_are_found(attribute: str, names: list[str], module: str) -> None:
    assert [pair.name for pair in load_pairs(module + attribute)] == names


@pytest.mark.parametrize(
    ("attribute", "text"),
    [
        (":absent", "has no attribute 'absent'; its pairs: one"),
        (":number", "holds int, and a parity.Pair, Trajectory or Tables is needed"),
        (":mixed", "holds int, and"),
        (":empty", "holds nothing, and"),
        (":model", "holds Model, and"),
        (":fail", ":fail() raised ValueError: no data here"),
    ],
)
def test_what_is_no_pair_is_refused(attribute: str, text: str, module: str) -> None:
    with pytest.raises(CannotCompare) as refused:
        load_pairs(module + attribute)
    assert text in str(refused.value)


@pytest.mark.parametrize(
    ("package", "remedy"),
    [("torch", "; pip install 'ddpm-parity[torch]'"), ("numpi", "(pairs_that_need_numpi.py:1)")],
)
def test_a_missing_framework_names_its_extra(
    package: str, remedy: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"pairs_that_need_{package}"
    message = f"No module named {package!r}"
    (tmp_path / f"{name}.py").write_text(
        f"raise ModuleNotFoundError({message!r}, name={package!r})"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(CannotCompare) as refused:
        load_pairs(f"{name}:x")
    assert str(refused.value).endswith(remedy)


def test_a_module_must_be_named() -> None:
    with pytest.raises(CannotCompare, match="':x' names no module: write module:attribute"):
        load_pairs(":x")


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "run.parity"
    path.write_bytes(b"PK")
    with pytest.raises(CannotCompare, match="is no file of Python"):
        load_pairs(str(path))
