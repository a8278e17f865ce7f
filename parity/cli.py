"""The program `parity`: check pairs, show a saved report, compare two frameworks' operators."""

from __future__ import annotations

import argparse
import difflib
import os
import shlex
import signal
import sys
import threading
import traceback
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any, NoReturn

from parity.commands.evidence import add_evidence
from parity.commands.losses import add_losses
from parity.commands.parsers.atlas import add_atlas
from parity.commands.parsers.options import (
    add_builders,
    add_named_pair,
    add_pairs,
    add_seed_and_verbose,
)
from parity.commands.parsers.recording import add_bundle, add_diff, add_record
from parity.commands.parsers.start import add_demo, add_init
from parity.commands.parsers.steps import add_steps, without_script
from parity.errors import (
    LONGEST,
    CannotCompare,
    MissingPackage,
    RestartNeeded,
    code_of,
    one_line,
    refusal,
)
from safe_files import CannotWrite

AGREE, DISAGREE, CANNOT_COMPARE = 0, 1, 2
SKIP = 125  # for `git bisect run`
# Codes of refusals that are no exceptions of this package.
USAGE, STOPPED = "usage", "stopped"
# A bundle runs where NumPy alone may be.
OPTIONAL = ("mpmath", "pandas", "matplotlib")
# Set in the environment of a program that was started again.
RESTARTED = "PARITY_RESTARTED"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program; return 0 for agreement, 1 for disagreement, 2 if it could not compare."""
    words, script = without_script(sys.argv[1:] if arguments is None else arguments)
    options = _parser().parse_args(words)
    options.script = script
    options.command_line = shlex.join(["parity", *words, *(["--", *script] if script else [])])
    if threading.current_thread() is threading.main_thread():
        for number in _signals():  # so that temporary files go, as after Ctrl-C
            if signal.getsignal(number) is signal.SIG_DFL:
                signal.signal(number, _stop)
    try:
        status: int = options.command(options)
    except RestartNeeded as error:
        return _restart(error)
    except (CannotCompare, CannotWrite) as error:
        print(refusal(error, code_of(error)), file=sys.stderr)
        return SKIP if getattr(options, "bisect", False) else CANNOT_COMPARE
    except KeyboardInterrupt:
        print(refusal("stopped; nothing was written", STOPPED), file=sys.stderr)
        return CANNOT_COMPARE
    except BrokenPipeError:  # `parity tree PAIR | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return CANNOT_COMPARE
    except Exception as error:
        # Whatever goes wrong, it is no disagreement, whose status is 1.
        print(_unexpected(error), file=sys.stderr)
        if getattr(options, "verbose", False):
            traceback.print_exc()
        return SKIP if getattr(options, "bisect", False) else CANNOT_COMPARE
    return status


def _unexpected(error: Exception) -> str:
    if isinstance(error, ModuleNotFoundError) and error.name in OPTIONAL:
        text = f"this needs {error.name}, which is not there: pip install {error.name}"
        return refusal(text, MissingPackage.code)
    return refusal(f"{one_line(error)} (inside parity; please report it)", code_of(error))


def _stop(number: int, frame: object) -> NoReturn:
    raise KeyboardInterrupt


def _signals() -> list[signal.Signals]:
    return [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]


def _let_children_end() -> None:
    """Let signals end a forked child as they end any process.

    A handler in Python may be missed by a child that is about to wait for a lock, as workers of
    pools do: `Pool.terminate`, which Jittor calls when it ends, would wait for it for ever.
    """
    for number in _signals():
        if signal.getsignal(number) is _stop:
            signal.signal(number, signal.SIG_DFL)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_let_children_end)


def _version() -> str:
    try:
        return metadata.version("ddpm-parity")
    except metadata.PackageNotFoundError:
        return "not installed"


def _restart(error: RestartNeeded) -> int:
    """Start the program again, once, as Jittor asks for after it has rebuilt a part of itself."""
    if RESTARTED in os.environ:
        text = f"{error}; it did so before: remove its cache"
        print(refusal(text, error.code), file=sys.stderr)
        return CANNOT_COMPARE
    sys.stdout.flush()
    os.execve(sys.executable, sys.orig_argv, {**os.environ, RESTARTED: "1"})


class _Parser(argparse.ArgumentParser):
    """Reports wrong usage in one line."""

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        choices = [str(choice) for choice in action.choices or ()]
        near = difflib.get_close_matches(str(value), choices, n=1)
        if str(value) not in choices and near:
            name = action.metavar or "/".join(action.option_strings)
            raise argparse.ArgumentError(
                None, f"there is no {name} {value!r}: the nearest is {near[0]!r}"
            )
        super()._check_value(action, value)

    def error(self, message: str) -> NoReturn:
        if len(message) > LONGEST:
            message = f"{message[: LONGEST // 2]} … {message[-LONGEST // 2 :]}"
        self.exit(CANNOT_COMPARE, f"{self.prog}: {message}; see {self.prog} --help  [{USAGE}]\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="parity",
        description="Tell whether a model and its port are the same function.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"parity {_version()}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    add_demo(commands)
    add_init(commands)
    _add_check(commands)
    add_record(commands)
    add_diff(commands)
    add_bundle(commands)
    add_steps(commands)
    add_losses(commands)
    add_evidence(commands)
    _add_tree(commands)
    _add_explain(commands)
    add_atlas(commands)
    return parser


EXAMPLES = """\
examples:
  parity demo                                    show on a small network how a fault is found
  parity init                                    find models, write a file of pairs to edit
  parity check my_pairs:unet                     compare the pair `unet` of my_pairs.py
  parity check path/to/my_pairs.py --strict      compare every pair of that file
  parity check --reference nets:build --candidate port.py:build --input x=2,3,32,32
  parity check my_pairs:unet --json parity.json --repro show.py
  parity record my_pairs:unet --out unet.parity  write what the reference leaves to a file
  parity check my_pairs:unet --against unet.parity   judge the candidate where it alone is
  parity record-steps run.parity -- python train.py  keep steps of a training script
  parity check-steps run.parity -- python port.py    judge another script against them
  parity bundle parity.pyz                       one file, for older environments
  parity tree my_pairs:unet                      show modules and parameters of both sides
  parity explain parity.json --html parity.html
  parity evidence parity.json losses.json --md EVIDENCE.md
  parity atlas --for my_pairs:unet               what the model meets in Jittor, before porting

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
    add_pairs(check)
    add_named_pair(check)
    add_seed_and_verbose(check)
    check.add_argument(
        "--against",
        type=Path,
        metavar="RECORD",
        help="judge against one side as `parity record` wrote it; that side is then neither built "
        "nor run; for several pairs a folder",
    )
    check.add_argument("--strict", action="store_true", help="a side that loses digits fails too")
    check.add_argument(
        "--bisect",
        action="store_true",
        help="exit with status 125 where pairs could not be compared, as `git bisect run` needs it",
    )
    check.add_argument(
        "--ratchet",
        type=Path,
        metavar="FILE",
        help="for ports on their way: a first run notes the places that differ in FILE; later only "
        "others fail, and places that agree must leave FILE",
    )
    check.add_argument(
        "--update-ratchet",
        action="store_true",
        help="take the places that agree now out of the file of --ratchet; adds none",
    )
    _add_outputs(check)
    check.set_defaults(command=_check)


TREE = """\
Build both sides and print their modules next to each other, with numbers of parameters and what has
no partner, or another shape, on the other side. Nothing is run. Where names or shapes differ, it
ends with `rename` and `weights` to paste into the pair.
"""


def _add_tree(commands: Any) -> None:
    tree = commands.add_parser(
        "tree",
        help="show modules and parameters of both sides",
        description=TREE,
        epilog="exit status: 0 every parameter has a partner of its shape, 1 some have none, "
        "2 they could not be built",
    )
    add_pairs(tree)
    add_builders(tree.add_argument_group("a pair without a file of pairs"))
    tree.add_argument(
        "--only-differences", action="store_true", help="leave out rows in which nothing differs"
    )
    tree.set_defaults(command=_tree)


def _tree(options: argparse.Namespace) -> int:
    from parity.commands.tree import show_trees

    return show_trees(options)


def _add_outputs(check: argparse.ArgumentParser) -> None:
    group = check.add_argument_group("files to write; for several pairs PATH is a folder")
    group.add_argument("--json", type=Path, metavar="PATH", help="the report as data")
    group.add_argument(
        "--html", type=Path, metavar="PATH", help="a page, with an index in a folder"
    )
    group.add_argument(
        "--repro",
        type=Path,
        metavar="PATH",
        help="a short script that reruns only the first place that differs",
    )
    group.add_argument(
        "--markdown", type=Path, metavar="FILE", help="a table with a row for each pair"
    )


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


def _check(options: argparse.Namespace) -> int:
    from parity.commands.check import check_pairs

    return check_pairs(options)


def _explain(options: argparse.Namespace) -> int:
    from parity.commands.check import print_next_steps, print_report
    from parity.report.pages.html import write_page
    from parity.report.report import Report

    report = Report.load(options.report)
    print_report(report, options)
    print_next_steps([report])
    if options.html:
        write_page(report, options.html)
    return AGREE if report.passes(strict=options.strict) else DISAGREE
