"""Goes through the catalogue, entry by entry, and gathers what the worker finds."""

from __future__ import annotations

import queue
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

from tqdm import tqdm

from parity.atlas.cases import ORDINARY, cases
from parity.atlas.catalogue import GROUPS
from parity.atlas.entry import Entry
from parity.atlas.judge import HIDDEN, Finding
from parity.atlas.record import Atlas, Line
from parity.atlas.remote import Worker, WorkerDied
from parity.atlas.worker import HOW
from parity.errors import CannotCompare
from parity.verdict import Verdict

Found = Mapping[str, Any]
# While one waits for a compiler, the other judges.
WORKERS = 2


def survey(groups: Sequence[str] = ()) -> Atlas:
    """Judge every entry of some groups, or of all, with a progress bar.

    Raises:
        CannotCompare: there is no such group, or the worker cannot start.
    """
    for group in groups:
        if group not in GROUPS:
            raise CannotCompare(f"no group {group!r} in the atlas; its groups: {', '.join(GROUPS)}")
    wanted = [(g, entry) for g in groups or GROUPS for entry in GROUPS[g]]
    idle: queue.SimpleQueue[Worker] = queue.SimpleQueue()

    def one(item: tuple[str, Entry]) -> Line:
        group, entry = item
        worker = idle.get()
        bar.set_description(f"{group}: {entry.name}"[:40].ljust(40))
        try:
            return survey_entry(worker, group, entry)
        finally:
            idle.put(worker)
            bar.update()

    with ExitStack() as stack:
        workers = [stack.enter_context(Worker()) for _ in range(WORKERS)]
        try:
            versions = workers[0].ask({"do": "versions"})
        except WorkerDied as error:
            raise CannotCompare(f"Jittor or PyTorch cannot be started: {error}") from error
        for worker in workers:
            idle.put(worker)
        bar = stack.enter_context(tqdm(total=len(wanted), unit="entry", file=sys.stderr))
        pool = stack.enter_context(ThreadPoolExecutor(WORKERS))
        lines = list(pool.map(one, wanted))
    return Atlas(versions=versions, lines=lines)


def survey_entry(worker: Worker, group: str, entry: Entry) -> Line:
    """Judge one entry on all its cases, its mend too, and have its first finding shown."""
    names = cases(entry) if entry.kind == "numeric" else ("",)
    found = _judge(worker, group, entry, names, workaround=False)
    failing = sorted((f for f in found if not _passes(f)), key=_order)
    verdict = max((Verdict[f["verdict"]] for f in found), key=lambda v: v.rank)
    shown: Mapping[str, Any] = {}
    workaround: Mapping[str, Any] = {}
    if failing:
        shown = _show(worker, group, entry, failing[0])
        if entry.workaround:
            mended = _judge(worker, group, entry, names, workaround=True)
            workaround = _workaround(entry, found, mended)
    return Line(
        group=group, name=entry.name, torch=entry.torch, jittor=entry.jittor, note=entry.note,
        verdict=verdict.name, cases=len(names), findings=failing,
        shown=shown, workaround=workaround,
    )  # fmt: skip


def _judge(
    worker: Worker, group: str, entry: Entry, names: Sequence[str], *, workaround: bool
) -> list[Found]:
    found: list[Found] = []
    for case in names:
        task = {
            "do": "judge",
            "group": group,
            "entry": entry.name,
            "case": case,
            "mend": workaround,
        }
        try:
            found += worker.ask(task)["findings"]
        except WorkerDied as error:
            death = Finding(case=case, place="output", verdict=Verdict.ERROR, reason=str(error))
            found.append(death.as_json())
    return found


def _passes(finding: Found) -> bool:
    return Verdict[finding["verdict"]].passes(strict=True)


def _order(finding: Found) -> tuple[bool, bool, bool, int]:
    """Wrong results before lost digits, what shows before what does not, ordinary inputs first."""
    weaker = finding["verdict"] == Verdict.NUMERICALLY_WEAKER.name
    hidden = finding["reason"] == HIDDEN
    rank = -Verdict[finding["verdict"]].rank
    return weaker, hidden, finding["case"] not in (ORDINARY, ""), rank


def _show(worker: Worker, group: str, entry: Entry, finding: Found) -> Mapping[str, Any]:
    task = {"do": "show", "group": group, "entry": entry.name}
    task |= {"case": finding["case"], "place": finding["place"]}
    died = ""
    for how in HOW:
        try:
            found = worker.ask({**task, "how": how})
        except WorkerDied as error:
            died = str(error)
            continue
        if how == HOW[-1]:
            found["jittor"]["prints"] = died
        return found
    raise CannotCompare(f"{group}: {entry.name}: PyTorch cannot be run: {died}")


def _workaround(entry: Entry, found: Sequence[Found], mended: Sequence[Found]) -> dict[str, Any]:
    """Tell which cases a mend mends, which it leaves, and whether it breaks any."""
    before = {f["case"] for f in found if not _passes(f)}
    left = {f["case"] for f in mended if not _passes(f)}
    cases = before - left
    here = [Verdict[f["verdict"]] for f in mended if f["case"] in cases]
    return {
        "source": entry.workaround,
        "verdict": max(here, key=lambda v: v.rank, default=Verdict.ERROR).name,
        "workarounds": sorted(cases),
        "leaves": sorted(left & before),
        "breaks": sorted(left - before),
    }
