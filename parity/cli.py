"""The program `parity`: check pairs, explain a report, compare two frameworks' operators."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from parity.errors import CannotCompare
from safe_files import CannotWrite, make_folder

if TYPE_CHECKING:
    from parity.report.report import Report

AGREE, DISAGREE, CANNOT_COMPARE = 0, 1, 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program; return 0 for agreement, 1 for disagreement, 2 if it could not compare."""
    options = _parser().parse_args(arguments)
    try:
        status: int = options.command(options)
    except (CannotCompare, CannotWrite) as error:
        print(f"parity: {error}", file=sys.stderr)
        return CANNOT_COMPARE
    except KeyboardInterrupt:
        print("parity: stopped; nothing was written", file=sys.stderr)
        return CANNOT_COMPARE
    return status


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(CANNOT_COMPARE, f"{self.prog}: {message}; see {self.prog} --help\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="parity",
        description="Prove whether a model and its port are the same function.",
        epilog="exit status: 0 they agree, 1 they disagree, 2 they could not be compared",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    check = commands.add_parser("check", help="compare pairs, forward and backward")
    check.add_argument("pairs", nargs="+", metavar="MODULE:ATTRIBUTE")
    check.add_argument("--seed", type=int, default=0, help="of inputs and shifts (default: 0)")
    check.add_argument("--strict", action="store_true", help="a side that loses digits fails too")
    check.add_argument("--json", type=Path, metavar="FILE", help="write the report, for one pair")
    check.add_argument("--html", type=Path, metavar="FILE", help="write a page, for one pair")
    check.add_argument(
        "--repro",
        type=Path,
        metavar="FILE",
        help="write a short script that shows the first divergence alone, for one pair",
    )
    check.set_defaults(command=_check)
    explain = commands.add_parser("explain", help="show a report that was written before")
    explain.add_argument("report", type=Path, metavar="PARITY.JSON")
    explain.add_argument("--html", type=Path, metavar="FILE", help="write it as a page as well")
    explain.set_defaults(command=_explain)
    atlas = commands.add_parser("atlas", help="compare Jittor's operators with PyTorch's, all")
    atlas.add_argument(
        "--only", action="append", default=[], metavar="GROUP", help="one group; may be repeated"
    )
    atlas.add_argument(
        "--json",
        type=Path,
        metavar="FILE",
        help="write the results as JSON; with --only, replace these groups in FILE",
    )
    atlas.add_argument("--markdown", type=Path, metavar="FILE", help="write the results as a page")
    atlas.set_defaults(command=_atlas)
    return parser


def _check(options: argparse.Namespace) -> int:
    from parity.pair_check import compare
    from parity.pair_loading import load_pairs

    subjects = [(subject, name) for name in options.pairs for subject in load_pairs(name)]
    if len(subjects) > 1 and (options.json or options.html or options.repro):
        raise CannotCompare(
            f"--json, --html and --repro take one pair, and {len(subjects)} were named"
        )
    worst = AGREE
    for subject, name in subjects:
        # A pair that cannot be compared does not keep the others from it.
        try:
            report = compare(subject, seed=options.seed)
            print(report)
            _write(report, options)
            if options.repro:
                _write_repro(report, name, options)
        except (CannotCompare, CannotWrite) as error:
            print(f"parity: {subject.name}: {error}", file=sys.stderr)
            worst = CANNOT_COMPARE
            continue
        worst = max(worst, AGREE if report.passes(strict=options.strict) else DISAGREE)
    return worst


def _write_repro(report: Report, name: str, options: argparse.Namespace) -> None:
    from parity.diagnose.reproducer import write_script

    if not write_script(report, name, seed=options.seed, path=options.repro):
        print(f"parity: nothing to show, {options.repro} was not written", file=sys.stderr)


def _explain(options: argparse.Namespace) -> int:
    from parity.report.report import Report

    report = Report.load(options.report)
    print(report)
    options.json = None
    _write(report, options)
    return AGREE if report.passed else DISAGREE


def _atlas(options: argparse.Namespace) -> int:
    """Survey operators; always exit with status 0, since divergences are the expected result."""
    from parity.atlas.output import document
    from parity.atlas.output.text import summary
    from parity.atlas.survey import update

    for path in (options.json, options.markdown):
        # Checked before minutes of work.
        if path:
            make_folder(path.absolute().parent)
    surveyed, stored = update(options.only, options.json)
    print(summary(surveyed))
    if options.markdown:
        document.write(stored, options.markdown)
    return AGREE


def _write(report: Report, options: argparse.Namespace) -> None:
    from parity.report.html import write_page

    if options.json:
        report.save(options.json)
    if options.html:
        write_page(report, options.html)
