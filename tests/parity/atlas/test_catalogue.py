from __future__ import annotations

from parity.atlas.catalogue import GROUPS
from parity.atlas.entry import split_source

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
