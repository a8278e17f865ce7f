"""Every bad input ends in one clear line and status 2, and leaves nothing behind."""

from __future__ import annotations

import json
import os
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from tqdm import tqdm

from tests.reliability import (
    archives,
    bases,
    checkpoints,
    configurations,
    options,
    pairs,
    pictures,
    programs,
    recordings,
    records,
)
from tests.reliability.case import EITHER, REFUSED, SOUND, Case, generator
from tests.reliability.forked import Forks, Outcome, alone
from tests.reliability.judging import faults, state

KINDS = {
    module.KIND: module.cases
    for module in (
        archives,
        pictures,
        checkpoints,
        configurations,
        records,
        recordings,
        pairs,
        options,
        programs,
    )
}
QUICK = 30  # cases of each kind in the gate
ALONE = 5  # of each kind that run in a process of their own as well
LIMIT = 120.0  # seconds after which a command hangs


@pytest.fixture(scope="module")
def forks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forks]:
    server = Forks(tmp_path_factory.mktemp("forks"))
    yield server
    server.close()


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory, forks: Forks) -> Path:
    folder = tmp_path_factory.mktemp("bases")
    bases.make(folder, forks)
    return folder


def run(
    case: Case, folder: Path, forks: Forks, *, own_process: bool = False
) -> tuple[str, Outcome, list[str]]:
    """Run a case in an empty folder; return what is right, how it ended, and what is wrong."""
    folder.mkdir()
    try:
        case.write(folder)
        expected, before = case.rule(folder), state(folder)
        if own_process:
            outcome = alone(case.words, folder, forks, limit=2 * LIMIT)
        else:
            outcome = forks.run(case.words, folder, limit=LIMIT)
        return expected, outcome, faults(case, expected, outcome, before, state(folder))
    finally:
        shutil.rmtree(folder)


def chosen(cases: list[Case], count: int) -> list[Case]:
    """Return some cases, the same each time, spread over the list."""
    picks = generator("chosen", count).permutation(len(cases))[:count]
    return [cases[i] for i in sorted(picks)]


def judge(cases: list[Case], tmp_path: Path, forks: Forks, *, own_process: bool = False) -> None:
    """Run cases, and fail with a line for each that breaks a rule."""
    wrong, counts, seconds, peak = [], Counter(), 0.0, 0
    written = os.environ.get("BAD_INPUTS_LOG")
    for case in tqdm(cases, desc=cases[0].kind, unit="case"):
        expected, outcome, found = run(case, tmp_path / "case", forks, own_process=own_process)
        counts[expected] += 1
        seconds, peak = seconds + outcome.seconds, max(peak, outcome.peak)
        if written:
            with open(written, "a", encoding="utf-8") as file:
                facts = {"kind": case.kind, "name": case.name, "expected": expected}
                facts |= {"faults": found, "status": outcome.status, "seconds": outcome.seconds}
                facts |= {"peak": outcome.peak, "err": outcome.err[-3000:], "words": case.words}
                file.write(json.dumps(facts) + "\n")
        if found:
            last = outcome.err.strip().rpartition("\n")[2][-300:]
            wrong.append(f"{case} [{expected}]: {'; '.join(found)}: {last}")
    print(
        f"\n{cases[0].kind}: {len(cases)} cases ({counts[REFUSED]} bad, {counts[SOUND]} sound,"
        f" {counts[EITHER]} either), {seconds:.0f} s, peak {peak >> 20} MiB"
    )
    assert not wrong, f"{len(wrong)} of {len(cases)}\n" + "\n".join(wrong)


@pytest.mark.parametrize("kind", KINDS)
def test_some_bad_inputs_are_refused(kind: str, base: Path, forks: Forks, tmp_path: Path) -> None:
    judge(chosen(list(KINDS[kind](base)), QUICK), tmp_path, forks)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_all_bad_inputs_are_refused(kind: str, base: Path, forks: Forks, tmp_path: Path) -> None:
    judge(list(KINDS[kind](base)), tmp_path, forks)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_a_process_of_its_own_ends_alike(
    kind: str, base: Path, forks: Forks, tmp_path: Path
) -> None:
    judge(chosen(list(KINDS[kind](base)), ALONE), tmp_path, forks, own_process=True)


def test_there_are_two_thousand(base: Path) -> None:
    every = [case for cases in KINDS.values() for case in cases(base)]
    assert len(every) >= 2000
    assert [name for name, count in Counter(map(str, every)).items() if count > 1] == []
