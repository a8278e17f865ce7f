"""The charts draw the numbers that decide."""

from __future__ import annotations

import numpy as np

from ddpm_study.page import charts
from parity.limits import K
from parity.report.finding import Finding
from parity.report.report import Report
from parity.verdict import Verdict


def finding(error: float, verdict: Verdict) -> Finding:
    return Finding(path="conv", phase="forward", verdict=verdict, error=error, noise=1e-7)


def test_the_limit_lies_between_the_dots_that_pass_and_those_that_fail() -> None:
    passing = [finding(x, Verdict.WITHIN_NOISE) for x in (5e-8, 3e-6)]  # the second above the noise
    failing = finding(4e-6, Verdict.SEMANTIC_DIFFERENCE)
    figure = charts.divergence(Report(pair="x", findings=[*passing, failing]))
    axes = figure.axes[0]
    (limit,) = [line for line in axes.lines if str(line.get_label()).startswith("limit")]
    assert np.allclose(np.asarray(limit.get_ydata(), float), K * 1e-7)
    dots = {str(c.get_label()): np.asarray(c.get_offsets())[:, 1] for c in axes.collections[1:]}
    assert dots.keys() == {"passes", "fails"}
    assert (dots["passes"] < K * 1e-7).all()
    assert (dots["fails"] > K * 1e-7).all()


def test_a_loss_of_digits_has_a_colour_of_its_own() -> None:
    weaker = finding(4e-6, Verdict.NUMERICALLY_WEAKER)
    axes = charts.divergence(Report(pair="x", findings=[weaker])).axes[0]
    assert [str(c.get_label()) for c in axes.collections[1:]] == ["passes, one side loses digits"]
