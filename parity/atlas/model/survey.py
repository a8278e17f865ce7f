"""Judges everything that a model uses, in worker processes."""

from __future__ import annotations

import ast
import queue
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from functools import cache

from tqdm import tqdm

from parity.atlas.calls.counterparts import Sources
from parity.atlas.calls.sources import torch_source, written
from parity.atlas.calls.use import Use
from parity.atlas.cases import ORDINARY, REAL_CASES
from parity.atlas.catalogue import GROUPS
from parity.atlas.entry import Entry, split_source
from parity.atlas.finding import OUTPUT, AtlasCause, Finding
from parity.atlas.model.judging import JudgeTask, SourcesTask
from parity.atlas.model.recording import Recorded
from parity.atlas.model.results import Instead, ModelAtlas, UseResult
from parity.atlas.tasks import VersionsTask
from parity.atlas.worker import WORKERS, TaskWorker
from parity.base.worker import RequestFailed, WorkerDied
from parity.errors import CannotCompare
from parity.verdict import Verdict

START = "parity.atlas.model.judging:start"
PLAIN = (ORDINARY, "")  # cases of the model's own values
MOST_NOTES = 3
FATAL = (AtlasCause.EXCEPTION, AtlasCause.CRASH)


def survey(name: str, recorded: Recorded, *, quick: bool = False) -> ModelAtlas:
    """Judge the uses of a model, with a progress bar.

    Each is judged on the model's values; one of each kind, the smallest, on other inputs too.

    Args:
        name: of the pair.
        recorded: what the model uses.
        quick: only on the model's values.

    Raises:
        CannotCompare: a worker cannot start.
    """
    unjudged = dict(recorded.unjudged)
    with ExitStack() as stack:
        workers = [stack.enter_context(TaskWorker(START)) for _ in range(WORKERS)]
        try:
            versions = workers[0].ask(VersionsTask())
        except (WorkerDied, RequestFailed) as error:
            raise CannotCompare(f"Jittor or PyTorch cannot be started: {error}") from error
        sources = {id(use): workers[0].ask(SourcesTask(_without_arrays(use)))
                   for use in recorded.uses}  # fmt: skip
        available = {u.name for u in recorded.uses if u.layer and sources[id(u)].ways}
        uses = []
        for use in filter(lambda use: _is_written(use, available), recorded.uses):
            if use.unbuilt and sources[id(use)].ways:
                unjudged.setdefault(use.name, use.unbuilt)
            else:
                uses.append(use)
        varied = [] if quick else filter(_has_values_to_vary, uses)
        everywhere = {id(use) for use in _smallest_of_each_kind(varied)}
        free: queue.SimpleQueue[TaskWorker] = queue.SimpleQueue()
        for worker in workers:
            free.put(worker)
        bar = stack.enter_context(tqdm(total=len(uses), unit="use", file=sys.stderr, disable=None))

        def judge_one(use: Use) -> UseResult | str:
            worker = free.get()
            bar.set_description(use.short_name[:30].ljust(30))
            try:
                cases = REAL_CASES if id(use) in everywhere else (ORDINARY,)
                return judge_use(worker, use, sources[id(use)], cases)
            finally:
                free.put(worker)
                bar.update()

        pool = stack.enter_context(ThreadPoolExecutor(WORKERS))
        results = []
        for use, result in zip(uses, pool.map(judge_one, uses), strict=True):
            if isinstance(result, str):
                unjudged.setdefault(use.name, result)
            else:
                results.append(result)
    return ModelAtlas(pair=name, versions=versions, uses=results, unjudged=unjudged)


def judge_use(
    worker: TaskWorker, use: Use, sources: Sources, cases: Sequence[str]
) -> UseResult | str:
    """Judge a use on input cases; where it differs, look for a source that does not.

    Returns:
        The results; or why there are none: PyTorch alone refuses what the model gave it.
    """
    findings: list[Finding] = []
    instead = None
    other_defaults, plain = False, ""
    others = [*sources.ways[1:], *sources.replacements]
    if sources.ways:
        plain = sources.ways[0]
        found = _judge(worker, use, plain, cases)
        if sources.short and any(f.cause is AtlasCause.EXCEPTION for f in found):
            # PyTorch's default is none that Jittor takes, such as `p="fro"` of a norm.
            plain, sources = sources.short, sources._replace(short="")
            found = _judge(worker, use, plain, cases)
        refused = next((f for f in found if _is_refused(f)), None)
        if refused is not None:
            return f"cannot be run again: {refused.reference[:80]}"
        findings = sorted((f for f in found if not _passes(f)), key=_order)
        if findings:
            instead = _find_instead(worker, use, others, cases, _differing(findings, cases))
        if sources.short:
            short = _judge(worker, use, sources.short, (ORDINARY,))
            other_defaults = not all(map(_passes, short))
    elif sources.replacements:
        instead = _find_instead(worker, use, sources.replacements, cases, set(cases))
    return UseResult(
        name=use.short_name, kind="layer" if use.layer or use.unbuilt else "operator",
        call=written(use), shapes=use.shapes(), places=use.places, lines=use.lines, calls=use.calls,
        torch="" if use.unbuilt else torch_source(use),
        jittor=plain, cases=list(cases), findings=findings,
        random=use.random, other_defaults=other_defaults, instead=instead,
        notes=notes_on(use.name) if findings or other_defaults or not sources.ways else {},
    )  # fmt: skip


def _is_refused(finding: Finding) -> bool:
    """Tell whether PyTorch itself raises on what the model gave it."""
    return (
        finding.case in PLAIN and finding.cause is AtlasCause.EXCEPTION and bool(finding.reference)
    )


def _differing(findings: Sequence[Finding], cases: Sequence[str]) -> set[str]:
    """Return the cases that differ: all after an exception, since no other was tried."""
    raised = any(finding.cause is AtlasCause.EXCEPTION for finding in findings)
    return set(cases) if raised else {finding.case for finding in findings}


def _find_instead(
    worker: TaskWorker,
    use: Use,
    sources: Iterable[str],
    cases: Sequence[str],
    before: set[str],
) -> Instead | None:
    """Return the source that agrees on most cases, and breaks none, or none.

    Args:
        worker: judges.
        use: that is written.
        sources: in order of preference.
        cases: on which each is judged.
        before: those that differ without it.
    """
    best: Instead | None = None
    for source in sources:
        found = _judge(worker, use, source, cases)
        if any(f.cause in FATAL and f.case in PLAIN for f in found):
            continue
        after = {f.case for f in found if not _passes(f)}
        if not after:
            return Instead(source=source)
        if after < before and (best is None or len(after) < len(best.remaining)):
            best = Instead(source=source, remaining=sorted(after))
    return best


def _judge(worker: TaskWorker, use: Use, source: str, cases: Sequence[str]) -> list[Finding]:
    findings: list[Finding] = []
    for case in cases:
        try:
            found = worker.ask(JudgeTask(use, source, case))
        except (WorkerDied, RequestFailed) as error:
            found = [
                Finding(
                    case=case, tensor=OUTPUT, verdict=Verdict.ERROR, cause=AtlasCause.CRASH,
                    candidate=str(error),
                )
            ]  # fmt: skip
        findings += found
        if any(f.cause is AtlasCause.EXCEPTION for f in found):
            break  # what cannot be called needs no further inputs
    return findings


def _passes(finding: Finding) -> bool:
    return finding.verdict.passes(strict=True)


def _order(finding: Finding) -> tuple[bool, bool, int]:
    """Order wrong results before lost digits, the model's own values first."""
    return (
        finding.verdict is Verdict.NUMERICALLY_WEAKER,
        finding.case not in PLAIN,
        -finding.verdict.rank,
    )


def _is_written(use: Use, available: set[str]) -> bool:
    """Tell whether a porter writes a use, and not only a layer of Jittor that contains it."""
    return any(not available.intersection(context) for context in use.contexts)


def _has_values_to_vary(use: Use) -> bool:
    """Tell whether other input cases differ from the model's own: integers and weights stay."""
    floats = (name for name, array in use.inputs.items() if array.dtype.kind == "f")
    return not use.random and any(name not in use.weights for name in floats)


def _smallest_of_each_kind(uses: Iterable[Use]) -> list[Use]:
    smallest: dict[str, Use] = {}
    for use in uses:
        known = smallest.get(use.name)
        if known is None or _size(use) < _size(known):
            smallest[use.name] = use
    return list(smallest.values())


def _size(use: Use) -> int:
    return sum(array.size for array in use.inputs.values())


def _without_arrays(use: Use) -> Use:
    return replace(use, inputs={name: array[:0] if array.ndim else array
                                for name, array in use.inputs.items()})  # fmt: skip


def notes_on(name: str) -> dict[str, str]:
    """Return what the atlas says of an operator or layer: entry -> note.

    Args:
        name: from `torch` on.
    """
    return dict(list(_notes().get(_plain(name), {}).items())[:MOST_NOTES])


@cache
def _notes() -> Mapping[str, Mapping[str, str]]:
    notes: dict[str, dict[str, str]] = {}
    for group, entries in GROUPS.items():
        for entry in entries:
            for called in _called(entry.torch) if entry.note else ():
                if _is_about(entry, called):
                    notes.setdefault(called, {})[f"{group}: {entry.name}"] = entry.note
    return notes


def _called(source: str) -> set[str]:
    """Return the plain names of everything that a source calls."""
    calls = [node.func for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    return {_plain(ast.unparse(function)) for function in calls}


def _is_about(entry: Entry, called: str) -> bool:
    """Tell whether an entry is about what it calls, and does not only use it."""
    base = re.sub(r"\dd$", "", called).strip("_").lower()
    name = entry.name.lower()
    last = split_source(entry.torch)[1]
    return base in name or re.match(rf"[\w.]*\b{re.escape(called)}\(", last) is not None


def _plain(name: str) -> str:
    return name.rpartition(".")[2]
