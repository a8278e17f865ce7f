from __future__ import annotations

import subprocess
import sys


def test_the_module_is_the_program() -> None:
    done = subprocess.run([sys.executable, "-m", "parity", "check"], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith("parity: nothing to compare")
    assert len(done.stderr.splitlines()) == 1
