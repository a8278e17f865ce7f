"""How long a framework takes to start: its import, and for Jittor the first compile of all."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from typing import Any

IMPORTS = {
    "torch": "import torch",
    "jittor": "import jittor_env; jittor_env.load(); import jittor",
}
FIRST_STEP = """
from ddpm.config import preset
from ddpm_study.timing import workloads
options = {{"framework": {framework!r}, "config": preset("tiny").to_dict()}}
workloads.make("training_step", options)()
"""


def make(subject: str, options: dict[str, Any]) -> Callable[[], None]:
    """Return one start in a process of its own.

    Args:
        subject: `start`, a warm import; or `first_compile`, an import and one training step with
            nothing compiled before.
        options: `framework`.
    """
    framework = options["framework"]

    def start() -> None:
        _run(IMPORTS[framework], dict(os.environ))

    def first_compile() -> None:
        with tempfile.TemporaryDirectory() as home:
            _run(FIRST_STEP.format(framework=framework), {**os.environ, "JITTOR_HOME": home})

    return {"start": start, "first_compile": first_compile}[subject]


def _run(code: str, environment: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise RuntimeError(f"a start ended with status {done.returncode}: {last}")
