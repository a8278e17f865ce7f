from __future__ import annotations

import numpy as np
import pytest
from mpmath import mpf

from parity.compare.tables import judge_table, ulps
from parity.verdict import Cause

TRUE = [mpf(1) / 3, mpf(2) / 3, mpf(0)]
NEAR = np.array([1 / 3, 2 / 3, 0.0])


def test_distance_is_in_units_in_the_last_place() -> None:
    assert ulps(NEAR, TRUE) < 0.5
    off = NEAR + np.array([0, 3 * np.spacing(2 / 3), 0])
    assert ulps(off, TRUE) == pytest.approx(3, abs=0.5)
    assert ulps(NEAR * np.nan, TRUE) == np.inf
    assert ulps(np.array([1 / 3, 2 / 3, 1e-9]), TRUE) > 1e6


def test_lengths_that_differ_are_refused() -> None:
    with pytest.raises(ValueError, match="2 exact numbers"):
        ulps(NEAR, TRUE[:2])


def test_a_table_of_another_shape_is_an_error() -> None:
    found = judge_table("beta", NEAR, np.stack([NEAR, NEAR]), TRUE, 4)
    assert found.verdict.name == "ERROR"
    assert found.reason == "the candidate has shape (2, 3) and not (3,)"


def test_the_side_that_is_off_is_named() -> None:
    off = NEAR * (1 + 1e-12)
    found = judge_table("beta", NEAR, off, TRUE, 4)
    assert (found.verdict.name, found.phase) == ("SEMANTIC_DIFFERENCE", "schedule")
    assert (found.cause, found.side) == (Cause.INEXACT, "candidate")
    assert judge_table("beta", NEAR, NEAR, TRUE, 4).verdict.name == "IDENTICAL"
