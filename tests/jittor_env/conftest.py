"""Fixtures that run code in a process of its own, since its effects are process-wide."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from jittor_env import cache

ROOT = Path(__file__).parents[2]
Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def run() -> Run:
    """`run(code, NAME=value, ...)`: Python code in a fresh process with that environment.

    A `cc_path` that a Jittor loaded in this process has set for its children is removed. HOME is
    JITTOR_HOME, because a bare `import jittor` writes settings below HOME that every later program
    of the user would follow.
    """
    inherited = {name: value for name, value in os.environ.items() if name != "cc_path"}

    def run_code(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
        variables = {**inherited, "PYTHONPATH": str(ROOT), **environment}
        variables.setdefault("JITTOR_HOME", str(cache.home()))
        return subprocess.run(
            [sys.executable, "-c", code],
            env={**variables, "HOME": variables["JITTOR_HOME"]},
            capture_output=True,
            text=True,
            check=False,
        )

    return run_code


@pytest.fixture
def empty_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A JITTOR_HOME with nothing in it."""
    monkeypatch.setenv("JITTOR_HOME", str(tmp_path))
    return tmp_path
