"""`parity losses`: compares the loss curves of two trainings, read from their logs."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

LOSSES = """\
Compare the loss curves of two trainings. A log is a text with a step or epoch and a loss in a line,
JSON or JSON lines, a table (CSV, TSV), or TensorBoard's event file or a folder with some. With two
or more further runs of the same setting, B is judged against their spread; without them only its
distance is shown, since curves alone cannot tell a fault from rounding.
"""
LOSSES_NOTES = """\
examples:
  parity losses torch/train_log.txt jittor/train_log.txt
  parity losses a.log b.log --spread a2.log --spread a3.log --plot losses.png
  parity losses a.csv runs/b --column train_loss --tag Loss/train

exit status: 0 identical or within the spread, 1 outside the spread, 2 no verdict, or they could not
be compared
"""


def add_losses(commands: Any) -> None:
    """Add the parser of `parity losses`."""
    losses = commands.add_parser(
        "losses",
        help="compare the loss curves of two trainings",
        description=LOSSES,
        epilog=LOSSES_NOTES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    losses.add_argument("a", type=Path, metavar="A", help="log of the reference")
    losses.add_argument("b", type=Path, metavar="B", help="log of the candidate")
    for option, whose in (("--spread", "A"), ("--spread-b", "B")):
        losses.add_argument(
            option,
            action="append",
            default=[],
            type=Path,
            metavar="LOG",
            help=f"a further run of {whose}'s setting: another seed, or initial weights moved by "
            "one ulp; may be repeated",
        )
    losses.add_argument(
        "--column",
        default="loss",
        metavar="NAME",
        help="name of the loss in a text, a table or JSON (default: loss)",
    )
    losses.add_argument("--tag", metavar="NAME", help="name of the scalar in event files")
    losses.add_argument("--json", type=Path, metavar="FILE", help="the numbers as data")
    losses.add_argument("--plot", type=Path, metavar="FILE", help="both curves as a PNG")
    losses.set_defaults(command=compare_losses)


def compare_losses(options: argparse.Namespace) -> int:
    """Compare two curves and print the result; return the exit status.

    Raises:
        CannotCompare: a log cannot be read, the curves have no common step, or matplotlib is
            missing.
        CannotWrite: a file cannot be written.
    """
    from parity.curves.comparing import LOSSES_SCHEMA, compare_curves
    from parity.curves.plot import draw, require_matplotlib
    from parity.curves.reading import read_curve
    from parity.curves.text import curves_text
    from safe_files import require_writable, write_text
    from safe_files.reading import show

    for path in (options.json, options.plot):
        if path is not None:
            require_writable(path)
    if options.plot is not None:
        require_matplotlib()
    named = {"column": options.column, "tag": options.tag}
    a, b = (read_curve(options.a, "A", **named), read_curve(options.b, "B", **named))
    of_a = [read_curve(p, f"run {n} of A", **named) for n, p in enumerate(options.spread, 2)]
    of_b = [read_curve(p, f"run {n} of B", **named) for n, p in enumerate(options.spread_b, 2)]
    comparison = compare_curves(a, b, of_a, of_b)
    names = (show(options.a), show(options.b))
    print(curves_text(names, comparison))
    if options.json is not None:
        entry = {
            "schema": LOSSES_SCHEMA,
            "a": names[0],
            "b": names[1],
            **comparison.data(),
            "command": options.command_line,
        }
        write_text(options.json, json.dumps(entry, indent=2, allow_nan=False) + "\n")
    if options.plot is not None:
        draw(options.plot, names, comparison)
    return {"identical": 0, "within the spread": 0, "outside the spread": 1}.get(
        comparison.verdict, 2
    )
