"""The text says the verdict first, then the distance, and what it cannot say."""

from __future__ import annotations

from parity.curves.comparing import compare_curves
from parity.curves.text import NO_VERDICT, curves_text
from tests.parity.curves.runs import curve, losses

NAMES = ("a.log", "b.log")
A = curve("A", losses(0, noise=1e-4))
FURTHER = [curve(f"run {seed}", losses(seed, noise=1e-4)) for seed in range(1, 9)]


def text(factor: float, runs: int) -> list[str]:
    b = curve("B", losses(80, noise=1e-4) * factor)
    return curves_text(NAMES, compare_curves(A, b, FURTHER[:runs])).splitlines()


def test_without_spread_it_points_to_single_steps() -> None:
    lines = text(1.5, 0)
    assert lines[0] == "a.log against b.log: no verdict (120 steps, 0 … 119)"
    assert lines[1] == "  printed digits agree at 0 of 120 steps, and differ first at step 0"
    assert lines[2].startswith("  relative difference: mean 3.33e-01, largest 3.33e-01 at step ")
    assert lines[3:] == list(NO_VERDICT)
    assert "parity record-steps" in lines[-1]


def test_identical_curves_say_how_far_that_goes() -> None:
    lines = curves_text(NAMES, compare_curves(A, A)).splitlines()
    assert lines[0] == "a.log against b.log: identical in all printed digits at 120 steps"
    assert lines[1].startswith("Equal digits are evidence as far as")
    one = curve("A", losses(0)[:1])
    assert curves_text(NAMES, compare_curves(one, one)).splitlines()[0].endswith("at 1 step")


def test_outside_says_from_when_on_and_by_how_much() -> None:
    lines = text(1.1, 8)
    assert lines[0].startswith("a.log against b.log: outside the spread")
    assert lines[3].startswith("  B and 9 runs of A: ")
    assert "is beyond 8.91 with a probability of at most 0.001" in lines[4]
    assert lines[5] == "  from step 0 on B lies beyond all runs of A"


def test_what_begins_behind_the_window_is_not_given_as_the_start() -> None:
    values = losses(80, noise=1e-4)
    values[:30] *= 1.1
    values[-1] *= 1.1
    comparison = compare_curves(A, curve("B", values), FURTHER)
    assert comparison.spread is not None
    assert comparison.spread.outside_from == 119
    text = curves_text(NAMES, comparison)
    assert text.startswith("a.log against b.log: outside the spread")
    assert "beyond all runs" not in text


def test_within_says_what_would_not_be_found() -> None:
    lines = text(1.0, 8)
    assert lines[0].startswith("a.log against b.log: within the spread")
    assert "with 10 runs a fault of less than 8.91 may be missed" in lines[4]
    assert lines[5].startswith("A fault that the loss does not show, such as a constant factor on")


def test_untold_asks_for_more_runs() -> None:
    lines = text(1.0005, 2)
    assert lines[0].startswith("a.log against b.log: cannot be told")
    assert "1 correct port in 4; with 4 runs only more than 193 is outside: name more" in lines[4]


def test_a_spread_above_the_horizon_is_said() -> None:
    further = [curve(f"run {seed}", losses(seed, noise=0.2, memory=0)) for seed in (1, 2, 3)]
    a = curve("A", losses(0, noise=0.2, memory=0))
    lines = curves_text(NAMES, compare_curves(a, curve("B", losses(9)), further)).splitlines()
    assert lines[5].startswith("  from step 0 on the runs of one setting differ by more than 1% ")


def test_notes_are_shown() -> None:
    b = curve("B", losses(0, noise=1e-4)[1:], first=1)
    lines = curves_text(NAMES, compare_curves(A, b)).splitlines()
    assert "  note: B lacks step 0: only common steps are compared" in lines
