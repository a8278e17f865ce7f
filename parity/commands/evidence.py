"""`parity evidence`: a page for the README of a port, from the files of other commands."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from parity.evidence.words import Language

EVIDENCE = """\
Write a page that shows others how far a port agrees with its original: alignment by phase,
coverage, first and last losses, times in turn, pictures, environment, and the commands that made
it. It is made from files alone, each known by its content, and refused without a comparison. A
comparison that does not agree is shown as such.
"""
NOTES = """\
the files, in any order:
  parity.json     parity check … --json, parity check-steps … --json, pytest --parity-json
  losses.json     parity losses … --json
  bench.json      pytest … --benchmark-json (pytest-benchmark)
  *.png, *.jpg    pictures: samples, loss curves of `parity losses --plot`

example:
  parity check my_pairs:unet --json parity.json
  parity losses torch.log jittor.log --json losses.json --plot losses.png
  parity evidence parity.json losses.json losses.png --md EVIDENCE.md --language both

exit status: 0 the page was written, and all comparisons on it agree, 1 it was written, and some do
not agree, 2 it was not written
"""
LANGUAGES: dict[str, Sequence[Language]] = {"en": ("en",), "zh": ("zh",), "both": ("en", "zh")}


def add_evidence(commands: Any) -> None:
    """Add the parser of `parity evidence`."""
    evidence = commands.add_parser(
        "evidence",
        help="write a page for a README from the files of other commands",
        description=EVIDENCE,
        epilog=NOTES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    evidence.add_argument("files", nargs="+", type=Path, metavar="FILE")
    evidence.add_argument(
        "--md", type=Path, required=True, metavar="FILE", help="the page, in Markdown"
    )
    evidence.add_argument(
        "--language",
        choices=list(LANGUAGES),
        default="en",
        help="English, Chinese, or both, one below the other (default: en)",
    )
    evidence.set_defaults(command=write_evidence)


def write_evidence(options: argparse.Namespace) -> int:
    """Write the page; return the exit status.

    Raises:
        CannotCompare: a file cannot be read, or none holds a comparison.
        CannotWrite: the page cannot be written.
    """
    from parity.evidence.document import write
    from parity.evidence.records import read_evidence
    from safe_files import require_writable
    from safe_files.reading import show

    require_writable(options.md)
    _require_own(options)
    evidence = read_evidence(options.files)
    write(evidence, options.md, LANGUAGES[options.language])
    differ = sum(not report.passed for report in evidence.reports)
    count = len(evidence.reports)
    print(f"{show(options.md)}: {count} comparison{'s' * (count != 1)}, {differ} that differ")
    return 1 if differ else 0


def _require_own(options: argparse.Namespace) -> None:
    """Refuse to replace a file that this command has not written.

    Raises:
        CannotCompare: the page is one of the files, or another file.
    """
    from parity.errors import CannotCompare
    from safe_files.reading import show

    page = options.md
    if not page.exists():
        return
    if any(path.exists() and path.samefile(page) for path in options.files):
        raise CannotCompare(f"--md {show(page)} is one of the files that it is made from")
    if "`parity evidence`" not in page.read_text(encoding="utf-8", errors="replace"):
        raise CannotCompare(
            f"{show(page)} is there, and `parity evidence` has not written it: name another file"
        )
