"""A run of the same setting is not called outside, a fault is, and few runs prove little."""

from __future__ import annotations

import numpy as np
import pytest

from parity.curves import spread
from parity.curves.spread import critical_share, judge_spread
from tests.parity.curves.runs import STEPS, losses

NO_DIGITS = np.zeros(STEPS)


def test_the_critical_share_of_four_runs_is_that_of_the_closed_form() -> None:
    """Beta(1/2, 1) has the distribution function sqrt(x), so its upper part p begins at (1-p)^2."""
    for p in (1e-1, 1e-3, 1e-6):
        assert critical_share(4, p) == pytest.approx(1 - p + p * p / 3, rel=1e-12)


@pytest.mark.parametrize("n", [4, 7, 12])
def test_the_critical_share_is_that_of_drawn_runs(n: int) -> None:
    drawn = np.random.default_rng(0).standard_normal((n, 400_000))
    deviations = drawn - drawn.mean(0)
    shares = np.sort(deviations[0] ** 2 * n / (n - 1) / (deviations**2).sum(0))
    assert critical_share(n, 0.05) == pytest.approx(shares[-20_000:].mean(), rel=1e-2)


@pytest.mark.parametrize("memory", [0.0, 0.9, 0.999])
def test_runs_of_one_setting_are_seldom_farthest_and_never_outside(memory: float) -> None:
    judged = []
    for trial in range(200):
        runs = np.stack([losses(10 * trial + run, memory=memory) for run in range(6)])
        judged.append(judge_spread(runs, 5, NO_DIGITS))
    assert sum(one.is_outside for one in judged) <= 1  # each with a probability of 1e-3
    # 1 in 6, of 200: 33, with a standard deviation of 5.3.
    assert 12 <= sum(one.farthest for one in judged) <= 54


def runs_and(b: np.ndarray, others: int) -> np.ndarray:
    return np.stack([*(losses(seed, noise=1e-4) for seed in range(others)), b])


@pytest.mark.parametrize(("others", "percent"), [(3, 20.0), (5, 2.0), (9, 0.5)])
def test_a_fault_is_outside_the_more_runs_the_smaller_it_is(others: int, percent: float) -> None:
    right = losses(99, noise=1e-4)
    assert not judge_spread(runs_and(right, others), others, NO_DIGITS).is_outside
    wrong = judge_spread(runs_and(right * (1 + percent / 100), others), others, NO_DIGITS)
    assert wrong.is_outside
    assert wrong.spreads > wrong.needed
    assert wrong.outside_from == 0
    assert not judge_spread(runs_and(right * (1 + 2e-4), others), others, NO_DIGITS).is_outside


def test_the_distances_that_are_needed_are_those_of_the_docstring() -> None:
    for others, needed in ((3, 193), (5, 23), (9, 9)):
        found = judge_spread(runs_and(losses(99), others), others, NO_DIGITS)
        assert round(found.needed) == needed


def test_a_fault_that_begins_late_is_found_with_its_first_step() -> None:
    wrong = losses(99, noise=1e-4)
    wrong[80:] *= 1.05
    found = judge_spread(runs_and(wrong, 5), 5, NO_DIGITS)
    assert found.is_outside
    assert found.outside_from == 80
    assert found.window == (90, 119)


def test_a_fault_that_passes_is_found_without_one() -> None:
    wrong = losses(99, noise=1e-4)
    wrong[:40] *= 1.05
    found = judge_spread(runs_and(wrong, 9), 9, NO_DIGITS)
    assert found.is_outside
    assert found.outside_from is None or found.outside_from > 40
    assert found.window == (0, 29)


def test_other_noise_of_the_same_mean_is_found_at_single_steps() -> None:
    other = losses(99, noise=1e-2, memory=0.0)
    found = judge_spread(runs_and(other, 9), 9, NO_DIGITS)
    assert found.is_outside


def test_a_small_lasting_shift_is_found_in_the_means() -> None:
    runs = np.stack([losses(seed, memory=0.0) for seed in range(10)])
    runs[-1] *= 1.15  # three standard deviations at each step
    found = judge_spread(runs, 9, NO_DIGITS)
    assert found.is_outside
    assert found.of_means


def test_digits_that_agree_by_chance_are_no_spread_of_zero() -> None:
    runs = np.round(np.stack([losses(0, noise=0)] * 10), 4)
    runs[-1] += 1e-4
    assert not judge_spread(runs, 9, np.full(STEPS, 5e-5)).is_outside
    assert judge_spread(runs, 9, np.full(STEPS, 5e-9)).is_outside
    runs[-1] = runs[0] * (1 + 2**-22)
    assert not judge_spread(runs, 9, NO_DIGITS).is_outside


def test_runs_of_both_sides_are_two_groups() -> None:
    runs = np.stack([losses(seed, noise=1e-4) for seed in range(8)])
    right = judge_spread(runs, 4, NO_DIGITS)
    assert right.divisions == 35  # half of 70: the mirror image of a division is the same
    assert not right.is_outside
    runs[4:] *= 1.01
    assert judge_spread(runs, 4, NO_DIGITS).is_outside
    # As runs of one setting the same curves are no reason to call the last outside.
    assert not judge_spread(runs, 7, NO_DIGITS).is_outside


def test_of_many_divisions_some_are_drawn() -> None:
    runs = np.stack([losses(seed) for seed in range(16)])
    found = judge_spread(runs, 8, NO_DIGITS)
    assert 400 < found.divisions <= spread.MOST_DIVISIONS
    assert found == judge_spread(runs, 8, NO_DIGITS)


def test_the_spread_reaches_the_horizon_where_it_exceeds_a_hundredth() -> None:
    noise = np.where(np.arange(STEPS) < 50, 1e-5, 0.2)
    runs = 1 + noise * np.array([[-1.0], [1.0], [0.5], [-0.5], [0.2]])
    assert judge_spread(runs, 4, NO_DIGITS).coarse_from == 50
    assert judge_spread(runs[:, :50], 4, NO_DIGITS[:50]).coarse_from is None


@pytest.mark.parametrize("steps", [1, 2, 3, 5])
def test_short_curves_are_judged(steps: int) -> None:
    runs = runs_and(losses(99, noise=1e-4) * 2, 9)[:, :steps]
    assert judge_spread(runs, 9, np.zeros(steps)).is_outside
