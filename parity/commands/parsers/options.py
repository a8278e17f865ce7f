"""Options that several commands of the program `parity` have."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from parity.errors import CannotCompare


def add_pairs(command: argparse.ArgumentParser) -> None:
    """Add the names of pairs."""
    command.add_argument(
        "pairs",
        nargs="*",
        metavar="MODULE:ATTRIBUTE",
        help="a pair, trajectory or tables, a list of them, or a function that returns them; "
        "MODULE alone means all of that module; FILE.py:ATTRIBUTE works too",
    )


def add_builders(group: Any) -> None:
    """Add the two builders of a pair without a file of pairs."""
    group.add_argument(
        "--reference", metavar="MODULE:BUILDER", help="function or class that builds the reference"
    )
    group.add_argument(
        "--candidate", metavar="MODULE:BUILDER", help="function or class that builds the candidate"
    )
    group.add_argument(
        "--rename",
        action="append",
        default=[],
        metavar="REFERENCE=CANDIDATE",
        help="path of a module or parameter that has another name in the candidate",
    )


def add_named_pair(check: argparse.ArgumentParser) -> None:
    """Add what a pair without a file of pairs needs to be run."""
    group = check.add_argument_group("a pair without a file of pairs")
    add_builders(group)
    group.add_argument(
        "--input",
        action="append",
        default=[],
        metavar="[NAME=][DTYPE:]SHAPE",
        help="x=2,3,32,32 draws normal numbers, t=int64<1000:2 integers below 1000; without NAME "
        "by position; may be repeated",
    )
    group.add_argument("--training", action="store_true", help="compare in training mode")


def add_seed_and_verbose(command: argparse.ArgumentParser) -> None:
    """Add the seed of inputs and perturbations, and whether tracebacks are shown."""
    command.add_argument(
        "--seed", type=int, default=0, help="of inputs and perturbations (default: 0)"
    )
    command.add_argument("--verbose", action="store_true", help="show tracebacks of what raises")


def require_installed(command: str) -> None:
    """Require the package as files, since a bundle leaves some of it out.

    Raises:
        CannotCompare: this runs in a bundle.
    """
    if not Path(__file__).is_file():
        raise CannotCompare(f"a bundle has no command {command}: use the installed program")
