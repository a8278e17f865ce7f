"""`python -m bench compare OLD NEW`: tell what has become slower."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from bench.compare import compare
from ddpm.errors import InputError
from ddpm_study.command_line import Group

SLOWER, CANNOT_COMPARE = 1, 2


@click.group(cls=Group)
def main() -> None:
    """Compare records of pytest bench."""


@main.command("compare")
@click.argument("old", type=click.Path(path_type=Path))
@click.argument("new", type=click.Path(path_type=Path))
def compare_command(old: Path, new: Path) -> None:
    """Flag each implementation that has become slower relative to the base.

    OLD and NEW are files of pytest bench --benchmark-json. Their ratios are compared, never their
    times; a ratio has risen if its new interval lies entirely above the old one. Both records must
    be of the same number of threads; whatever else of machine and versions changed is listed first.
    Exit status 0 if nothing is slower, 1 if something is, 2 if the records cannot be compared.
    """
    try:
        comparison = compare(old, new)
    except InputError as error:
        click.echo(f"bench: {error}", err=True)
        sys.exit(CANNOT_COMPARE)
    for name, (before, after) in comparison.conditions.items():
        click.echo(f"note: {name} was {before}, is {after}")
    for change in comparison.changes:
        click.echo(str(change))
    for benchmark, implementation, preset, batch_size in comparison.lost:
        click.echo(
            f"{benchmark:<16} {implementation:<12} {preset}, batch {batch_size}: not in {new}"
        )
    slower = sum(change.slower for change in comparison.changes)
    click.echo(f"{slower} of {len(comparison.changes)} ratios are slower")
    sys.exit(SLOWER if slower else 0)


if __name__ == "__main__":
    main(prog_name="python -m bench")
