"""A finding holds every field of its site and its judgement, and its texts follow from them."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest

import parity
from parity import Finding, Verdict
from parity.report.finding import finding_of
from parity.trace.sites import Tap, TensorSite
from parity.verdict import Cause, Judgement

SITE = TensorSite(
    "backward", "a", "output_gradient", "x", "a.b", 2, "", "isolated", None,
    Tap("a.b", 2, "output", "x"),
)  # fmt: skip
JUDGEMENT = Judgement(
    verdict=Verdict.NUMERICALLY_WEAKER, error=1e-3, noise=1e-7, cause=Cause.LOSES_DIGITS,
    side="candidate", precision="float32",
)  # fmt: skip
ABSTAIN = Judgement(
    verdict=Verdict.ABSTAIN, error=float("nan"), noise=float("nan"), cause=Cause.RERUNS_DIFFER,
    side="reference",
)  # fmt: skip


def test_a_finding_has_the_fields_of_its_site_and_of_its_judgement() -> None:
    finding = finding_of(SITE, JUDGEMENT, stress_input="zeros")
    assert finding.site == SITE._replace(tap=None)
    for field, value in vars(JUDGEMENT).items():
        # Says what is left to measure while a tensor is judged.
        assert field == "may_be_rounding" or getattr(finding, field) == value
    assert finding.stress_input == "zeros"
    assert finding.tensor == "gradient of output x (call 3) of a.b"
    assert finding.reason == "the candidate loses digits"


@pytest.mark.parametrize(
    ("judgement", "allow", "passes"),
    [
        (ABSTAIN, {}, False),
        (ABSTAIN, {"b": "elsewhere"}, False),
        (ABSTAIN, {"a": "it is random"}, True),
        (JUDGEMENT, {"a": "it is random"}, True),
        (Judgement(verdict=Verdict.ERROR, error=1, noise=0), {"a": "it is random"}, False),
        (
            Judgement(verdict=Verdict.SEMANTIC_DIFFERENCE, error=1, noise=0),
            {"a": "it is random"},
            False,
        ),
    ],
)
def test_only_a_tensor_that_abstains_is_let_through_by_name(
    judgement: Judgement, allow: dict[str, str], passes: bool
) -> None:
    finding = finding_of(SITE, judgement, allow=allow)
    assert finding.passes() is passes
    assert finding.allowed is (judgement is ABSTAIN and "a" in allow)
    if finding.allowed:
        assert finding.reason.endswith("when run again; allowed: it is random")


def test_an_allowance_excuses_no_other_verdict() -> None:
    fields: dict[str, Any] = {"path": "", "phase": "forward", "error": 1.0, "noise": 0.0}
    assert not Finding(verdict=Verdict.ERROR, allowance="a reason", **fields).passes()


def test_a_weaker_side_fails_under_strict() -> None:
    finding = finding_of(SITE, JUDGEMENT)
    assert finding.passes()
    assert not finding.passes(strict=True)


def test_the_parts_of_a_reason_are_joined() -> None:
    finding = finding_of(SITE, JUDGEMENT, gain=100.0)
    assert finding.reason == "the candidate loses digits; error / gain 1.00e-05 (gain 100)"


# Files that make or show texts; no other file of the harness may read one.
SHOW_TEXTS = {"finding.py", "html.py", "json.py", "text.py"}
# `Finding` and `Judgement` have these for people; the atlas has findings of its own.
TEXTS = {"tensor", "reason"}


def text_driven(path: Path) -> list[str]:
    """Return where a file reads a text of a finding."""
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    return [
        f"{path.name}:{node.lineno}: .{node.attr}"
        for node in nodes
        if isinstance(node, ast.Attribute) and node.attr in TEXTS and isinstance(node.ctx, ast.Load)
    ]


def test_no_decision_reads_a_text(tmp_path: Path) -> None:
    root = Path(parity.__file__).parent
    files = [
        path
        for folder in ("", "compare", "diagnose", "trace", "trajectories")
        for path in (root / folder).glob("*.py")
    ]
    assert len(files) > 30
    assert not [use for path in files for use in text_driven(path)]
    shown = [path for path in (root / "report").glob("*.py") if text_driven(path)]
    assert {path.name for path in shown} <= SHOW_TEXTS
    decision = tmp_path / "decision.py"
    decision.write_text('if "end to end" in finding.tensor:\n    pass\n', encoding="utf-8")
    assert text_driven(decision) == ["decision.py:1: .tensor"]
