"""Every text that a report takes from data."""

from __future__ import annotations

from typing import Any

import pytest

from parity.report.wording import cause_text, gain_text, segment_name, tensor_name
from parity.trace.sites import Boundary, Segment, TensorSite
from parity.verdict import Cause


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"quantity": "output", "owner": "a"}, "output"),
        ({"quantity": "output", "label": "0.h", "owner": "a"}, "output 0.h"),
        ({"quantity": "output", "owner": "a", "call": 1}, "output (call 2)"),
        ({"quantity": "input", "label": "input", "owner": "a.b"}, "input of a.b"),
        ({"quantity": "input", "label": "x", "owner": "a.b"}, "input x of a.b"),
        ({"quantity": "input_gradient", "label": "x", "owner": "a"}, "gradient of input x"),
        ({"quantity": "output_gradient", "owner": "a.b"}, "gradient of output of a.b"),
        ({"quantity": "parameter_gradient", "label": "w", "owner": "a"}, "gradient of w"),
        ({"quantity": "buffer", "label": "mean", "owner": "a"}, "mean after the run"),
        ({"quantity": "loss", "phase": "loss", "path": ""}, "loss"),
        ({"quantity": "parameter", "label": "w", "owner": "a", "scope": "built"}, "w"),
        ({"quantity": "table", "label": "beta", "path": "", "scope": "built"}, "beta"),
        (
            {"quantity": "state", "label": "w", "owner": "a", "group": "exp_avg", "scope": "step"},
            "exp_avg of w",
        ),
        (
            {"quantity": "reported", "label": "loss", "path": "", "scope": "step", "step": 3},
            "loss",
        ),
        (
            {"quantity": "reported", "label": "x", "path": "", "scope": "free_run", "step": 3},
            "x at step 3, running free",
        ),
        (
            {
                "quantity": "parameter_gradient", "label": "w", "owner": "a", "path": "",
                "scope": "end_to_end",
            },
            "gradient of w of a, end to end",
        ),
        ({"quantity": "named", "label": "as it was called"}, "as it was called"),
    ],
)  # fmt: skip
def test_a_tensor_is_called_by_its_fields(fields: dict[str, Any], name: str) -> None:
    assert tensor_name(TensorSite(**{"phase": "forward", "path": "a", **fields})) == name


def test_a_segment_lies_between_two_boundaries() -> None:
    inner, model = Boundary("output", "a.b"), Boundary("input", "")
    assert segment_name(Segment(model, inner)) == "input of the model and output of a.b"
    assert segment_name(Segment(Boundary("start"), inner)) == "the start and output of a.b"
    assert segment_name(Segment(inner, Boundary("end"))) == "output of a.b and the end"


@pytest.mark.parametrize(
    ("cause", "fields", "text"),
    [
        (Cause.SHAPE, {"compared": ("(2,)", "(3,)")}, "shape (3,), and (2,) in the reference"),
        (Cause.DTYPE, {"compared": ("a", "b")}, "dtype b, and a in the reference"),
        (Cause.NOT_FINITE, {"side": "reference"}, "the reference is not finite"),
        (
            Cause.NOT_FINITE,
            {"side": "candidate", "precision": "float32"},
            "the candidate is not finite in float32, the reference is",
        ),
        (Cause.LOSES_DIGITS, {"side": "candidate"}, "the candidate loses digits"),
        (Cause.RERUNS_DIFFER, {"side": "reference"}, "the reference differs from itself when run"),
        (
            Cause.LOWER_PRECISION,
            {"side": "candidate", "compared": ("float64", "float32")},
            "the candidate computes this in float32 even when run in float64",
        ),
        (
            Cause.LOWER_PRECISION,
            {"side": "reference", "compared": ("float32", "float64")},
            "the reference computes this in float32 even when run in float64",
        ),
    ],
)
def test_a_cause_names_its_side_and_what_differs(
    cause: Cause, fields: dict[str, Any], text: str
) -> None:
    assert cause_text(cause, **fields).startswith(text)


def test_every_cause_has_a_text_of_its_own_and_leaves_nothing_blank() -> None:
    texts = [cause_text(c, side="candidate", compared=("first", "second")) for c in Cause]
    assert len(set(texts)) == len(Cause)
    assert not [text for text in texts if "None" in text or "  " in text]


def test_an_error_is_divided_by_its_gain() -> None:
    assert gain_text(1e-6, 200) == "error / gain 5.00e-09 (gain 200)"
