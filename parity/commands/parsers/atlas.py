"""The parser of `parity atlas`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from parity.commands.parsers.options import require_installed

ATLAS = """\
Compare Jittor's operators with PyTorch's, forward and backward, and list where they diverge, with
workarounds: all that the atlas knows, or with --for those that a PyTorch model uses, with its own
arguments, shapes, values and weights, before any of it is ported.
"""
NOTES = """\
examples:
  parity atlas --only norms
  parity atlas --for my_pairs:unet
  parity atlas --for nets.py:build --input x=2,3,32,32 --markdown atlas.md

takes minutes; needs both frameworks: pip install 'ddpm-parity[torch,jittor]'
exit status: 0 whatever is found, 2 it could not be made
"""


def add_atlas(commands: Any) -> None:
    """Add the parser of `parity atlas`."""
    atlas = commands.add_parser(
        "atlas",
        help="compare Jittor's operators with PyTorch's: all, or those of a model",
        description=ATLAS,
        epilog=NOTES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    atlas.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="GROUP",
        help="one group, such as norms; may be repeated; a wrong name lists all groups",
    )
    atlas.add_argument(
        "--json",
        type=Path,
        metavar="FILE",
        help="write the results as JSON; with --only, replace these groups in FILE",
    )
    atlas.add_argument("--markdown", type=Path, metavar="FILE", help="write the results as a page")
    group = atlas.add_argument_group("the atlas of a model")
    group.add_argument(
        "--for",
        dest="model",
        metavar="PAIR",
        help="a pair, `my_pairs:unet`, of which only the reference is built; or with --input a "
        "function or class that builds a PyTorch model, `nets.py:build`",
    )
    group.add_argument(
        "--input",
        action="append",
        default=[],
        metavar="[NAME=][DTYPE[<LIMIT]:]SHAPE",
        help="an input of the model, x=2,3,32,32 or t=int64<1000:2; may be repeated",
    )
    group.add_argument(
        "--training", action="store_true", help="with --input: run the model in training mode"
    )
    group.add_argument(
        "--quick",
        action="store_true",
        help="only on the model's own values, not on zeros, NaN, large numbers and the like",
    )
    atlas.set_defaults(command=_atlas)


def _atlas(options: argparse.Namespace) -> int:
    require_installed("atlas")
    from parity.commands.atlas import survey_atlas

    return survey_atlas(options)
