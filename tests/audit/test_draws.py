"""Draws depend on their number alone, and what goes wrong with one is said with its number."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import strategies as st

from audit.__main__ import main
from audit.draws import evaluate
from audit.draws.__main__ import main as judge_one
from audit.draws.configuration import COUNT, Configuration, configuration
from audit.draws.faults import fault, faults, planted_anywhere
from audit.draws.models import subjects
from audit.draws.numbers import drawn
from audit.draws.visible import BY_CLASS, BY_NAME

ALL = [configuration(number) for number in range(COUNT)]


def in_the_schedule() -> Configuration:
    """Return a draw whose fault costs no network."""
    return next(c for c in ALL if fault(c).subject == "schedule")


def test_a_key_gives_the_same_and_another_key_another() -> None:
    strategy = st.lists(st.integers(0, 10**6), min_size=5, max_size=5)
    assert drawn(strategy, "a", 1) == drawn(strategy, "a", 1)
    assert drawn(strategy, "a", 1) != drawn(strategy, "a", 2)


def test_a_strategy_that_refuses_says_so() -> None:
    with pytest.raises(ValueError, match="nothing was drawn"):
        drawn(st.integers().filter(lambda n: False), "a")


def test_a_number_gives_the_same_in_a_process_that_has_loaded_other_modules() -> None:
    program = (
        "import json; from audit.draws.configuration import configuration as of;"
        "print(json.dumps([of(n).values() for n in range(40)]))"
    )
    shown = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True,
        cwd=Path(__file__).parents[2],
    )  # fmt: skip
    here = json.loads(json.dumps([c.values() for c in ALL[:40]]))
    assert json.loads(shown.stdout.splitlines()[-1]) == here


def test_draws_are_many_and_differ_in_all_that_has_a_size() -> None:
    assert len(ALL) >= 200
    assert len({repr(replace(c, number=0)) for c in ALL}) == COUNT
    assert len({c.structure for c in ALL}) >= 8
    sizes: list[Callable[[Configuration], object]] = [
        lambda c: c.run.unet.image_size, lambda c: c.run.unet.image_channels,
        lambda c: c.run.unet.base_channels, lambda c: c.run.unet.channel_multipliers,
        lambda c: c.run.unet.norm_groups, lambda c: c.run.unet.norm_epsilon,
        lambda c: c.run.unet.dropout, lambda c: c.run.diffusion.T, lambda c: c.batch,
        lambda c: c.run.train.betas, lambda c: c.run.train.ema_decay, lambda c: c.stress_input,
    ]  # fmt: skip
    assert min(len({repr(size(c)) for c in ALL}) for size in sizes) >= 3
    assert len({c.run.train.lr for c in ALL}) > COUNT / 2


def test_no_draw_is_one_that_pytorch_itself_cannot_run() -> None:
    for c in ALL:
        numbers = c.batch * c.smallest_image**2 * c.run.unet.base_channels
        assert numbers > c.run.unet.norm_groups  # else its GroupNorm refuses a single number
    steep = configuration(113)
    assert steep.run.diffusion.beta_end == 0.999
    assert steep.trajectory != "sampling"


def test_every_draw_has_its_fault_and_they_are_of_many_kinds_on_both_sides() -> None:
    planted = [fault(c) for c in ALL]
    assert {f.side for f in planted} == {"torch", "jittor"}
    assert {f.subject for f in planted} == {"network", "training", "sampling", "schedule"}
    assert len({f.kind for f in planted}) >= 12
    assert len({f.name for f in planted}) >= 60


def test_every_condition_belongs_to_a_fault() -> None:
    known = {(f.kind, f.name) for _, _, f in planted_anywhere()}
    assert set(BY_NAME) <= known
    assert set(BY_CLASS) <= {kind for kind, _ in known}


def test_a_fault_that_would_change_nothing_is_not_offered() -> None:
    one_pixel = next(c for c in ALL if c.run.unet.image_size == 1)
    assert not [f for f in faults(one_pixel) if f.name in ("kernel flipped", "no scale")]
    wide = next(c for c in ALL if c.smallest_image > 1)
    assert [f for f in faults(wide) if f.name == "kernel flipped"]


def test_a_correct_pair_that_is_accused_is_reported_with_its_number(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(
        "parity.compare.tables.EXACT_ULPS", 0.0
    )  # the engine now accuses any rounding
    own = in_the_schedule()
    of_one = {"schedule": subjects(own)["schedule"]}
    record = evaluate.record_correct(own, of_one)
    assert not record["passed"]
    assert record["accused"] == "schedule"
    said = said_of(monkeypatch, tmp_path, record)
    assert "false alarms, random correct pairs | 1 of 1 (95 %: 2.5% to 100.0%)" in said
    assert f"Accused: number {own.number}, SEMANTIC_DIFFERENCE of its schedule" in said
    assert f"again with python -m audit.draws {own.number}\n" in said
    assert json.dumps(own.values()["run"]["unet"]) in said


def test_a_fault_that_is_not_caught_is_reported_with_its_number(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    own = in_the_schedule()
    harmless = replace(fault(own), name="nothing", edit=lambda schedule: None)
    record = evaluate.record_mutant(own, harmless)
    assert record["caught"] is False
    said = said_of(monkeypatch, tmp_path, record)
    assert "mutants drawn for random pairs, caught (1 structures) | 0 of 1 | all" in said
    assert f"nothing, in number {own.number}" in said
    assert f"again with python -m audit.draws {own.number} --mutant\n" in said


def said_of(monkeypatch: pytest.MonkeyPatch, folder: Path, record: dict[str, Any]) -> str:
    """Return what the command prints of one record, which must make it fail."""
    monkeypatch.setattr(evaluate, "jobs", lambda quick: iter([("one", lambda: dict(record))]))
    out = folder / "audit.json"
    shown = CliRunner().invoke(main, ["--only", "drawn", "--out", str(out)])
    assert shown.exit_code == 1, shown.output
    audit = json.loads(out.read_text())
    assert len(audit["accused"]) + len(audit["survivors"]) == 1
    assert audit["drawn"]["configurations"] + audit["drawn"]["mutants"] == 1
    return shown.output


def test_one_number_can_be_judged_again_alone() -> None:
    own = in_the_schedule()
    shown = CliRunner().invoke(judge_one, [str(own.number), "--mutant"])
    assert shown.exit_code == 1, shown.output
    assert fault(own).text in shown.output
    assert "SEMANTIC_DIFFERENCE" in shown.output


@pytest.mark.parametrize("number", [113, 128, 156])
def test_a_schedule_whose_last_beta_is_close_to_1_is_not_accused(number: int) -> None:
    report = subjects(ALL[number])["schedule"].judged()
    assert report.passed, str(report)


@pytest.mark.parametrize("number", range(evaluate.FEW))
def test_a_correct_pair_passes_and_with_a_fault_it_fails(number: int) -> None:
    correct, mutant = evaluate.judged_correct(number), evaluate.judged_mutant(number)
    assert correct["passed"], correct
    assert mutant["caught"], mutant


@pytest.mark.slow
@pytest.mark.parametrize("number", range(evaluate.FEW, COUNT))
def test_every_correct_pair_passes_and_with_a_fault_it_fails(number: int) -> None:
    correct, mutant = evaluate.judged_correct(number), evaluate.judged_mutant(number)
    assert correct["passed"], correct
    assert mutant["caught"], mutant
