"""`parity diff`: compares records of one model with the first of them, without any framework."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from parity.base.progress import listening
from parity.commands.check import AGREE, CANNOT_COMPARE, DISAGREE, print_report
from parity.commands.terminal import ProgressLine
from parity.errors import CannotCompare
from parity.report.report import Report
from safe_files import require_writable


def diff_records(options: argparse.Namespace) -> int:
    """Judge every record against the first; return the worst exit status.

    Raises:
        CannotCompare: the first is no record, or there is none to compare it with.
        CannotWrite: the report cannot be written.
    """
    from parity.pair_check import diff
    from parity.recording.record import Record

    paths: Sequence[Path] = options.records
    if len(paths) < 2:
        raise CannotCompare("one record alone cannot be compared: name two or more")
    if options.json is not None and len(paths) > 2:
        raise CannotCompare("--json writes the report of two records: name two")
    if options.json is not None:
        require_writable(options.json)
    first, worst, rows = Record.open(paths[0]), AGREE, []
    for number, path in enumerate(paths[1:], 1):
        line = ProgressLine(f"{path.name} ({number} of {len(paths) - 1})")
        try:
            with listening(line.show), line:
                report = diff(first, Record.open(path))
        except CannotCompare as error:
            print(f"parity: {error}", file=sys.stderr)
            worst = CANNOT_COMPARE
            continue
        rows.append((path.name, report))
        worst = max(worst, AGREE if report.passes(strict=options.strict) else DISAGREE)
    if len(paths) == 2 and rows:
        print_report(rows[0][1], options)
        if options.json is not None:
            rows[0][1].save(options.json)
    elif rows:
        print("\n".join(table(paths[0].name, rows)))
    return worst


def table(first: str, rows: Sequence[tuple[str, Report]]) -> list[str]:
    """Return a line for each record: its verdict against the first, and where they part."""
    from parity.report.text import amount, where

    width = max(len(name) for name, _ in rows)
    lines = [f"against {first}:"]
    for name, report in rows:
        divergence = report.first_divergence
        place = "" if divergence is None else f"{where(divergence)}, {amount(divergence)}"
        lines.append(f"  {name:<{width}}  {report.verdict.name:<19}  {place}".rstrip())
    return lines
