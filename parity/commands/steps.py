"""`parity record-steps` and `parity check-steps`: training scripts as they are."""

from __future__ import annotations

import argparse
import sys

from parity.base.progress import listening
from parity.commands.check import AGREE, DISAGREE, print_next_steps, print_report
from parity.commands.terminal import ProgressLine
from parity.errors import CannotCompare
from parity.jittor_import import install
from safe_files import require_writable


def record_steps(options: argparse.Namespace) -> int:
    """Run a script and keep some of its steps; return the exit status.

    Raises:
        CannotCompare: the script cannot be run, or trains nothing.
        CannotWrite: the file cannot be written.
    """
    from parity.steps.recording import record_script

    require_writable(options.file)
    install()
    line = ProgressLine(options.file.name)
    with listening(line.show), line:
        kept = record_script(options.file, options.script, steps=_numbers(options.steps))
    size = options.file.stat().st_size / 2**20
    listed = ", ".join(map(str, kept))
    print(f"{options.file}: steps {listed} of the training loop, {size:.1f} MiB")
    missing = sorted({*_numbers(options.steps)} - {*kept})
    if missing:
        print(f"the script ended before step {missing[0]}", file=sys.stderr)
    return AGREE


def check_steps(options: argparse.Namespace) -> int:
    """Run a script and judge it against recorded steps; return the exit status.

    Raises:
        CannotCompare: the script cannot be run, or trains nothing; or the file does not fit.
    """
    from parity.steps.replaying import check_script

    for path in (options.json, options.html):
        if path is not None:
            require_writable(path)
    install()
    line = ProgressLine(options.file.name)
    with listening(line.show), line:
        report = check_script(
            options.file,
            options.script,
            rename=dict(_parts(text, "--rename") for text in options.rename),
            own_data=options.own_data,
            accept=dict(_parts(text, "--accept") for text in options.accept),
        )
    report = report.made_by(options.command_line)
    print_report(report, options)
    print_next_steps([report])
    if options.json is not None:
        report.save(options.json)
    if options.html is not None:
        from parity.report.pages.html import write_page

        write_page(report, options.html)
    return AGREE if report.passes(strict=options.strict) else DISAGREE


def _numbers(text: str) -> list[int]:
    """Return the numbers of steps: `3` means the first three, `0,10,100` these.

    Raises:
        CannotCompare: the text is neither.
    """
    try:
        found = [int(part) for part in text.split(",")]
    except ValueError:
        found = []
    numbers = list(range(found[0])) if len(found) == 1 else found
    if not numbers or min(numbers) < 0:
        raise CannotCompare(
            f"--steps {text}: give how many, from the first, or the numbers of some, as 0,10,100"
        )
    return numbers


def _parts(text: str, option: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign or not name or not value:
        raise CannotCompare(f"{option} {text}: give NAME=VALUE")
    return name, value
