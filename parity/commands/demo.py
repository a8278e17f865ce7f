"""`parity demo`: a network, a port of it with one fault, and how the fault is found."""

from __future__ import annotations

import argparse
import difflib
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from parity.errors import CannotCompare, MissingPackage
from safe_files import CannotWrite, make_folder, write_text

ORIGINAL = '''\
"""A small network of residual blocks."""

import torch
from torch import nn


class Block(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.norm = nn.GroupNorm(4, channels)
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x):
        return x + self.conv(torch.relu(self.norm(x)))


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 16, 3, padding=1)
        self.blocks = nn.Sequential(*[Block(16) for _ in range(3)])
        self.head = nn.Linear(16, 10)

    def forward(self, x):
        x = self.blocks(self.stem(x))
        return self.head(x.mean((2, 3)))
'''
FRAMEWORK = "torch"
RIGHT, WRONG = "nn.GroupNorm(4, channels)", "nn.GroupNorm(4, channels, eps=1e-3)"
PORT = ORIGINAL.replace(RIGHT, WRONG)
WORDS = [
    "check",
    "--reference",
    "original.py:Net",
    "--candidate",
    "port.py:Net",
    "--input",
    "x=2,3,16,16",
]
# The program in a process of its own, wherever its modules are.
_PROGRAM = "import sys; sys.path[:] = {path!r}; from parity.cli import main; sys.exit(main())"


def run_demo(options: argparse.Namespace) -> int:
    """Write two files, compare them, repair the second, and compare again; return 0.

    Raises:
        CannotCompare: PyTorch is not there, or the fault was not found.
        CannotWrite: one of the files exists, or cannot be written.
    """
    if find_spec(FRAMEWORK) is None:
        raise MissingPackage("the demo is in PyTorch, which is not there: pip install torch")
    folder: Path = options.folder
    original, port = folder / "original.py", folder / "port.py"
    for path in (original, port):
        if path.exists():
            raise CannotWrite(f"{path} exists: choose another folder, parity demo FOLDER")
    make_folder(folder)
    write_text(original, ORIGINAL)
    write_text(port, PORT)
    print(f"{original} is a network, {port} its port, with one fault, as people make it:\n")
    print(_difference(ORIGINAL, PORT))
    print(f"Outputs of both look alike. In {folder}, this finds the fault:\n")
    if _compared(folder):
        raise CannotCompare("the fault was not found (inside parity; please report it)")
    write_text(port, PORT.replace(WRONG, RIGHT))
    print(f"\nNow {port} has what the original has, and the same command says:\n")
    if not _compared(folder):
        raise CannotCompare("the repaired port differs (inside parity; please report it)")
    print(
        "\nNext, with your own models: parity init looks for them and writes a file of pairs; "
        "parity check --help has the rest."
    )
    return 0


def _difference(before: str, after: str) -> str:
    lines = difflib.unified_diff(
        before.splitlines(), after.splitlines(), "original.py", "port.py", lineterm="", n=1
    )
    return "\n".join(f"    {line}" for line in lines) + "\n"


def _compared(folder: Path) -> bool:
    """Run the command in a folder, as a user would, and return whether the files agree."""
    print(f"$ parity {' '.join(WORDS)}", flush=True)
    program = _PROGRAM.format(path=[os.path.abspath(entry) for entry in sys.path])
    return subprocess.run([sys.executable, "-c", program, *WORDS], cwd=folder).returncode == 0
