from __future__ import annotations

from typing import Any

import pytest

from parity.atlas.finding import OUTPUT, AtlasCause, ComparedTensor, Finding
from parity.atlas.output.text import description, headline, other_findings
from parity.verdict import Verdict


def finding(cause: AtlasCause, **fields: Any) -> Finding:
    values = {"case": "nan", "tensor": OUTPUT, "verdict": Verdict.ERROR, **fields}
    return Finding(cause=cause, **values)


SIDES = {"reference": "R", "candidate": "C"}


@pytest.mark.parametrize(
    ("cause", "fields", "text"),
    [
        (AtlasCause.VALUES, {"error": 0.5, "noise": 1e-8}, "difference 0.5, noise 1e-08"),
        (AtlasCause.VALUES, SIDES, "C in Jittor, R in PyTorch"),
        (AtlasCause.SPECIAL_VALUES, SIDES, "C where PyTorch has R"),
        (
            AtlasCause.SPECIAL_VALUES,
            {**SIDES, "float32_only": True},
            "C where PyTorch has R, in float32 only",
        ),
        (AtlasCause.SHAPE, SIDES, "shape C in Jittor, R in PyTorch"),
        (AtlasCause.DTYPE, SIDES, "dtype C in Jittor, R in PyTorch"),
        (AtlasCause.EXCEPTION, {"reference": "R"}, "PyTorch raises R; Jittor returns a value"),
        (AtlasCause.EXCEPTION, {"candidate": "C"}, "Jittor raises C; PyTorch returns a value"),
        (AtlasCause.EXCEPTION, SIDES, "both raise; PyTorch: R; Jittor: C"),
        (AtlasCause.CANDIDATE_LESS_ACCURATE, {}, "Jittor loses digits"),
        (AtlasCause.REFERENCE_LESS_ACCURATE, {}, "PyTorch loses digits"),
    ],
)
def test_a_description_follows_from_cause_and_values(
    cause: AtlasCause, fields: dict[str, Any], text: str
) -> None:
    assert description(finding(cause, **fields)) == text


@pytest.mark.parametrize("cause", AtlasCause)
def test_every_cause_has_a_sentence(cause: AtlasCause) -> None:
    text = description(finding(cause, **SIDES))
    assert bool(text) == (cause is not AtlasCause.AGREEMENT)


def test_a_headline_names_tensor_and_case() -> None:
    gradient = finding(AtlasCause.BELOW_FLOAT32, tensor=ComparedTensor("gradient", "x"))
    assert headline(gradient, quote="`") == (
        "`ERROR` (gradient with respect to x, case nan): below the resolution of float32"
    )
    assert headline(finding(AtlasCause.AGREEMENT, case="ordinary")) == "ERROR"


def test_further_findings_are_listed_by_verdict() -> None:
    weaker = finding(
        AtlasCause.CANCELLATION, case="zeros", verdict=Verdict.NUMERICALLY_WEAKER,
        tensor=ComparedTensor("output", "2"),
    )  # fmt: skip
    findings = [finding(AtlasCause.SHAPE), weaker, finding(AtlasCause.SHAPE, case="ties")]
    assert other_findings(findings) == (
        "`ERROR` for nan, ties; `NUMERICALLY_WEAKER` for zeros (output 2)"
    )
