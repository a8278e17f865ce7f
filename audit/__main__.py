"""`python -m audit`: checks every injected fault and every rewrite, and scores the results."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from audit.results.journal import SCHEMA, run
from audit.sets import SETS
from ddpm.errors import InputError
from ddpm_study.command_line import Command
from safe_files import CannotWrite, write_text


def summary(records: Sequence[dict[str, Any]], *, quick: bool, only: Sequence[str]) -> Any:
    """Return audit.json as values."""
    from audit import baselines
    from audit.corruption import corrupted_checks
    from audit.results import scores

    mutants = scores.of_set(records, "mutant")
    return {
        "schema": SCHEMA,
        "command": "python -m audit --out audit.json",
        "quick": quick,
        "only": list(only),
        "rows": scores.rows(records),
        "caught_by_class": scores.caught_by_class(mutants),
        "localisation": scores.localisation(mutants),
        "verdicts": scores.verdicts(records),
        "drawn": scores.drawn_totals(records),
        "baselines": baselines.table(records),
        "missed": scores.missed(records),
        "false_positives": scores.false_positives(records),
        "cannot_fail": scores.cannot_fail(records),
        "explained": {name: e.reason for name, e in corrupted_checks.EXPLAINED.items()},
        "unused_explanations": corrupted_checks.unused_explanations(records),
        "records": list(records),
    }


@click.command(cls=Command)
@click.option("--out", type=click.Path(path_type=Path), default=Path("audit.json"))
@click.option("--quick", is_flag=True, help="Every eighth case, the first 4 draws.")
@click.option("--only", multiple=True, help=f"{', '.join(SETS)}, or a class of fault.")
@click.option("--fresh", is_flag=True, help="Start again; else an interrupted run is continued.")
def main(out: Path, quick: bool, only: tuple[str, ...], fresh: bool) -> None:
    """Inject faults and equivalent rewrites, check each, and write the scores to OUT.

    Exit status 0: every fault was caught, nothing correct failed, and every check can fail.
    """
    # The cases import PyTorch, which the help text does not need.
    from audit.jobs import jobs
    from audit.results.markdown import describe

    try:
        records = run(list(jobs(only, quick)), out.with_suffix(".jsonl"), fresh=fresh)
        audit = summary(records, quick=quick, only=only)
        write_text(out, json.dumps(audit, indent=1, allow_nan=False) + "\n")
    except (InputError, CannotWrite) as error:
        click.echo(f"audit: {error}", err=True)
        raise SystemExit(2) from None
    click.echo(describe(audit))
    wrong = ("missed", "false_positives", "cannot_fail", "unused_explanations")
    raise SystemExit(1 if any(audit[key] for key in wrong) else 0)


if __name__ == "__main__":
    main(prog_name="python -m audit")
