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

    OLD and NEW are files of pytest bench --benchmark-json, from any two machines: ratios of pairs
    are compared, never times. Exit status 0 if nothing is slower, 1 if something is, 2 if the
    records cannot be compared.
    """
    try:
        changes, lost = compare(old, new)
    except InputError as error:
        click.echo(f"bench: {error}", err=True)
        sys.exit(CANNOT_COMPARE)
    for change in changes:
        click.echo(str(change))
    for subject, side, preset, batch_size in lost:
        click.echo(f"{subject:<16} {side:<12} {preset}, batch {batch_size}: not in {new}")
    slower = sum(change.slower for change in changes)
    click.echo(f"{slower} of {len(changes)} ratios slower")
    sys.exit(SLOWER if slower else 0)


if __name__ == "__main__":
    main(prog_name="python -m bench")
