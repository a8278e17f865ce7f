"""The start of a framework: its import, and for Jittor its very first compilation."""

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


def make(benchmark: str, options: dict[str, Any]) -> Callable[[], None]:
    """Return a function that starts a framework in a new process.

    Args:
        benchmark: `start`, a warm import; or `first_compile`, an import and one training step with
            nothing compiled before.
        options: `framework`.
    """
    framework = options["framework"]

    def start() -> None:
        _run(IMPORTS[framework], dict(os.environ))

    def first_compile() -> None:
        with tempfile.TemporaryDirectory() as home:
            _run(FIRST_STEP.format(framework=framework), {**os.environ, "JITTOR_HOME": home})

    return {"start": start, "first_compile": first_compile}[benchmark]


def _run(code: str, environment: dict[str, str]) -> None:
    finished = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    if finished.returncode:
        last = (finished.stderr.strip().splitlines() or ["no message"])[-1]
        raise RuntimeError(f"a start ended with status {finished.returncode}: {last}")
