from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from parity.atlas.calls.use import Use
from parity.atlas.model.recording import Recorded, record_uses, reference_of
from parity.errors import CannotCompare
from parity.pair import Pair


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.drop = nn.Conv2d(3, 4, 3), nn.Dropout(0.5)
        self.scale = nn.Parameter(torch.ones(4))

    def forward(self, x: torch.Tensor) -> Any:
        h = functional.silu(self.conv(self.conv.weight.new_zeros(()) + x))
        h = h * self.scale[:, None, None]
        h[:, 0] = 0
        return self.drop(h), torch.rand(2), h.shape[0]


def pair(build: Any = Net, **options: Any) -> Pair:
    return Pair(
        name="net",
        reference=build,
        candidate=build,
        inputs=lambda generator: (generator.standard_normal((2, 3, 5, 5)).astype("f"),),
        **options,
    )


def recorded(build: Any = Net, **options: Any) -> Recorded:
    return record_uses(reference_of(pair(build, **options)))


def by_name(result: Recorded) -> dict[str, Use]:
    return {use.name: use for use in result.uses}


def test_layers_functions_and_operators_are_recorded_where_they_stand() -> None:
    result = recorded(training=True)
    uses = by_name(result)
    assert not result.unjudged
    assert set(uses) == {
        "torch.Tensor.new_zeros", "torch.Tensor.add", "torch.nn.Conv2d",
        "torch.nn.functional.conv2d", "torch.nn.functional.silu", "torch.Tensor.__getitem__",
        "torch.Tensor.mul", "torch.Tensor.__setitem__", "torch.nn.Dropout",
        "torch.nn.functional.dropout", "torch.rand",
    }  # fmt: skip
    conv = uses["torch.nn.Conv2d"]
    assert conv.places == ["conv"]
    assert conv.inputs["x"].shape == (2, 3, 5, 5)
    assert conv.weights == {"weight", "bias"}
    assert conv.lines[0].startswith("tests/parity/atlas/model/test_recording.py:")
    inner = uses["torch.nn.functional.conv2d"]
    assert inner.contexts == {("torch.nn.Conv2d",)}
    assert conv.contexts == {()}


def test_two_recordings_are_equal() -> None:
    first, second = recorded(training=True), recorded(training=True)
    for a, b in zip(first.uses, second.uses, strict=True):
        assert a.name == b.name
        assert all(np.array_equal(a.inputs[name], b.inputs[name]) for name in a.inputs)


def test_inputs_are_those_before_a_change_in_place() -> None:
    changed = by_name(recorded())["torch.Tensor.__setitem__"]
    assert changed.in_place
    assert np.abs(changed.inputs["x"][:, 0]).max() > 0


def test_what_draws_random_numbers_is_known() -> None:
    training = {n for n, use in by_name(recorded(training=True)).items() if use.random}
    assert training == {"torch.nn.Dropout", "torch.nn.functional.dropout", "torch.rand"}
    assert {n for n, use in by_name(recorded()).items() if use.random} == {"torch.rand"}


def test_a_loss_is_recorded_too() -> None:
    assert "torch.Tensor.mean" in by_name(recorded(loss=lambda outputs: outputs[0].mean()))


def test_uses_alike_are_counted_and_others_are_kept_apart() -> None:
    class Twice(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return functional.relu(functional.relu(x)) + functional.relu(x[0]).sum()

    uses = [use for use in recorded(Twice).uses if use.name.endswith("relu")]
    assert [use.calls for use in uses] == [2, 1]


def test_what_depends_on_more_than_its_arguments_is_not_judged() -> None:
    class Layout(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.as_strided(x.permute(3, 0, 1, 2), (2,), (1,)) + x.sum()

    assert recorded(Layout).unjudged == {
        "torch.as_strided": "depends on more than its arguments, or on their low precision"
    }


def test_a_layer_that_cannot_be_built_again_is_recorded_with_its_parts() -> None:
    def build() -> nn.Module:
        return nn.Sequential(nn.Flatten(2), nn.TransformerEncoderLayer(25, 5, 8, batch_first=True))

    uses = by_name(recorded(build, training=True))
    assert uses["torch.nn.TransformerEncoderLayer"].unbuilt
    assert ("torch.nn.TransformerEncoderLayer",) in uses["torch.nn.Linear"].contexts


def test_the_reference_must_be_of_pytorch() -> None:
    with pytest.raises(CannotCompare):
        reference_of(pair(lambda: object()))
