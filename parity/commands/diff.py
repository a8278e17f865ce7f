"""`parity diff`: compares records of one model with each other, without any framework."""

from __future__ import annotations

import argparse
import itertools
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from parity.base.progress import listening
from parity.commands.check import AGREE, CANNOT_COMPARE, DISAGREE, print_report
from parity.commands.terminal import ProgressLine
from parity.errors import CannotCompare, code_of, refusal
from parity.report.report import Report
from safe_files import require_writable


def diff_records(options: argparse.Namespace) -> int:
    """Judge every record against every one before it; return the worst exit status.

    Raises:
        CannotCompare: the first is no record, or there is none to compare it with.
        CannotWrite: the report cannot be written.
    """
    from parity.pair_check import diff
    from parity.recording.record import Record

    paths: Sequence[Path] = options.records
    if len(paths) < 2:
        raise CannotCompare("one record alone cannot be compared: name two or more")
    if len({path.resolve() for path in paths}) < len(paths):
        raise CannotCompare("a record is named twice: name each once")
    if options.json is not None and len(paths) > 2:
        raise CannotCompare("--json writes the report of two records: name two")
    if options.json is not None:
        require_writable(options.json)
    first, worst = Record.open(paths[0]), AGREE
    records, reports = {paths[0]: first}, {}
    for path in paths[1:]:
        try:
            records[path] = Record.open(path)
        except CannotCompare as error:
            print(refusal(error, code_of(error)), file=sys.stderr)
            worst = CANNOT_COMPARE
    pairs = list(itertools.combinations(records, 2))
    for number, (column, row) in enumerate(pairs, 1):
        line = ProgressLine(f"{row.name} against {column.name} ({number} of {len(pairs)})")
        teacher = None if records[column] is first else first
        try:
            with listening(line.show), line:
                report = diff(records[column], records[row], teacher)
        except CannotCompare as error:
            print(refusal(error, code_of(error)), file=sys.stderr)
            worst = CANNOT_COMPARE
            continue
        reports[row, column] = report
        worst = max(worst, AGREE if report.passes(strict=options.strict) else DISAGREE)
    if len(paths) == 2:
        for report in reports.values():
            print_report(report, options)
            if options.json is not None:
                report.save(options.json)
    elif reports:
        print("\n".join(matrix(list(records), reports)))
    return worst


def matrix(paths: Sequence[Path], reports: Mapping[tuple[Path, Path], Report]) -> list[str]:
    """Return the verdicts of records against each other as lines, then where they part.

    Args:
        paths: of the records.
        reports: (candidate, reference) -> what came out.
    """
    from parity.report.text import amount, where

    width = max(len(path.name) for path in paths)
    cells = [len(report.verdict.name) for report in reports.values()]
    widths = [max(len(path.name), *cells) for path in paths[:-1]]

    def line(words: Sequence[str]) -> str:
        return "  ".join(f"{n:<{w}}" for n, w in zip(words, [width, *widths], strict=False))

    lines = [line(["", *(path.name for path in paths[:-1])])]
    for number, row in enumerate(paths[1:], 1):
        found = [reports.get((row, column)) for column in paths[:number]]
        verdicts = ["" if report is None else report.verdict.name for report in found]
        lines.append(line([row.name, *verdicts]))
    for (row, column), report in reports.items():
        divergence = report.first_divergence
        if divergence is not None:
            lines.append(
                f"{row.name} against {column.name}: {where(divergence)}, {amount(divergence)}"
            )
    return [line.rstrip() for line in lines]
