"""`python -m audit.draws 137`: one number alone, with all that the gate says of it."""

from __future__ import annotations

import json

import click

from audit.draws.configuration import configuration
from audit.draws.faults import fault
from audit.draws.models import subjects
from parity.errors import CannotCompare


@click.command()
@click.argument("number", type=click.IntRange(min=0))
@click.option("--mutant", is_flag=True, help="Judge it with its fault planted.")
def main(number: int, mutant: bool) -> None:
    """Print the configuration of NUMBER and judge it; exit status 1 where a subject fails."""
    drawn = configuration(number)
    click.echo(json.dumps(drawn.values(), indent=1))
    own, planted = subjects(drawn), fault(drawn)
    if mutant:
        click.echo(f"{planted.kind}, {planted.name} ({planted.side}): {planted.text}")
        own = {planted.subject: own[planted.subject]}
    change = (planted.side, planted.edit) if mutant else ()
    try:
        reports = [base.judged(*change, seed=drawn.seed) for base in own.values()]
    except CannotCompare as error:
        click.echo(f"audit: {error}", err=True)
        raise SystemExit(2) from None
    click.echo("\n\n".join(map(str, reports)))
    raise SystemExit(0 if all(report.passed for report in reports) else 1)


if __name__ == "__main__":
    main()
