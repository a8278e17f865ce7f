"""An audit is printed as Markdown."""

from __future__ import annotations

from audit.results.markdown import describe_record, table


def test_a_table_has_a_line_for_each_row() -> None:
    assert table(("a", "b"), [(1, "x")]) == "| a | b |\n| --- | --- |\n| 1 | x |"


def test_a_case_is_one_line_and_a_draw_states_its_command() -> None:
    case = {"set": "mutant", "kind": "ema", "name": "n", "side": "torch", "text": "What it does."}
    assert describe_record(case) == "ema, n (torch): What it does."
    draw = {
        "set": "draw", "number": 7, "verdict": "ERROR", "failed_subject": "network",
        "command": "python -m audit.draws 7", "configuration": {"batch": 2},
    }  # fmt: skip
    assert describe_record(draw) == (
        'number 7, ERROR of its network; again with python -m audit.draws 7\n{"batch": 2}'
    )
