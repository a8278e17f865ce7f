from __future__ import annotations

from parity.report.tree_text import tree_lines
from parity.structure.module_tree import Side, Tree, tree

REFERENCE = Side(
    "torch", {"": "Net", "a": "Linear", "b": "Linear"}, {"a.w": (2, 600), "b.w": (3,)}, {}
)
CANDIDATE = Side(
    "jittor", {"": "Port", "a": "Linear", "c": "Linear"}, {"a.w": (2, 600), "c.w": (3,)}, {}
)


def made() -> Tree:
    return tree(REFERENCE._replace(parameters={"a.w": (2, 600), "b.w": (3, 1)}), CANDIDATE)


def test_both_sides_stand_in_columns() -> None:
    assert tree_lines(made()) == [
        "reference                   candidate",
        "(the model)  Net     1,203  (the model)  Port    1,203",
        "a            Linear  1,200  a            Linear  1,200",
        "b            Linear      3  c            Linear      3",
        "b.w          (3, 1)         -                           no partner",
        "-                           c.w          (3)            no partner",
        "reference: 1,203 parameters in 2 tensors, 3 modules (torch)",
        "candidate: 1,203 parameters in 2 tensors, 3 modules (jittor)",
        "without a partner of their shape: 1 tensor of the reference, 1 of the candidate",
        "perhaps, by names and shapes (paste into the Pair):",
        "from parity.weights import reshape",
        "weights={",
        '    "c.w": reshape("b.w", 3),',
        "},",
    ]


def test_rows_without_a_difference_can_be_left_out() -> None:
    assert [line.split()[0] for line in tree_lines(made(), only_differences=True)[:3]] == [
        "reference", "b.w", "-",
    ]  # fmt: skip
    assert tree_lines(made(), only_differences=True, longest=1)[2] == (
        "… 1 further lines: see `parity tree`"
    )


def test_a_match_is_said() -> None:
    lines = tree_lines(tree(REFERENCE, REFERENCE), only_differences=True)
    assert len(lines) == 3
    assert lines[-1] == "every parameter has a partner of its shape"
