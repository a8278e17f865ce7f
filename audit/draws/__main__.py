"""`python -m audit.draws 137`: one number alone, with the full report of each subject."""

from __future__ import annotations

import json

import click


@click.command()
@click.argument("number", type=click.IntRange(min=0))
@click.option("--mutant", is_flag=True, help="Check it with its fault injected.")
def main(number: int, mutant: bool) -> None:
    """Print the configuration of NUMBER and check it; exit status 1 where a subject fails."""
    # These import PyTorch, which the help text does not need.
    from audit.draws.configuration import configuration
    from audit.draws.faults import fault
    from audit.draws.models import subjects
    from parity.errors import CannotCompare

    drawn = configuration(number)
    click.echo(json.dumps(drawn.values(), indent=1))
    bases, injected = subjects(drawn), fault(drawn)
    m = injected.mutant
    if mutant:
        click.echo(f"{m.kind}, {m.name} ({m.side}): {m.text}")
        bases = {injected.subject: bases[injected.subject]}
    edited = (m.side, m.edit) if mutant else ()
    try:
        reports = [base.check(*edited, seed=drawn.seed) for base in bases.values()]
    except CannotCompare as error:
        click.echo(f"audit: {error}", err=True)
        raise SystemExit(2) from None
    click.echo("\n\n".join(map(str, reports)))
    raise SystemExit(0 if all(report.passed for report in reports) else 1)


if __name__ == "__main__":
    main()
