from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from parity.atlas.catalogue import GROUPS
from parity.atlas.catalogue._layers import jittor_layer, torch_layer
from parity.atlas.entry import evaluate, split_source
from parity.atlas.results import read

DATA = Path(__file__).parents[3] / "docs" / "jittor-divergences.json"
ENTRIES = [(group, entry) for group, entries in GROUPS.items() for entry in entries]


def test_there_are_1500_entries_or_more_and_names_are_unique() -> None:
    assert len(ENTRIES) >= 1500
    assert len({(group, entry.name) for group, entry in ENTRIES}) == len(ENTRIES)


def test_two_sources_of_a_layer_set_equal_weights() -> None:
    names = {"torch": torch, "np": np, "x": torch.ones(1, dtype=torch.float64)}
    weights = evaluate(torch_layer("torch.nn.Linear(2, 3)") + "dict(m.named_parameters())", names)
    for name, weight in weights.items():
        expected = np.float32(np.cos(np.arange(weight.numel()) + sum(name.encode())))
        assert weight.dtype == torch.float64
        assert weight.detach().numpy().ravel().tolist() == expected.tolist()
    assert jittor_layer("M()").splitlines()[:-1] == torch_layer("M()").splitlines()[:-1]


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
