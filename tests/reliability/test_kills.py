"""After a kill at any moment, the same command ends in the same bits as an unbroken run."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest
from tqdm import tqdm

from tests.reliability.killed_commands import Case, cases, require_whole, result
from tests.reliability.killing import Ending, kill_until_it_ends, run

NAMES = [case.name for case in cases(Path())]
MOST_IN_A_ROW = 4


def unbroken_run(case: Case, folder: Path) -> tuple[Path, Ending]:
    """Run a case without a kill."""
    out = folder / "unbroken" / "out"
    out.mkdir(parents=True)
    case.prepare(out)
    ending = run(case.command(out), out)
    assert ending.status == 0, ending.output
    return out, ending


def kill_and_compare(case: Case, folder: Path, seed: int, kills: int, bar: tqdm[object]) -> int:
    """Kill runs of a case so often in all, and compare each with the unbroken one at its end."""
    unbroken, ending = unbroken_run(case, folder)
    expected = result(unbroken)
    assert expected
    generator, done, broken = random.Random(seed), 0, 0
    while done < kills:
        out = folder / f"{broken}" / "out"
        out.mkdir(parents=True)
        case.prepare(out)
        most = min(MOST_IN_A_ROW, kills - done)

        def after(out: Path = out) -> None:
            bar.update()
            require_whole(out)

        command = case.command(out)
        count, last = kill_until_it_ends(
            command, out, generator, ending, most=most, after_a_kill=after
        )
        done, broken = done + count, broken + 1
        complete = last.status == 2 and not case.repeats and count > 0
        assert last.status == 0 or complete, f"{case.name}: {last.status}\n{last.output[-3000:]}"
        got = result(out)
        assert got.keys() == expected.keys(), case.name
        assert [name for name in got if got[name] != expected[name]] == [], case.name
        shutil.rmtree(out.parent)
    return done


QUICK = {"train, PyTorch": 2, "sample, PyTorch": 2, "sample --overwrite, PyTorch": 1, "prepare": 1}


@pytest.mark.parametrize("name", QUICK)
def test_a_few_kills_change_nothing(name: str, inputs: Path, tmp_path: Path) -> None:
    case = next(case for case in cases(inputs) if case.name == name)
    with tqdm(total=QUICK[name], desc=name, unit="kill") as bar:
        assert kill_and_compare(case, tmp_path, 1, QUICK[name], bar) == QUICK[name]


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_many_kills_change_nothing(name: str, inputs: Path, tmp_path: Path) -> None:
    case = next(case for case in cases(inputs) if case.name == name)
    with tqdm(total=case.kills, desc=name, unit="kill") as bar:
        assert kill_and_compare(case, tmp_path, 18, case.kills, bar) == case.kills


def test_the_whole_has_at_least_two_hundred_kills() -> None:
    assert sum(case.kills for case in cases(Path())) >= 200
