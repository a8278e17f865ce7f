"""Lists the jobs of an audit: every case of every set, or of those that were asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

from audit import baselines, double_faults, sensitivity
from audit import mutants as _mutants  # noqa: F401  fills the list
from audit import rewrites as _rewrites  # noqa: F401
from audit.case import MUTANTS, REWRITES
from audit.corruption import corrupted_checks
from audit.evaluate import record
from audit.results.journal import Job
from audit.sets import FORMER_NAMES, SETS
from ddpm.errors import InputError

# The quick part has every eighth case; the others add breadth, and no other kind.
QUICK = 8


def jobs(only: Sequence[str], quick: bool) -> Iterator[Job]:
    """List the jobs of an audit.

    Args:
        only: sets and classes of fault; empty for everything.
        quick: whether to list every eighth mutant and rewrite and the first draws alone.

    Raises:
        InputError: a name in `only` is neither a set nor a class of fault.
    """
    only = [FORMER_NAMES.get(name, name) for name in only]
    cases = [("mutant", case) for case in MUTANTS] + [("rewrite", case) for case in REWRITES]
    kinds = {case.kind for _, case in cases}
    unknown = sorted(set(only) - kinds - set(SETS))
    if unknown:
        known = ", ".join([*SETS, *sorted(kinds)])
        raise InputError(f"--only {unknown[0][:40]!r}: there is no such part; choose from {known}")
    for number, (name, case) in enumerate(cases):
        wanted = not only or name in only or case.kind in only
        if wanted and not (quick and number % QUICK):
            yield f"{name}/{case.kind}/{case.side}/{case.name}", partial(record, case)
    if "drawn" in only or not only:
        yield from _drawn(quick)
    further = {
        "double": double_faults,
        "corruption": corrupted_checks,
        "sensitivity": sensitivity,
        "baseline": baselines,
    }
    for name, module in further.items():
        if name in only or not (only or quick):
            yield from module.jobs()


def _drawn(quick: bool) -> Iterator[Job]:
    try:
        from audit.draws import evaluate
    except ModuleNotFoundError as error:
        raise InputError(f"no {error.name}, which draws need: pip install -e '.[test]'") from error
    yield from evaluate.jobs(quick)
