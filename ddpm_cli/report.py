"""`ddpm report`: write the page about a run from its records."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from ddpm_cli.options import file_or_folder
from ddpm_study.page import tables
from ddpm_study.page.finished_run import AUDIT, FinishedRun, read_audit
from ddpm_study.page.page import write_page
from ddpm_study.run.records import RunFolder
from safe_files import write_text

AGREE, DIFFER = 0, 1


@click.command()
@click.option(
    "--from",
    "folder",
    type=file_or_folder,
    default=Path("reports/out"),
    help="The folder of a run of ddpm reproduce.",
)
@click.option(
    "--against",
    type=file_or_folder,
    help="The folder of another run, whose figures are shown beside this one's.",
)
@click.option(
    "--audit",
    type=file_or_folder,
    help="The scores of the harness's own audit, a file of python -m audit --out. It is copied into"
    " the folder and shown from then on.",
)
def command(folder: Path, against: Path | None, audit: Path | None) -> None:
    """Write the page about a run, and its pictures, from the run's records.

    Nothing is trained, sampled or timed again. Exit status as for ddpm reproduce: 0 if the two
    implementations agree, 1 if they differ or too few weights were compared, 2 if there is no run,
    or a record is missing, damaged or of an older version.
    """
    scores = None if audit is None else read_audit(audit)
    sys.exit(publish(RunFolder(folder), against, scores))


def publish(
    folder: RunFolder, against: Path | None = None, audit: dict[str, Any] | None = None
) -> int:
    """Write the page and the table of a run, print the table, and return the exit status.

    Everything is read and checked before the first file is written.
    """
    run = FinishedRun.load(folder.path)
    other = None if against is None else FinishedRun.load(against)
    for each in (run, other):
        if each is not None:
            each.require_files()
    if audit is not None:
        write_text(folder.path / AUDIT, json.dumps(audit, indent=1) + "\n")
        run = FinishedRun.load(folder.path)
    page = write_page(run, against=other)
    text = tables.text(run)
    write_text(folder.path / "table.txt", text + "\n")
    click.echo(text)
    click.echo(f"\npage: {page}; pictures: {folder.path / 'pictures'}")
    return DIFFER if run.outcome.fails else AGREE
