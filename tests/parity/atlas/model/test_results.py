from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from parity.atlas.finding import OUTPUT, AtlasCause, ComparedTensor, Finding
from parity.atlas.model.results import Effect, Impact, ModelAtlas, UseResult
from parity.verdict import Verdict


def result(name: str = "F.relu", *findings: Finding, **options: Any) -> UseResult:
    given = {"kind": "operator", "call": f"{name}(x)", "shapes": "x 2×3", "places": [""],
             "lines": ["net.py:1"], "calls": 1, "torch": f"{name}(x)", "jittor": "jt.f(x)",
             "cases": ["ordinary"]}  # fmt: skip
    return UseResult(name=name, findings=findings, **{**given, **options})


def finding(
    cause: AtlasCause = AtlasCause.VALUES, case: str = "ordinary", tensor: ComparedTensor = OUTPUT,
    verdict: Verdict = Verdict.ERROR,
) -> Finding:  # fmt: skip
    return Finding(case=case, tensor=tensor, verdict=verdict, cause=cause, error=0.1, noise=0.0)


GRADIENT = ComparedTensor("gradient", "x")
WEAKER = Verdict.NUMERICALLY_WEAKER


@pytest.mark.parametrize(
    ("use", "impact"),
    [
        (result(jittor=""), Impact.LACKING),
        (result("f", finding(AtlasCause.CRASH)), Impact.ENDS_PROCESS),
        (result("f", finding(AtlasCause.EXCEPTION)), Impact.RAISES),
        (result("f", finding()), Impact.OTHER_VALUES),
        (result("f", finding(tensor=GRADIENT)), Impact.OTHER_GRADIENTS),
        (result("f", finding(tensor=GRADIENT), finding()), Impact.OTHER_VALUES),
        (result("f", finding(AtlasCause.CRASH, case="nan")), Impact.OTHER_INPUTS),
        (result("f", finding(verdict=WEAKER)), Impact.FEWER_DIGITS),
        (result("f", other_defaults=True), Impact.OTHER_DEFAULTS),
        (result("f"), Impact.NONE),
    ],
)
def test_the_impact_is_that_of_the_worst_finding(use: UseResult, impact: Impact) -> None:
    assert use.impact is impact


def test_uses_are_ordered_by_impact_then_by_their_effect_on_the_model(tmp_path: Path) -> None:
    uses = [
        result("same"),
        result("small", finding(), effect=Effect(outputs=1e-6, gradients=0.0)),
        result("large", finding(), effect=Effect(outputs=0.0, gradients=0.5)),
        result("none", jittor=""),
    ]
    atlas = ModelAtlas(pair="net", versions={"torch": "2"}, uses=uses, unjudged={"f": "why"})
    assert [use.name for use in atlas.uses] == ["none", "large", "small", "same"]
    atlas.save(tmp_path / "atlas.json")
    plain = json.loads((tmp_path / "atlas.json").read_text())
    assert [use["impact"] for use in plain["uses"]] == [
        "LACKING", "OTHER_VALUES", "OTHER_VALUES", "NONE",
    ]  # fmt: skip
    assert plain["uses"][1]["effect"] == {"outputs": 0.0, "gradients": 0.5}
    assert plain["uses"][1]["findings"][0]["cause"] == "values"
    assert plain["unjudged"] == {"f": "why"}
