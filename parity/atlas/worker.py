"""Runs the tasks of a survey in a process of its own, one line of JSON at a time.

Jittor may end the process, or never return; the process that asks must survive that.
"""

from __future__ import annotations

import json
import os
import sys
import warnings

import numpy as np

from parity.atlas.backends import jittor_backend, torch_backend
from parity.atlas.tasks import perform


def serve() -> None:
    """Answer tasks from standard input on standard output until it ends."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what the frameworks print must not pass for an answer
    warnings.simplefilter("ignore")
    np.seterr(all="ignore")
    backends = torch_backend(), jittor_backend()
    for line in sys.stdin:
        print(json.dumps(perform(json.loads(line), *backends)), file=answers, flush=True)


if __name__ == "__main__":
    serve()
