"""Judges the entries of the catalogue in worker processes and collects the results."""

from __future__ import annotations

import queue
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from tqdm import tqdm

from parity.atlas.cases import ORDINARY, case_names
from parity.atlas.catalogue import GROUPS
from parity.atlas.entry import Entry
from parity.atlas.finding import OUTPUT, AtlasCause, Finding
from parity.atlas.results import (
    Atlas,
    EntryResult,
    Program,
    WorkaroundResult,
    read,
    require_versions,
)
from parity.atlas.tasks import SHOW_MODES, JudgeTask, ShowTask, VersionsTask
from parity.atlas.worker import WORKERS, TaskWorker
from parity.base.worker import RequestFailed, WorkerDied
from parity.errors import CannotCompare
from parity.verdict import Verdict


def update(groups: Sequence[str], path: Path | None) -> tuple[Atlas, Atlas]:
    """Survey some groups, or all, and store the results.

    Args:
        groups: their names; empty: all.
        path: the JSON file to write; None: none. With `groups`, a file that exists keeps the
            results of its other groups.

    Returns:
        The results of this survey, and what the file holds now, which is the same without a file.

    Raises:
        CannotCompare: there is no such group, a worker cannot start, the file cannot be read, or
            what it holds is of other versions.
        CannotWrite: the file cannot be written.
    """
    stored = read(path) if groups and path is not None and path.exists() else None
    atlas = survey(groups, None if stored is None else stored.versions)
    merged = atlas if stored is None else stored.merged(atlas)
    if path is not None:
        merged.save(path)
    return atlas, merged


def survey(groups: Sequence[str] = (), versions: Mapping[str, str] | None = None) -> Atlas:
    """Judge every entry of some groups, or of all, with a progress bar.

    Args:
        groups: their names; empty: all.
        versions: those that must be installed; None: any.

    Raises:
        CannotCompare: there is no such group, a worker cannot start, or a version is another.
    """
    for group in groups:
        if group not in GROUPS:
            raise CannotCompare(f"no group {group!r} in the atlas; its groups: {', '.join(GROUPS)}")
    wanted = [(group, entry) for group in groups or GROUPS for entry in GROUPS[group]]
    free: queue.SimpleQueue[TaskWorker] = queue.SimpleQueue()

    def survey_one(item: tuple[str, Entry]) -> EntryResult:
        group, entry = item
        worker = free.get()
        bar.set_description(f"{group}: {entry.name}"[:40].ljust(40))
        try:
            return survey_entry(worker, group, entry)
        finally:
            free.put(worker)
            bar.update()

    with ExitStack() as stack:
        workers = [stack.enter_context(TaskWorker()) for _ in range(WORKERS)]
        try:
            present = workers[0].ask(VersionsTask())
        except (WorkerDied, RequestFailed) as error:
            raise CannotCompare(f"Jittor or PyTorch cannot be started: {error}") from error
        if versions is not None:
            require_versions(versions, present)
        for worker in workers:
            free.put(worker)
        bar = stack.enter_context(tqdm(total=len(wanted), unit="entry", file=sys.stderr))
        pool = stack.enter_context(ThreadPoolExecutor(WORKERS))
        entries = list(pool.map(survey_one, wanted))
    return Atlas(versions=present, entries=entries)


def survey_entry(worker: TaskWorker, group: str, entry: Entry) -> EntryResult:
    """Judge an entry and its workaround on every case, and show its first finding."""
    cases = case_names(entry) if entry.kind == "numeric" else ("",)
    findings = _judge(worker, group, entry, cases, workaround=False)
    failing = sorted((f for f in findings if not _passes(f)), key=_order)
    verdict = max((f.verdict for f in findings), key=lambda v: v.rank)
    programs: Mapping[str, Program] = {}
    workaround = None
    if failing:
        programs = _show(worker, group, entry, failing[0])
        if entry.workaround:
            with_workaround = _judge(worker, group, entry, cases, workaround=True)
            workaround = _compare_workaround(entry, findings, with_workaround)
    return EntryResult(
        group=group, name=entry.name, torch=entry.torch, jittor=entry.jittor, note=entry.note,
        verdict=verdict.name, cases=len(cases), findings=failing, programs=programs,
        workaround=workaround,
    )  # fmt: skip


def _judge(
    worker: TaskWorker, group: str, entry: Entry, cases: Sequence[str], *, workaround: bool
) -> list[Finding]:
    findings: list[Finding] = []
    for case in cases:
        task = JudgeTask(group=group, entry=entry.name, case=case, workaround=workaround)
        try:
            findings += worker.ask(task)
        except (WorkerDied, RequestFailed) as error:
            findings.append(
                Finding(
                    case=case, tensor=OUTPUT, verdict=Verdict.ERROR, cause=AtlasCause.CRASH,
                    candidate=str(error),
                )
            )  # fmt: skip
    return findings


def _passes(finding: Finding) -> bool:
    return finding.verdict.passes(strict=True)


def _order(finding: Finding) -> tuple[bool, bool, bool, int]:
    """Order wrong results before lost digits, then by visibility, ordinary input and verdict."""
    return (
        finding.verdict is Verdict.NUMERICALLY_WEAKER,
        finding.cause is AtlasCause.BELOW_FLOAT32,
        finding.case not in (ORDINARY, ""),
        -finding.verdict.rank,
    )


def _show(worker: TaskWorker, group: str, entry: Entry, finding: Finding) -> Mapping[str, Program]:
    death = ""
    for mode in SHOW_MODES:
        task = ShowTask(
            group=group, entry=entry.name, case=finding.case, tensor=finding.tensor, mode=mode
        )
        try:
            programs: dict[str, Program] = worker.ask(task)
        except (WorkerDied, RequestFailed) as error:
            death = str(error)
            continue
        if mode == "reference only":
            programs["jittor"] = replace(programs["jittor"], output=death)
        return programs
    raise CannotCompare(f"{group}: {entry.name}: PyTorch cannot be run: {death}")


def _compare_workaround(
    entry: Entry, original: Sequence[Finding], with_workaround: Sequence[Finding]
) -> WorkaroundResult:
    """Tell which cases a workaround fixes, which remain, and whether it breaks any."""
    before = {f.case for f in original if not _passes(f)}
    after = {f.case for f in with_workaround if not _passes(f)}
    fixed = before - after
    verdicts = [f.verdict for f in with_workaround if f.case in fixed]
    return WorkaroundResult(
        source=entry.workaround,
        verdict=max(verdicts, key=lambda v: v.rank, default=Verdict.ERROR).name,
        fixes=sorted(fixed),
        remaining=sorted(after & before),
        breaks=sorted(after - before),
    )
