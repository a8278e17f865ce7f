"""`parity check`: compares pairs, one after the other, and writes what is asked for."""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from parity.base.progress import listening
from parity.commands.naming.subjects import Subject, subjects_of
from parity.commands.terminal import ProgressLine, quiet
from parity.compare.project import accepted_here
from parity.diagnose.next_steps import REFUSALS, SHOWN, next_step
from parity.errors import (
    CannotCompare,
    CodeRaised,
    NoPartner,
    RestartNeeded,
    Unexpected,
    UnusedEntry,
    code_of,
    one_line,
    refusal,
    users_line,
)
from parity.pair import Pair
from parity.report.outcome import Outcome
from parity.report.pages.markdown import Entry, summary
from parity.report.ratchet import Ratchet
from parity.report.report import Report
from parity.report.text import amount, where
from parity.report.tree_text import tree_lines
from parity.report.wording import file_stem
from safe_files import CannotWrite, make_folder, require_writable, write_text

if TYPE_CHECKING:
    from parity.recording.record import Record

AGREE, DISAGREE, CANNOT_COMPARE, SKIP = 0, 1, 2, 125
# Rows of module trees that are shown where names do not match; `parity tree` shows them all.
TREE_LINES = 20


def check_pairs(options: argparse.Namespace) -> int:
    """Compare every pair that the options name; return the exit status.

    A pair that cannot be compared does not keep the others from it.
    """
    worst, checked = AGREE, []
    with quiet(verbose=options.verbose):
        subjects, problems = subjects_of(options)
    outputs = _Outputs(options, many=len(subjects) > 1)
    ratchet = None
    if options.ratchet is not None:
        ratchet = Ratchet(options.ratchet)  # refuses another file before minutes of work
        require_writable(options.ratchet)
    elif options.update_ratchet:
        raise CannotCompare("--update-ratchet needs --ratchet FILE")
    for problem in problems:
        _print_problem(problem, options)
        worst = CANNOT_COMPARE
    for number, subject in enumerate(subjects, 1):
        name = subject.value.name
        line = ProgressLine(f"{name} ({number} of {len(subjects)})")
        try:
            with listening(line.show), line, quiet(verbose=options.verbose):
                report = _compared(subject, options).made_by(options.command_line)
            print_report(report, options)
            page = outputs.write(report, subject)
        except RestartNeeded:
            raise
        except (CannotCompare, CannotWrite) as error:
            _print_problem(error, options, name, as_options=not subject.source)
            worst = CANNOT_COMPARE
            checked.append(Entry(name, None, str(error)))
            continue
        checked.append(Entry(name, report, page=page))
        worst = max(worst, AGREE if report.passes(strict=options.strict) else DISAGREE)
    outputs.finish(checked)
    if checked and all(entry.report is not None for entry in checked):
        reports = [entry.report for entry in checked if entry.report is not None]
        worst = _ratcheted(ratchet, reports, worst, options)
        worst = _accepted(reports, worst, options)
    if ratchet is None:
        print_next_steps([entry.report for entry in checked if entry.report is not None])
    return SKIP if options.bisect and worst == CANNOT_COMPARE else worst


def _ratcheted(
    ratchet: Ratchet | None, reports: Sequence[Outcome], worst: int, options: argparse.Namespace
) -> int:
    """Return the exit status that `--ratchet` makes of another one, and say why."""
    is_empty = any(not report.findings for report in reports)  # nothing compared never passes
    if ratchet is None or worst == CANNOT_COMPARE or is_empty:
        return worst
    if not ratchet.exists:
        for report in reports:
            ratchet.note(report, strict=options.strict)
        ratchet.save()
        count = sum(map(len, ratchet.pairs.values()))
        print(f"{ratchet.path}: {count} places noted; from now on others fail")
        return AGREE
    changes = [(report, ratchet.change(report, strict=options.strict)) for report in reports]
    for report, change in changes:
        for finding in change.new:
            print(f"{report.pair}: not in {ratchet.path}: {where(finding)}, {amount(finding)}")
        if options.update_ratchet:
            ratchet.drop(report, change.gone)
        elif change.gone:
            print(
                f"{report.pair}: {len(change.gone)} places of {ratchet.path} agree now and must "
                "leave it: run this once with --update-ratchet"
            )
    if options.update_ratchet:
        ratchet.save()
    counts = [sum(c.noted for _, c in changes), sum(len(c.new) for _, c in changes)]
    print(f"{ratchet.path}: {counts[0]} places differ as noted, {counts[1]} others")
    is_left = any(change.gone for _, change in changes) and not options.update_ratchet
    return DISAGREE if counts[1] or is_left else AGREE


def _accepted(reports: Sequence[Outcome], worst: int, options: argparse.Namespace) -> int:
    """Name entries of the project's table that explained nothing; return the exit status."""
    used = {finding.known for report in reports for finding in report.findings}
    unused = accepted_here().unused(used)
    for text in unused:
        if options.strict:
            print(refusal(text, UnusedEntry.code), file=sys.stderr)
        else:
            print(f"parity: {text}")
    return CANNOT_COMPARE if unused and options.strict and worst == AGREE else worst


def _compared(subject: Subject, options: argparse.Namespace) -> Report:
    from parity.pair_check import check, compare

    try:
        if options.against is not None:
            record = _record(options.against, subject)
            return check(_pair(subject), seed=options.seed, reference=record)
        return compare(subject.value, seed=options.seed)
    except CannotCompare:
        raise
    except Exception as error:
        # Nothing that goes wrong may look like a disagreement, whose exit status is 1.
        place = users_line(error)
        kind = CodeRaised if place else Unexpected
        wrapped = kind(f"{one_line(error)} ({place or 'inside parity; please report it'})")
        wrapped.details = traceback.format_exc().rstrip()
        raise wrapped from error


def _pair(subject: Subject) -> Pair:
    if not isinstance(subject.value, Pair):
        raise CannotCompare("only a parity.Pair is judged against a record: leave out --against")
    return subject.value


def _record(path: Path, subject: Subject) -> Record:
    from parity.recording.record import Record

    return Record.of(path, subject.value.name)


def print_report(report: Report, options: argparse.Namespace) -> None:
    """Print a report, and what `--strict` makes of it."""
    from parity.report.text import strict_note

    print(report)
    if options.strict and (note := strict_note(report)):
        print(note)


def print_next_steps(reports: Sequence[Outcome]) -> None:
    """Print what to do after reports; what several have in common once."""
    for step in dict.fromkeys(map(next_step, reports)):
        print(f"next: {step}")


def _print_problem(
    error: CannotCompare | CannotWrite,
    options: argparse.Namespace,
    name: str = "",
    *,
    as_options: bool = False,
) -> None:
    text = str(error)
    if name and name not in text:
        text = f"{name}: {text}"
    print(refusal(text, code_of(error)), file=sys.stderr)
    if isinstance(error, NoPartner) and error.tree is not None:
        lines = tree_lines(
            error.tree, only_differences=True, longest=TREE_LINES, as_options=as_options
        )
        print("\n".join(lines), file=sys.stderr)
    if code_of(error) in SHOWN:
        print(f"  what to do: {REFUSALS[code_of(error)].remedy}", file=sys.stderr)
    details = getattr(error, "details", "")
    if details and options.verbose:
        print(details, file=sys.stderr)


class _Outputs:
    """Writes reports, pages and scripts: to files for one pair, into folders for several."""

    def __init__(self, options: argparse.Namespace, *, many: bool) -> None:
        self._options, self._many = options, many
        self._used: dict[str, int] = {}
        for path in (options.json, options.html, options.repro, options.markdown):
            if path is not None:
                make_folder(path.absolute().parent)
        for path in (options.json, options.html, options.repro):
            if path is not None and self._is_folder(path) and path.is_file():
                raise CannotWrite(f"{path} is a file, and a folder is needed for several pairs")
            if path is not None and not self._is_folder(path):
                require_writable(path)
        if options.markdown is not None:
            require_writable(options.markdown)

    def write(self, report: Report, subject: Subject) -> str:
        """Write what is asked for; return the name of the page."""
        from parity.report.pages.html import write_page

        options, stem = self._options, self._stem(report.pair)
        page = ""
        if options.json:
            report.save(self._path(options.json, f"{stem}.json"))
        if options.html:
            path = self._path(options.html, f"{stem}.html")
            write_page(report, path)
            page = path.name
        if options.repro:
            self._write_repro(report, subject, self._path(options.repro, f"{stem}.py"))
        return page

    def finish(self, checked: list[Entry]) -> None:
        """Write the index of pages and the summaries."""
        from parity.report.pages.index import index_page

        if self._options.html and self._is_folder(self._options.html):
            write_text(self._path(self._options.html, "index.html"), index_page(checked))
        text = summary(checked)
        if self._options.markdown:
            write_text(self._options.markdown, text)
        if "GITHUB_STEP_SUMMARY" in os.environ:
            with Path(os.environ["GITHUB_STEP_SUMMARY"]).open("a", encoding="utf-8") as file:
                file.write(text)
        if os.environ.get("GITHUB_ACTIONS") == "true":
            for line in _annotations(checked, strict=self._options.strict):
                print(line)

    def _stem(self, pair: str) -> str:
        name = file_stem(pair)
        count = self._used[name] = self._used.get(name, 0) + 1
        return name if count == 1 else f"{name}@{count}"

    def _is_folder(self, path: Path) -> bool:
        return self._many or os.path.isdir(path) or str(path).endswith(os.sep)

    def _path(self, given: Path, name: str) -> Path:
        if not self._is_folder(given):
            return given
        make_folder(given)
        return given / name

    def _write_repro(self, report: Report, subject: Subject, path: Path) -> None:
        from parity.diagnose.reproducer import write_script

        written = bool(subject.source) and write_script(
            report, subject.source, seed=self._options.seed, path=path
        )
        if not written:
            print(f"parity: nothing to show, {path} was not written", file=sys.stderr)


def _annotations(checked: list[Entry], *, strict: bool) -> Iterator[str]:
    """Yield a workflow command of GitHub for each pair that fails."""
    from parity.report.text import amount, where

    for entry in checked:
        if entry.report is None:
            yield f"::error title=parity: {entry.name}::{entry.problem}"
        elif not entry.report.passes(strict=strict):
            first = entry.report.first_divergence
            text = entry.report.verdict.name
            if first is not None:
                text = f"{text} at {where(first)}, {amount(first)}"
            yield f"::error title=parity: {entry.name}::{text}"
