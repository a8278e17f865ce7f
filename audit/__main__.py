"""`python -m audit`: checks every injected fault and every rewrite, and scores the results."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import click

from audit.results.journal import SCHEMA, run
from audit.sets import SETS
from ddpm.errors import InputError
from ddpm_study.command_line import Command
from safe_files import CannotWrite, write_text

MOST_PROCESSES = 64


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
@click.option(
    "--jobs",
    "processes",
    type=click.IntRange(1, MOST_PROCESSES),
    default=1,
    show_default=True,
    help="Processes that check cases at the same time; the scores are the same.",
)
def main(out: Path, quick: bool, only: tuple[str, ...], fresh: bool, processes: int) -> None:
    """Inject faults and equivalent rewrites, check each, and write the scores to OUT.

    Each record is kept in OUT's name with .jsonl as soon as it is made; the same command, with any
    --jobs, goes on after a kill. Records of other code are not used.

    Exit status 0: every fault was caught, nothing correct failed, and every check can fail; 1: not
    so; 2: an input cannot be used; 130: interrupted.
    """
    # The cases import PyTorch, which the help text does not need.
    from audit.jobs import jobs
    from audit.results.markdown import describe

    try:
        records = run(
            partial(jobs, only, quick), out.with_suffix(".jsonl"), fresh=fresh, processes=processes
        )
        audit = summary(records, quick=quick, only=only)
        write_text(out, json.dumps(audit, indent=1, allow_nan=False) + "\n")
    except (InputError, CannotWrite) as error:
        click.echo(f"audit: {error}", err=True)
        raise SystemExit(2) from None
    except KeyboardInterrupt:
        click.echo("audit: interrupted; the same command goes on from there", err=True)
        raise SystemExit(130) from None
    click.echo(describe(audit))
    wrong = ("missed", "false_positives", "cannot_fail", "unused_explanations")
    raise SystemExit(1 if any(audit[key] for key in wrong) else 0)


if __name__ == "__main__":
    main(prog_name="python -m audit")
