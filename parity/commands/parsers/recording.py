"""The parsers of `parity record`, `parity diff` and `parity bundle`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from parity.commands.parsers.options import (
    add_named_pair,
    add_pairs,
    add_seed_and_verbose,
    require_installed,
)

RECORD = """\
Run one side of a pair, in float64 and in float32, and write what it leaves to a file: values and
gradients at every module, end to end, under every stress input, and the optimizer's steps. Only
that side's framework is needed. `parity check --against FILE` then judges the other side, on
another machine or in another environment, with the same verdicts as if both were there.
"""
RECORD_NOTES = """\
examples:
  parity record my_pairs:unet --out unet.parity
  parity record --reference nets.py:build --input x=2,3,32,32 --out unet.parity
  parity check --candidate port.py:build --against unet.parity

exit status: 0 the file was written, 2 it was not
"""


def add_record(commands: Any) -> None:
    """Add the parser of `parity record`."""
    record = commands.add_parser(
        "record",
        help="write what one side leaves, to judge the other elsewhere",
        description=RECORD,
        epilog=RECORD_NOTES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_pairs(record)
    add_named_pair(record)
    record.add_argument(
        "--out", type=Path, required=True, metavar="FILE", help="for several pairs a folder"
    )
    record.add_argument(
        "--side",
        choices=["reference", "candidate"],
        default="reference",
        help="the side to record (default: reference)",
    )
    record.add_argument(
        "--like",
        type=Path,
        metavar="RECORD",
        help="record the candidate on the weights, inputs and values of this record of the "
        "reference, for `parity diff`",
    )
    record.add_argument(
        "--stress",
        action="append",
        default=[],
        metavar="NAME",
        help="only this stress input, `plain` for example; may be repeated",
    )
    record.add_argument(
        "--places",
        action="append",
        default=[],
        metavar="PATTERN",
        help="record inside these modules only, 'down.*' for example; may be repeated",
    )
    record.add_argument(
        "--without",
        action="append",
        default=[],
        metavar="PATTERN[,PATTERN]",
        help="record nothing inside these modules, such as those that the other side spells out",
    )
    add_seed_and_verbose(record)
    record.set_defaults(command=_record)


def _record(options: argparse.Namespace) -> int:
    from parity.commands.record import record_pairs

    return record_pairs(options)


DIFF = """\
Compare records of one model with each other: two sides, devices, versions or settings, each
recorded where it runs. Nothing runs and no framework is needed. All but the first must have been
recorded on the first one's weights, inputs and values, with `parity record --like`. Two records
give the complete report, more a matrix of verdicts.
"""
DIFF_NOTES = """\
examples:
  parity record --reference nets.py:build --input x=2,3,32,32 --out torch.parity
  parity record --candidate port.py:build --like torch.parity --out jittor.parity
  parity diff torch.parity jittor.parity
  parity diff torch-cpu.parity torch-cuda.parity jittor-cpu.parity

exit status: 0 all agree, 1 two do not, 2 one could not be compared
"""


def add_diff(commands: Any) -> None:
    """Add the parser of `parity diff`."""
    diff = commands.add_parser(
        "diff",
        help="compare records with each other",
        description=DIFF,
        epilog=DIFF_NOTES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    diff.add_argument("records", nargs="+", type=Path, metavar="RECORD")
    diff.add_argument("--strict", action="store_true", help="a side that loses digits fails too")
    diff.add_argument(
        "--json", type=Path, metavar="FILE", help="the report as data, of two records"
    )
    diff.set_defaults(command=_diff)


def _diff(options: argparse.Namespace) -> int:
    from parity.commands.diff import diff_records

    return diff_records(options)


BUNDLE = """\
Write this program to one file that Python 3.8 or later runs with NumPy alone, for an environment in
which it cannot be installed: an old one with the framework of a paper, or one without a network.
"""
BUNDLE_NOTES = """\
examples:
  parity bundle parity.pyz
  python3.8 parity.pyz record --reference nets.py:build --input x=2,3,32,32 --out nets.parity
  python3.8 parity.pyz record-steps run.parity -- python train.py

In a script of that environment:
  import sys
  sys.path.insert(0, "parity.pyz")
  import parity
"""


def add_bundle(commands: Any) -> None:
    """Add the parser of `parity bundle`."""
    bundle = commands.add_parser(
        "bundle",
        help="write this program to one file, for Python 3.8 or later with NumPy alone",
        description=BUNDLE,
        epilog=BUNDLE_NOTES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    bundle.add_argument("out", type=Path, metavar="FILE", help="named .pyz by convention")
    bundle.set_defaults(command=_bundle)


def _bundle(options: argparse.Namespace) -> int:
    require_installed("bundle")
    from parity.bundle.write import write_bundle

    write_bundle(options.out)
    print(f"{options.out}: {options.out.stat().st_size / 2**20:.1f} MiB; run it with python")
    return 0
