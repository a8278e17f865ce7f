"""Each known divergence says what differs and what to do, in words that stand in a report."""

from __future__ import annotations

from pathlib import Path

from parity.diagnose.known import RUNNING_VAR, STRUCTURE, SUBGRADIENT
from parity.diagnose.known_operators import RULES
from parity.diagnose.known_optimizers import ADAM_EPSILON
from parity.report.known_divergences import DIVERGENCES

PAGE = Path(__file__).parents[3] / "docs" / "your-own-models.md"


def test_every_name_that_an_experiment_gives_is_documented() -> None:
    assert set(DIVERGENCES) == {RUNNING_VAR, SUBGRADIENT, ADAM_EPSILON, STRUCTURE, *RULES}
    for divergence in DIVERGENCES.values():
        assert divergence.meaning[0].isupper() or divergence.meaning.startswith(
            ("at ", "the ", "a ")
        )
        assert divergence.workaround


def test_the_page_lists_them_all() -> None:
    rows = [f"| `{name}` | {d.meaning} | {d.workaround} |\n" for name, d in DIVERGENCES.items()]
    assert "".join(rows) in PAGE.read_text(encoding="utf-8")


def test_no_function_belongs_to_two_rules() -> None:
    functions = [function for names in RULES.values() for function in names]
    assert len(functions) == len(set(functions))
