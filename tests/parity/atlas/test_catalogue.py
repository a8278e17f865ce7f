from __future__ import annotations

from parity.atlas.cases import case_names, draw_inputs
from parity.atlas.catalogue import GROUPS
from parity.atlas.entry import Entry, evaluate, index, positive, split_source, unit

ENTRIES = [(group, entry) for group, entries in GROUPS.items() for entry in entries]


def test_there_are_120_entries_or_more_and_names_are_unique() -> None:
    assert len(ENTRIES) >= 120
    assert len({(group, entry.name) for group, entry in ENTRIES}) == len(ENTRIES)


def test_every_source_ends_in_an_expression_and_uses_its_inputs() -> None:
    for group, entry in ENTRIES:
        for source in filter(None, (entry.torch, entry.jittor, entry.workaround)):
            split_source(source)
        for name in entry.inputs:
            assert name in entry.torch, f"{group}: {entry.name}: {name} is not used"


def test_inputs_are_repeatable_and_within_their_domain() -> None:
    entry = Entry(
        name="e", torch="", jittor="",
        inputs={"p": positive(4, 3), "u": unit(4, 3), "i": index(9, below=3)},
    )  # fmt: skip
    for case in case_names(entry):
        first, second = draw_inputs(entry, case), draw_inputs(entry, case)
        assert all(first[name].tobytes() == second[name].tobytes() for name in first)
        assert first["i"].min() >= 0
        assert first["i"].max() < 3
    assert case_names(entry) == ("ordinary", "zeros", "ties", "nan")
    assert (draw_inputs(entry, "ordinary")["p"] > 0).all()


def test_a_source_may_have_statements_on_a_line() -> None:
    assert split_source("a = 1\nb = a\na + b") == ("a = 1\nb = a", "a + b")
    assert evaluate("a = 2; b = 3\n(a +\n b)", {}) == 5
