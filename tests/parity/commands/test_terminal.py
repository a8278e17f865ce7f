from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from parity.commands.terminal import Kernels, ProgressLine

QUIET = """
import os, sys, warnings
from parity.commands.terminal import quiet
with quiet(verbose={verbose}):
    print("mine")
    print("mine too", file=sys.stderr)
    os.write(1, b"chatter\\n")
    os.write(2, b"chatter\\n")
    warnings.warn("chatter")
print("after")
os.write(2, b"written after\\n")
"""


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_gets_one_line_that_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "30")
    monkeypatch.setattr(sys, "stderr", shown := Terminal())
    line = ProgressLine("unet")
    with line:
        line.show("stress input 1 of 9, a long name")
    assert shown.getvalue().split("\r\x1b[K") == [
        "", "unet: building both sides", "unet: stress input 1 of 9, a ", "",
    ]  # fmt: skip


def test_anything_else_gets_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", shown := io.StringIO())
    with ProgressLine("unet"):
        pass
    assert shown.getvalue() == ""


def test_a_terminal_that_is_gone_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    class Gone(Terminal):
        def write(self, text: str) -> int:
            raise OSError(5, "Input/output error")

    monkeypatch.setattr(sys, "stderr", Gone())
    with ProgressLine("unet"):
        pass


def test_new_kernels_of_jittor_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    jittor = SimpleNamespace(flags=SimpleNamespace(cache_path=str(tmp_path)))
    monkeypatch.setitem(sys.modules, "jittor", jittor)  # type: ignore[arg-type]
    kernels = Kernels()
    assert kernels.remark() == ""
    (tmp_path / "jit").mkdir()
    assert kernels.remark() == ""
    (tmp_path / "jit" / "a.so").touch()
    assert kernels.remark() == " (kernels compiled: 1)"
    assert kernels.remark() == ""


@pytest.mark.parametrize("verbose", [False, True])
def test_what_libraries_write_is_kept_out(verbose: bool) -> None:
    run = subprocess.run(
        [sys.executable, "-c", QUIET.format(verbose=verbose)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert run.stdout.split() == ["mine", *(["chatter"] * verbose), "after"] or verbose
    assert "mine too\n" in run.stderr
    assert run.stderr.endswith("written after\n")
    for stream in (run.stdout, run.stderr):
        assert ("chatter" in stream) is verbose
