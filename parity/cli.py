"""The program `parity`: check pairs, show a saved report, compare two frameworks' operators."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from parity.errors import CannotCompare
from parity.pair_loading import EXTRAS
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
    """Reports wrong usage in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(CANNOT_COMPARE, f"{self.prog}: {message}; see {self.prog} --help\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="parity",
        description="Tell whether a model and its port are the same function.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_check(commands)
    _add_explain(commands)
    _add_atlas(commands)
    return parser


EXAMPLES = """\
examples:
  parity check my_pairs:unet                     compare the pair `unet` of my_pairs.py
  parity check my_pairs --strict                 compare every pair of my_pairs.py
  parity check my_pairs:unet --json parity.json --repro show.py
  parity explain parity.json --html parity.html
  parity atlas --only norms

my_pairs.py holds one or more pairs:
  from parity import Pair
  unet = Pair(name="unet", reference=build_torch_model, candidate=build_jittor_model,
              inputs=lambda generator: {"x": generator.standard_normal((2, 3, 32, 32), "float32")})

exit status: 0 they agree, 1 they disagree, 2 they could not be compared
`pytest --pair my_pairs:unet` does the same as a test
"""
CHECK = """\
Run both sides in float64 and in float32 on the same weights and inputs, judge every tensor, forward
and backward, and name the first that differs. The report ends with what to do about it.
"""
CHECK_NOTES = """\
verdicts, from harmless to worst:
  IDENTICAL            bitwise equal
  WITHIN_NOISE         differs, and float32 rounding explains it
  NUMERICALLY_WEAKER   same function, one side loses digits; fails under --strict
  ABSTAIN              cannot be judged; fails unless the pair lists it in `allow`
  SEMANTIC_DIFFERENCE  not the same function
  ERROR                NaN, another shape or dtype, a crash
"""


def _add_check(commands: Any) -> None:
    check = commands.add_parser(
        "check",
        help="compare pairs, forward and backward",
        description=CHECK,
        epilog=CHECK_NOTES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    check.add_argument(
        "pairs",
        nargs="+",
        metavar="MODULE:ATTRIBUTE",
        help="a pair, trajectory or tables, a list of them, or a function that returns them; "
        "MODULE alone means all of that module; modules of the current folder are found",
    )
    check.add_argument(
        "--seed", type=int, default=0, help="of inputs and perturbations (default: 0)"
    )
    check.add_argument("--strict", action="store_true", help="a side that loses digits fails too")
    check.add_argument("--json", type=Path, metavar="FILE", help="write the report, for one pair")
    check.add_argument("--html", type=Path, metavar="FILE", help="write a page, for one pair")
    check.add_argument(
        "--repro",
        type=Path,
        metavar="FILE",
        help="write a short script that reruns only the first place that differs, for one pair",
    )
    check.set_defaults(command=_check)


def _add_explain(commands: Any) -> None:
    explain = commands.add_parser(
        "explain",
        help="show a report that `check --json` wrote",
        description="Print a report that `parity check --json` or `pytest --parity-json` wrote. "
        "The exit status is that of the comparison.",
    )
    explain.add_argument("report", type=Path, metavar="PARITY.JSON")
    explain.add_argument("--strict", action="store_true", help="a side that loses digits fails too")
    explain.add_argument("--html", type=Path, metavar="FILE", help="write it as a page as well")
    explain.set_defaults(command=_explain)


def _add_atlas(commands: Any) -> None:
    atlas = commands.add_parser(
        "atlas",
        help="compare all of Jittor's operators with PyTorch's",
        description="Compare Jittor's operators with PyTorch's, one by one, and list where they "
        "diverge, with workarounds. Takes minutes. Needs both frameworks: "
        "pip install 'ddpm-parity[torch,jittor]'. The exit status is 0 whatever is found.",
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
    atlas.set_defaults(command=_atlas)


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
            _print(report, options)
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
    _print(report, options)
    options.json = None
    _write(report, options)
    return AGREE if report.passes(strict=options.strict) else DISAGREE


def _print(report: Report, options: argparse.Namespace) -> None:
    from parity.report.text import strict_note

    print(report)
    if options.strict and (note := strict_note(report)):
        print(note)


def _atlas(options: argparse.Namespace) -> int:
    """Survey operators; always exit with status 0, since divergences are the expected result."""
    from parity.atlas.output import document
    from parity.atlas.output.text import summary
    from parity.atlas.survey import update

    missing = [extra for package, extra in EXTRAS.items() if not find_spec(package)]
    if missing:
        raise CannotCompare(
            f"the atlas needs {' and '.join(missing)}; pip install "
            f"'ddpm-parity[{','.join(missing)}]'"
        )
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
