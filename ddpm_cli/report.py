"""`ddpm report`: the page about a run, from its records alone."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

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
    type=click.Path(path_type=Path),
    default=Path("reports/out"),
    help="A folder of ddpm reproduce.",
)
@click.option(
    "--against",
    type=click.Path(path_type=Path),
    help="Another such folder, to be laid beside it figure by figure.",
)
@click.option(
    "--audit",
    type=click.Path(path_type=Path),
    help="Scores of the gate's own audit, a file of python -m audit --out; kept in the folder and"
    " shown from then on.",
)
def command(folder: Path, against: Path | None, audit: Path | None) -> None:
    """Write the page and its pictures anew from the records of a run; nothing is computed.

    Exit status as of ddpm reproduce: 0 if the two agree, 1 if they differ or too few weights were
    compared, 2 if there is no run, or a record is missing, damaged or older.
    """
    if audit is not None:
        FinishedRun.load(folder)  # refuses a folder without a run before anything is written
        write_text(folder / AUDIT, json.dumps(read_audit(audit), indent=1) + "\n")
    sys.exit(publish(RunFolder(folder), against))


def publish(folder: RunFolder, against: Path | None = None) -> int:
    """Write the page and the text of a run; print the text; return the exit status."""
    run = FinishedRun.load(folder.path)
    page = write_page(run, against=None if against is None else FinishedRun.load(against))
    text = tables.text(run)
    write_text(folder.path / "table.txt", text + "\n")
    click.echo(text)
    click.echo(f"\npage: {page}; pictures: {folder.path / 'pictures'}")
    return DIFFER if run.outcome.fails else AGREE
