"""The parsers of `parity demo` and `parity init`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

DEMO = """\
Write a small network and a port of it that has one fault, find the fault, repair it, and compare
again, as you would with models of your own. Needs PyTorch alone, and some seconds.
"""


def add_demo(commands: Any) -> None:
    """Add the parser of `parity demo`."""
    demo = commands.add_parser(
        "demo",
        help="show on a small network how a fault is found",
        description=DEMO,
        epilog="exit status: 0 the fault was found and repaired, 2 the demo could not be run",
    )
    demo.add_argument(
        "folder",
        nargs="?",
        type=Path,
        default=Path("parity-demo"),
        metavar="FOLDER",
        help="for the two files (default: parity-demo)",
    )
    demo.set_defaults(command=_demo)


def _demo(options: argparse.Namespace) -> int:
    from parity.commands.demo import run_demo

    return run_demo(options)


INIT = """\
Look for models of PyTorch and Jittor in a folder, match those of one name, and write a file of
pairs to complete. The source is read and nothing of it is run. Classes inside others, and functions
that build models, are not found.
"""


def add_init(commands: Any) -> None:
    """Add the parser of `parity init`."""
    init = commands.add_parser(
        "init",
        help="look for models, and write a file of pairs to complete",
        description=INIT,
        epilog="exit status: 0 the file was written, 2 it was not",
    )
    init.add_argument(
        "folder",
        nargs="?",
        type=Path,
        default=Path(),
        metavar="FOLDER",
        help="to look in (default: the current one)",
    )
    init.add_argument(
        "--out", type=Path, default=Path("pairs.py"), metavar="FILE", help="(default: pairs.py)"
    )
    init.set_defaults(command=_init)


def _init(options: argparse.Namespace) -> int:
    from parity.commands.init import write_pairs

    return write_pairs(options)
