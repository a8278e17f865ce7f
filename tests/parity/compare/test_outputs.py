from __future__ import annotations

from typing import Any

import numpy as np

from parity.compare.outputs import STRUCTURE, judge_output_form
from parity.nested.outputs import Structure
from parity.trace.sites import Tap, TensorSite
from parity.verdict import Cause, Judgement, Verdict

SITE = TensorSite("forward", "", "output", scope="end_to_end", tap=Tap("", 0, "output", ""))
AGREES = Judgement(verdict=Verdict.IDENTICAL, error=0.0, noise=0.0)
TENSOR = Structure("tensor")


class Side:
    def __init__(self, array: Any, structure: Structure = TENSOR) -> None:
        self.array, self.shown = np.asarray(array), structure

    def values(self, precision: str) -> Any:
        is_wide = precision == "float64" and self.array.dtype == np.float32
        return {SITE: self.array.astype(np.float64) if is_wide else self.array}

    def structure(self) -> Structure:
        return self.shown


ONE = np.ones(2, np.float32)


def test_equal_forms_change_nothing() -> None:
    assert judge_output_form({SITE: AGREES}, Side(ONE), Side(ONE)) == {SITE: AGREES}


def test_a_wider_output_is_an_error() -> None:
    found = judge_output_form({SITE: AGREES}, Side(ONE), Side(ONE.astype(np.float64)))
    assert found[SITE].cause is Cause.DTYPE
    assert found[SITE].compared == ("float32", "float64")


def test_integers_of_another_size_are_no_matter() -> None:
    sides = Side(np.ones(2, np.int64)), Side(np.ones(2, np.int32))
    assert judge_output_form({SITE: AGREES}, *sides) == {SITE: AGREES}


def test_an_output_without_elements_is_left_out() -> None:
    empty = np.ones((0, 3), np.float32)
    assert judge_output_form({SITE: AGREES}, Side(empty), Side(empty)) == {}


def test_another_structure_comes_first() -> None:
    other = Structure("()", (TENSOR,), None, is_ordered=True)
    found = judge_output_form({SITE: AGREES}, Side(ONE), Side(ONE, other))
    assert next(iter(found)) == STRUCTURE
    assert found[STRUCTURE].cause is Cause.OTHER_STRUCTURE
