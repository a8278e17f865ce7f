from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from parity.report.report import Report
from parity.steps.recording import record_script
from parity.steps.replaying import check_script

SCRIPTS = Path(__file__).parents[3] / "examples" / "training"


class Scripts:
    """Example training scripts, run as they are or with other text in them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.printed = ""

    def changed(self, name: str, changes: dict[str, str]) -> str:
        """Write a script in which each text is replaced by another; return its path."""
        text = (SCRIPTS / name).read_text()
        for old, new in changes.items():
            assert text.count(old) == 1, f"{old!r} is {text.count(old)} times in {name}"
            text = text.replace(old, new)
        path = self.folder / name
        path.write_text(text)
        return str(path)

    def record(
        self, name: str, changes: dict[str, str] | None = None, steps: range = range(3)
    ) -> Path:
        """Record steps of a script."""
        path = self.folder / f"{name}.parity"
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            record_script(path, ["python", self.changed(name, changes or {})], steps=steps)
        self.printed = printed.getvalue()
        return path

    def check(self, path: Path, name: str, changes: dict[str, str], **options: Any) -> Report:
        """Judge a script against recorded steps."""
        with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the script
            return check_script(path, [self.changed(name, changes)], **options)


@pytest.fixture
def scripts(tmp_path: Path) -> Scripts:
    return Scripts(tmp_path)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return the file of a script's first three steps; each is recorded once."""
    known: dict[str, Path] = {}

    def record(name: str) -> Path:
        if name not in known:
            known[name] = Scripts(tmp_path_factory.mktemp("steps")).record(name)
        return known[name]

    return record
