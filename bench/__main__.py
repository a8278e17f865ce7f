"""`python -m bench compare OLD NEW`: has anything become slower?"""

from __future__ import annotations

import sys
from pathlib import Path

import click

from bench.compare import compare
from ddpm.errors import InputError

SLOWER, CANNOT_COMPARE = 1, 2


@click.group()
def main() -> None:
    """Compare records of pytest bench."""


@main.command("compare")
@click.argument("old", type=click.Path(path_type=Path))
@click.argument("new", type=click.Path(path_type=Path))
def compare_command(old: Path, new: Path) -> None:
    """Flag each side whose ratio to the base rose by more than both records' spread.

    OLD and NEW are files of pytest bench --benchmark-json: ratios of pairs are compared, never
    times. They must be of the same number of threads; what else of machine and versions changed is
    listed first. Exit status 0 if nothing is slower, 1 if something is, 2 if the records cannot be
    compared.
    """
    try:
        found = compare(old, new)
    except InputError as error:
        click.echo(f"bench: {error}", err=True)
        sys.exit(CANNOT_COMPARE)
    for name, (was, now) in found.conditions.items():
        click.echo(f"note: {name} was {was}, is {now}")
    for change in found.changes:
        click.echo(str(change))
    for subject, side, preset, batch_size in found.lost:
        click.echo(f"{subject:<16} {side:<12} {preset}, batch {batch_size}: not in {new}")
    slower = sum(change.slower for change in found.changes)
    click.echo(f"{slower} of {len(found.changes)} ratios slower")
    sys.exit(SLOWER if slower else 0)


if __name__ == "__main__":
    main(prog_name="python -m bench")
