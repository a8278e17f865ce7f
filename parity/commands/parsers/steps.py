"""The parsers of `parity record-steps` and `parity check-steps`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

RECORD = """\
Run a training script as it is, without a changed line, and keep what some of its steps leave:
batches, random numbers, inputs, outputs and mode of each call of a model, losses, gradients,
weights and optimizer states before and after, learning rates. The numbers of the run stay what they
are. The script is ended after the last of these steps.
"""
RECORD_NOTES = """\
examples:
  parity record-steps run.parity -- python train.py --epochs 1
  parity record-steps run.parity --steps 0,10,100 -- python train.py

A step ends when every optimizer has taken one, so a GAN's has at least two optimizer steps.
Averages of weights (EMA) are found if they start as a copy; parity.recording_steps(…) in the script
itself takes any.
"""
CHECK = """\
Run the training script of the other side as it is, and judge it against recorded steps. At each of
them weights, states, batches, random numbers, and the recorded tensors at every boundary are put
in, so each part is judged by itself: data, forward, loss, backward, clipping, optimizer, scheduler.
"""
CHECK_NOTES = """\
examples:
  parity check-steps run.parity -- python train_jittor.py --epochs 1
  parity check-steps run.parity --own-data \\
      --accept jittor.adam.eps='the effect is below 1e-5 of an update' -- python train_jittor.py

exit status: 0 they agree, 1 they disagree, 2 they could not be compared
"""


def add_steps(commands: Any) -> None:
    """Add both parsers."""
    record = _parser(
        commands, "record-steps", "keep steps of a training script in a file", RECORD, RECORD_NOTES
    )
    record.add_argument(
        "--steps",
        default="3",
        metavar="N[,N…]",
        help="how many, from the first, or the numbers of some (default: 3)",
    )
    record.set_defaults(command=_record)
    check = _parser(
        commands, "check-steps", "judge a training script against such a file", CHECK, CHECK_NOTES
    )
    check.add_argument(
        "--rename",
        action="append",
        default=[],
        metavar="REFERENCE=CANDIDATE",
        help="path of a module or parameter that has another name in the candidate",
    )
    check.add_argument(
        "--own-data",
        action="store_true",
        help="both sides shuffle by themselves: use the recorded batches and do not judge them",
    )
    check.add_argument(
        "--accept",
        action="append",
        default=[],
        metavar="DIVERGENCE=REASON",
        help="a known divergence of the frameworks, jittor.adam.eps and why it is fine",
    )
    check.add_argument("--strict", action="store_true", help="a side that loses digits fails too")
    check.add_argument("--json", type=Path, metavar="FILE", help="the report as data")
    check.add_argument("--html", type=Path, metavar="FILE", help="the report as a page")
    check.set_defaults(command=_check)


def _parser(commands: Any, name: str, help: str, text: str, notes: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(
        name,
        help=help,
        usage=f"parity {name} FILE.parity [options] -- python SCRIPT …",
        description=text,
        epilog=notes,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", type=Path, metavar="FILE.parity", help="of the recorded steps")
    return parser


def without_script(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the arguments of the program, and the script's own after `--`.

    Args:
        arguments: of the command line; of other commands they stay together.
    """
    words = list(arguments)
    if not words or words[0] not in ("record-steps", "check-steps") or "--" not in words:
        return words, []
    at = words.index("--")
    return words[:at], words[at + 1 :]


def _record(options: argparse.Namespace) -> int:
    from parity.commands.steps import record_steps

    return record_steps(options)


def _check(options: argparse.Namespace) -> int:
    from parity.commands.steps import check_steps

    return check_steps(options)
