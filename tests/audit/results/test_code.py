"""Records belong to the code that made them."""

from __future__ import annotations

from pathlib import Path

import pytest

from audit.results import code


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "package_of_an_audit"
    (folder / "inner").mkdir(parents=True)
    for name in ("__init__.py", "inner/case.py", "inner/table.json"):
        (folder / name).write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(code, "PACKAGES", (folder.name,))
    return folder


@pytest.mark.parametrize("name", ["__init__.py", "inner/case.py", "inner/table.json", "inner/new"])
def test_another_file_is_other_code(name: str, package: Path) -> None:
    before = code.digest()
    assert code.digest() == before
    (package / name).write_text("x = 1\n")
    assert code.digest() != before


def test_what_python_compiled_and_hidden_files_are_no_code(package: Path) -> None:
    before = code.digest()
    for name in ("inner/case.pyc", ".swp"):
        (package / name).write_text("x")
    assert code.digest() == before


def test_another_version_of_a_framework_is_other_code(monkeypatch: pytest.MonkeyPatch) -> None:
    before = code.digest()
    monkeypatch.setattr(code, "version", lambda name: "0" if name == "torch" else "1")
    assert code.digest() != before


def test_every_package_that_a_case_may_import_counts() -> None:
    from tests.repository.test_layout import ALLOWED, FOR_EVERYBODY

    assert set(code.PACKAGES) == ALLOWED["audit"] | FOR_EVERYBODY | {"audit"}
