from __future__ import annotations

from parity.atlas.cases import cases, draw
from parity.atlas.catalogue import GROUPS
from parity.atlas.entry import Entry, evaluate, index, parts, positive, unit

ENTRIES = [(group, entry) for group, entries in GROUPS.items() for entry in entries]


def test_there_are_at_least_as_many_as_were_promised_and_no_name_twice() -> None:
    assert len(ENTRIES) >= 120
    assert len({(group, entry.name) for group, entry in ENTRIES}) == len(ENTRIES)


def test_every_source_ends_in_an_expression_and_uses_its_inputs() -> None:
    for group, entry in ENTRIES:
        for source in filter(None, (entry.torch, entry.jittor, entry.workaround)):
            parts(source)
        for name in entry.inputs:
            assert name in entry.torch, f"{group}: {entry.name}: {name} is not used"


def test_drawing_is_repeatable_and_keeps_to_its_domain() -> None:
    entry = Entry(
        name="e", torch="", jittor="",
        inputs={"p": positive(4, 3), "u": unit(4, 3), "i": index(9, below=3)},
    )  # fmt: skip
    for case in cases(entry):
        first, again = draw(entry, case), draw(entry, case)
        assert all(first[name].tobytes() == again[name].tobytes() for name in first)
        assert first["i"].min() >= 0
        assert first["i"].max() < 3
    assert cases(entry) == ("ordinary", "zeros", "ties", "nan")
    assert (draw(entry, "ordinary")["p"] > 0).all()


def test_a_source_may_have_statements_on_a_line() -> None:
    assert parts("a = 1\nb = a\na + b") == ("a = 1\nb = a", "a + b")
    assert evaluate("a = 2; b = 3\n(a +\n b)", {}) == 5
