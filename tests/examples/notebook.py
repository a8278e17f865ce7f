"""Runs a notebook's cells in a fresh process, and stores what they print.

`python -m tests.examples.notebook examples/tutorial.ipynb` writes the outputs anew.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
END = "\x1eend of cell\x1e"
RUNNER = f"""
import json, sys
scope = {{"__name__": "__main__"}}
for source in json.load(sys.stdin):
    exec(compile(source, "<cell>", "exec"), scope)
    print({END!r}, flush=True)
"""


def cells(path: Path, kind: str) -> list[dict[str, Any]]:
    """Return a notebook's cells of one kind, `code` or `markdown`."""
    document = json.loads(path.read_text(encoding="utf-8"))
    return [cell for cell in document["cells"] if cell["cell_type"] == kind]


def printed(path: Path) -> list[str]:
    """Run the cells of code, one after the other, and return what each prints."""
    sources = json.dumps(["".join(cell["source"]) for cell in cells(path, "code")])
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", RUNNER], input=sources, env=environment, stdout=subprocess.PIPE,
        text=True, check=True,
    )  # fmt: skip
    return done.stdout.split(f"{END}\n")[:-1]


def stored(path: Path) -> list[str]:
    """Return what each cell of code printed when its output was stored."""
    outputs = [cell["outputs"] for cell in cells(path, "code")]
    return ["".join(line for output in of_cell for line in output["text"]) for of_cell in outputs]


def store(path: Path) -> None:
    """Run a notebook and write its outputs into it."""
    document = json.loads(path.read_text(encoding="utf-8"))
    code = [cell for cell in document["cells"] if cell["cell_type"] == "code"]
    for number, (cell, text) in enumerate(zip(code, printed(path), strict=True), 1):
        stream = {"name": "stdout", "output_type": "stream", "text": text.splitlines(keepends=True)}
        cell |= {"execution_count": number, "outputs": [stream] if text else []}
    path.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    store(Path(sys.argv[1]))
