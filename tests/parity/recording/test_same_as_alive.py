"""A recorded reference gives a live one's findings: own pairs, examples, and faults in both."""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import audit.mutants  # fills MUTANTS
from audit.case import MUTANTS, Mutant
from audit.correct_pairs import PairBase
from ddpm_study.pairs import everyday
from parity import Pair, Record, Report, check, record
from parity.errors import NotRecorded

assert audit.mutants
EXAMPLES = Path(__file__).parents[3] / "examples" / "pairs"
# Quick ones, for the gate; the others are slow.
QUICK = {"time embedding", "attention", "downsample"}
# The audit's quick part.
EIGHTH = 8
# Draws new weights whenever it is built.
RANDOM = {"weight copied at the start in jittor"}


def findings(report: Report) -> list[str]:
    """Return all that is said of every tensor but for what a changed reference would give."""
    return [repr(dataclasses.replace(finding, hint="")) for finding in report.findings]


def assert_same(pair: Pair, path: Path) -> None:
    """Compare a pair in both ways; where the record must be cut otherwise, that is said."""
    live = check(pair)
    record(pair, path)
    lacking = ""
    try:
        judged = check(pair, reference=Record.open(path))
    except NotRecorded as error:
        lacking = str(error)
    if lacking:
        assert "record the side again with --without" in lacking
        assert not live.passed
    else:
        assert findings(judged) == findings(live)


def own_pairs() -> Iterator[Any]:
    for pair in everyday():
        if isinstance(pair, Pair):
            marks = () if pair.name in QUICK else pytest.mark.slow
            yield pytest.param(pair, id=pair.name, marks=marks)


@pytest.mark.parametrize("pair", own_pairs())
def test_own_pairs(pair: Pair, tmp_path: Path) -> None:
    assert_same(pair, tmp_path / "record")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["dcgan", "flow", "lstm_lm", "mixer", "vit"])
def test_examples_and_their_faults(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(EXAMPLES))
    module = importlib.import_module(name)
    for pair in [module.pair, *module.FAULTS.values()]:
        assert_same(pair, tmp_path / "record")


def mutants() -> Iterator[Any]:
    of_modules = [mutant for mutant in MUTANTS if isinstance(mutant.base, PairBase)]
    for number, mutant in enumerate(of_modules):
        is_quick = number % EIGHTH == 0 and mutant.base.name in QUICK
        marks = () if is_quick else pytest.mark.slow
        if mutant.name not in RANDOM:
            yield pytest.param(mutant, id=f"{mutant.kind}: {mutant.name}", marks=marks)


@pytest.mark.parametrize("mutant", mutants())
def test_injected_faults(mutant: Mutant, tmp_path: Path) -> None:
    assert isinstance(mutant.base, PairBase)
    assert_same(mutant.base.edited(mutant.side, mutant.edit), tmp_path / "record")
