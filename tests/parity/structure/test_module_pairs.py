"""Both sides' modules in one list, with their numbers of parameters."""

from __future__ import annotations

from torch import nn

from parity.adapters.protocol import adapt
from parity.structure.module_pairs import WITH_SOURCE, ModulePair, module_pairs


class Own(nn.Module):
    def __init__(self, extra: bool = False) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Linear(3, 4), nn.ReLU())
        self.last = nn.Linear(4, 2)
        if extra:
            self.extra = nn.Linear(2, 2, bias=False)

    def forward(self, x: object) -> object:
        return self.last(self.first(x))


def pairs(*failing: str) -> list[ModulePair]:
    partners = {"": "", "first": "first", "first.0": "first.0", "last": "last"}
    return module_pairs(adapt(Own()), adapt(Own(extra=True)), partners, failing)


def test_modules_are_in_the_references_order_with_their_partners() -> None:
    found = [tuple(side and (side.path, side.kind) for side in pair) for pair in pairs()]
    assert found == [
        (("", "Own"), ("", "Own")),
        (("first", "Sequential"), ("first", "Sequential")),
        (("first.0", "Linear"), ("first.0", "Linear")),
        (("first.1", "ReLU"), None),
        (("last", "Linear"), ("last", "Linear")),
        (None, ("first.1", "ReLU")),
        (None, ("extra", "Linear")),
    ]


def test_parameters_are_counted_with_those_inside() -> None:
    sizes = {p.reference.path: p.reference.parameters for p in pairs() if p.reference}
    own = dict(Own().named_modules())
    assert sizes == {path: sum(p.numel() for p in m.parameters()) for path, m in own.items()}
    candidate = pairs()[0].candidate
    assert candidate is not None
    assert candidate.parameters == sizes[""] + 4


def test_source_lines_are_given_for_failing_modules_of_both_sides_alone() -> None:
    for pair in pairs("last"):
        for side in pair:
            is_last = side is not None and side.path == "last"
            assert bool(side and side.source) == is_last
    many = [*(f"gone.{n}" for n in range(WITH_SOURCE)), "last"]
    assert not any(side and side.source for pair in pairs(*many) for side in pair)
