from __future__ import annotations

from pathlib import Path

from parity.atlas.catalogue import GROUPS
from parity.atlas.entry import split_source
from parity.atlas.results import read

DATA = Path(__file__).parents[3] / "docs" / "jittor-divergences.json"
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


def test_every_entry_that_differs_says_why_and_no_workaround_breaks_a_case() -> None:
    for entry in read(DATA).entries:
        assert entry.note or not entry.findings, f"{entry.group}: {entry.name} has no note"
        if entry.workaround is not None:
            assert not entry.workaround.breaks, f"{entry.group}: {entry.name}"
