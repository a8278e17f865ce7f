"""The other end of `ddpm_study.timing.process.Worker`: reads questions and answers.

Each is a line of JSON.

Ends when its input does, so that it never outlives who asks.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from importlib import import_module
from typing import IO, Any

from ddpm.memory import peak_memory


def main() -> None:
    """Set up what the first line says, then do a unit for every further line."""
    # Libraries print where they like: answers go to a copy of stdout, and stdout to stderr.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    try:
        unit = _set_up(json.loads(sys.stdin.readline()))
        _answer(answers, {"ready": True})
        for _ in sys.stdin:
            begun = time.perf_counter()
            unit()
            seconds = time.perf_counter() - begun
            _answer(answers, {"seconds": seconds, "peak_memory": peak_memory()})
    except Exception as error:
        text = " ".join(str(error).split()) or type(error).__name__
        _answer(answers, {"error": f"{type(error).__name__}: {text}"})


def _set_up(question: dict[str, Any]) -> Callable[[], None]:
    module, _, name = question["workload"].partition(":")
    make = getattr(import_module(module), name)
    unit: Callable[[], None] = make(question["subject"], question["options"])
    return unit


def _answer(answers: IO[str], values: dict[str, Any]) -> None:
    print(json.dumps(values), file=answers, flush=True)


if __name__ == "__main__":
    main()
