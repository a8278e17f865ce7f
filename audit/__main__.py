"""`python -m audit`: every planted fault and every benign rewrite before the gate, with scores."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from audit import baselines, scores, vacuity
from audit.run import SETS, jobs, run
from audit.tables import describe
from ddpm.errors import InputError
from safe_files import CannotWrite, write_text

SCHEMA = "ddpm-audit/1"


def summary(records: Sequence[dict[str, Any]], *, quick: bool, only: Sequence[str]) -> Any:
    """Return audit.json as values."""
    mutants = scores.of(records, "mutant")
    return {
        "schema": SCHEMA,
        "command": "python -m audit --out audit.json",
        "quick": quick,
        "only": list(only),
        "rows": scores.rows(records),
        "kills": scores.kills(mutants),
        "localisation": scores.localisation(mutants),
        "confusion": scores.confusion(records),
        "drawn": scores.totals(records),
        "field": baselines.table(records),
        "survivors": scores.survivors(records),
        "accused": scores.accused(records),
        "vacuous": [*scores.vacuous(records), *vacuity.idle(records)],
        "explained": vacuity.EXPLAINED,
        "records": list(records),
    }


@click.command()
@click.option("--out", type=click.Path(path_type=Path), default=Path("audit.json"))
@click.option("--quick", is_flag=True, help="Every eighth case, the first 4 draws.")
@click.option("--only", multiple=True, help=f"{', '.join(SETS)}, or a class of fault.")
@click.option("--fresh", is_flag=True, help="Begin anew; else a run that was cut off goes on.")
def main(out: Path, quick: bool, only: tuple[str, ...], fresh: bool) -> None:
    """Plant faults and benign rewrites, see what the gate says, and write scores to OUT.

    Exit status 0: every fault was caught, nothing benign accused, and no check is blind.
    """
    try:
        todo = list(jobs(only, quick))
        records = run(todo, out.with_suffix(".jsonl"), fresh=fresh)
        audit = summary(records, quick=quick, only=only)
        write_text(out, json.dumps(audit, indent=1, allow_nan=False) + "\n")
    except (InputError, CannotWrite) as error:
        click.echo(f"audit: {error}", err=True)
        raise SystemExit(2) from None
    click.echo(describe(audit))
    raise SystemExit(1 if any(audit[k] for k in ("survivors", "accused", "vacuous")) else 0)


if __name__ == "__main__":
    main()
