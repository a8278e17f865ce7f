"""Weights that one side ties and the other does not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from parity import CannotCompare, Pair, Report, Verdict, check
from parity.structure.tied_weights import tie_both


class Language(nn.Module):
    """An embedding and the layer back to tokens."""

    def __init__(self, *, tied: bool, scale: float = 1.0) -> None:
        super().__init__()
        self.tokens, self.head = nn.Embedding(5, 3), nn.Linear(3, 5, bias=False)
        self.scale = scale
        if tied:
            self.head.weight = self.tokens.weight

    def forward(self, t: torch.Tensor) -> torch.Tensor:
        return self.head(torch.tanh(self.tokens(t)) * self.scale)


def report(reference: Any, candidate: Any, **options: Any) -> Report:
    return check(
        Pair(
            name="language",
            reference=reference,
            candidate=candidate,
            inputs=lambda g: {"t": g.integers(0, 5, (2, 4))},
            **options,
        )
    )


@pytest.mark.parametrize("tied", [(True, False), (False, True)])
def test_tied_against_untied_agrees_with_a_note(tied: tuple[bool, bool]) -> None:
    models = [Language(tied=t) for t in tied]
    before = [m.head.weight is m.tokens.weight for m in models]
    outcome = report(lambda: models[0], lambda: models[1])
    assert outcome.passed
    assert any("ties 'head.weight' to 'tokens.weight'" in note for note in outcome.notes)
    assert outcome.parameters == {"reference": 15, "candidate": 15}
    assert [m.head.weight is m.tokens.weight for m in models] == before == [*tied]


@pytest.mark.parametrize("tied", [(True, False), (False, True), (True, True)])
def test_a_fault_beside_tied_weights_is_found(tied: tuple[bool, bool]) -> None:
    outcome = report(lambda: Language(tied=tied[0]), lambda: Language(tied=tied[1], scale=1 + 1e-6))
    assert outcome.verdict is Verdict.SEMANTIC_DIFFERENCE


def test_the_gradient_is_the_sum_of_the_parts() -> None:
    """Against the gradients of the untied model, added up by hand."""
    from parity.adapters.torch_adapter import TorchAdapter

    torch.manual_seed(0)
    untied, tied = Language(tied=False).double(), Language(tied=True).double()
    with torch.no_grad():
        untied.head.weight.copy_(untied.tokens.weight)
        tied.tokens.weight.copy_(untied.tokens.weight)
    t = torch.from_numpy(np.random.default_rng(0).integers(0, 5, (2, 4)))
    for model in (untied, tied):
        (model(t) ** 2).sum().backward()
    parts = untied.tokens.weight.grad + untied.head.weight.grad  # type: ignore[operator]
    assert torch.allclose(tied.tokens.weight.grad, parts, rtol=1e-12)  # type: ignore[arg-type]
    notes, undo = tie_both(TorchAdapter(tied), adapter := TorchAdapter(untied), {})
    assert len(notes) == 1
    assert [*adapter.parameters()] == ["tokens.weight"]
    for put_back in undo:
        put_back()
    assert untied.head.weight is not untied.tokens.weight


def test_training_is_refused() -> None:
    """With both sides tied it would agree, and without it would not."""
    models = Language(tied=True), Language(tied=False)
    with pytest.raises(CannotCompare, match=r"ties .head.weight. .* leave out `optimizer`"):
        report(
            lambda: models[0],
            lambda: models[1],
            loss=lambda y: (y * y).mean(),
            optimizer={"torch": lambda parameters: torch.optim.SGD(parameters, 0.1)},
        )
    assert models[1].head.weight is not models[1].tokens.weight


def test_names_may_differ() -> None:
    class Renamed(Language):
        def __init__(self) -> None:
            super().__init__(tied=True)
            self.wte, self.lm = self.tokens, self.head
            del self.tokens, self.head

        def forward(self, t: torch.Tensor) -> torch.Tensor:
            return self.lm(torch.tanh(self.wte(t)))

    outcome = report(lambda: Language(tied=False), Renamed, rename={"tokens": "wte", "head": "lm"})
    assert outcome.passed


def test_weights_of_other_shapes_are_not_tied() -> None:
    class Wide(Language):
        def __init__(self) -> None:
            super().__init__(tied=False)
            self.head = nn.Linear(3, 7, bias=False)

    from parity.adapters.torch_adapter import TorchAdapter

    assert tie_both(TorchAdapter(Language(tied=True)), TorchAdapter(Wide()), {}) == ([], [])


def test_jittor_ties_as_well() -> None:
    jt = pytest.importorskip("jittor")

    class Port(jt.nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self, tied: bool) -> None:
            self.tokens, self.head = jt.nn.Embedding(5, 3), jt.nn.Linear(3, 5, bias=False)
            if tied:
                self.head.weight = self.tokens.weight

        def execute(self, t: Any) -> Any:
            return self.head(jt.tanh(self.tokens(t)))

    for tied in ((False, True), (True, False)):
        model = Port(tied[1])
        outcome = report(lambda t=tied[0]: Language(tied=t), lambda m=model: m)  # type: ignore[misc]
        assert outcome.passed, str(outcome)
        assert (model.head.weight is model.tokens.weight) is tied[1]
