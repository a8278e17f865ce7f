from __future__ import annotations

from parity.atlas.cases import case_names, draw_inputs
from parity.atlas.entry import Entry, index, positive, unit


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
