"""A model inside a loop: its tensors by the reference's names, and the tensors of its calls."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from parity.adapters.protocol import adapt
from parity.errors import CannotCompare
from parity.steps.loop.watched_model import LiveCall, WatchedModel, output_tensors, with_tensors


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.line = nn.Linear(3, 2)
        self.norm = nn.BatchNorm1d(2)

    def forward(self, x: Any, extra: Any = None, *rest: Any, scale: Any = 1.0) -> Any:
        return {"y": self.norm(self.line(x)) * scale, "extra": extra, "rest": rest}


def watched(name: str = "net") -> WatchedModel:
    """Return a model whose parameters have other names in the reference."""
    return WatchedModel(
        name,
        adapt(Net()),
        {"head.w": "line.weight", "head.b": "line.bias", "gamma": "norm.weight"},
        {"mean": "norm.running_mean"},
    )


def test_tensors_are_read_by_the_name_that_the_reference_has() -> None:
    model = watched()
    line = model.adapter.module.line
    arrays = model.read()
    assert list(arrays) == ["head.w", "head.b", "gamma", "mean"]
    np.testing.assert_array_equal(arrays["head.w"], line.weight.detach().numpy())
    assert list(model.read(buffers=False)) == ["head.w", "head.b", "gamma"]


def test_what_was_read_does_not_change_with_the_model() -> None:
    model = watched()
    before = model.read()
    expected = before["head.w"].copy()
    with torch.no_grad():
        model.adapter.module.line.weight.add_(1)
    np.testing.assert_array_equal(before["head.w"], expected)
    np.testing.assert_allclose(model.read()["head.w"], expected + 1)


def test_tensors_are_written_by_the_same_name_and_others_stay() -> None:
    model = watched()
    bias = model.read()["head.b"]
    parameter = model.adapter.module.line.weight
    new = np.arange(6, dtype=np.float64).reshape(2, 3) / 7
    model.write({"head.w": new, "mean": np.array([1.0, 2.0]), "unknown": np.ones(1)})
    assert model.adapter.module.line.weight is parameter
    assert parameter.dtype == torch.float32
    np.testing.assert_array_equal(parameter.detach().numpy(), new.astype(np.float32))
    np.testing.assert_array_equal(model.adapter.module.norm.running_mean.numpy(), [1, 2])
    np.testing.assert_array_equal(model.read()["head.b"], bias)


def test_tensors_are_written_in_a_precision() -> None:
    model = watched()
    new = np.arange(6, dtype=np.float64).reshape(2, 3) / 7
    model.write({"head.w": new}, "float64")
    weight = model.adapter.module.line.weight
    assert weight.dtype == torch.float64
    np.testing.assert_array_equal(weight.detach().numpy(), new)


@pytest.mark.parametrize(("name", "prefix"), [("net", "net."), ("", "")])
def test_parameters_are_known_by_their_identity(name: str, prefix: str) -> None:
    model = watched(name)
    module = model.adapter.module
    assert model.names_of_parameters() == {
        id(module.line.weight): f"{prefix}head.w",
        id(module.line.bias): f"{prefix}head.b",
        id(module.norm.weight): f"{prefix}gamma",
    }


def test_arguments_have_the_names_of_what_takes_them() -> None:
    a, b, c, d, e = (torch.full((1,), float(n)) for n in range(5))
    call = LiveCall(adapt(Net()), (a, {"left": b, "right": [c, 7]}, d), {"scale": e})
    found = call.inputs()
    assert list(found) == ["x", "extra.left", "extra.right.0", "2", "scale"]
    for tensor, expected in zip(found.values(), (a, b, c, d, e), strict=True):
        assert tensor is expected
    assert call.labels == ["0", "1.left", "1.right.0", "2", "scale"]


def test_a_call_is_made_again_with_other_tensors() -> None:
    given = {"left": torch.zeros(1), "right": [torch.zeros(1), 7]}
    call = LiveCall(adapt(Net()), (torch.zeros(1), given), {"scale": torch.zeros(1), "flag": "a"})
    new = [torch.full((1,), float(n)) for n in range(1, 5)]
    args, kwargs = call.filled(new)
    assert args[0] is new[0]
    assert args[1]["left"] is new[1]
    assert args[1]["right"][0] is new[2]
    assert args[1]["right"][1] == 7
    assert kwargs == {"scale": new[3], "flag": "a"}
    # The containers that the script has keep its own tensors.
    assert given["left"].item() == 0
    assert list(call.filled(new)[1]) == ["scale", "flag"]


def test_outputs_are_found_and_replaced_where_they_are() -> None:
    adapter = adapt(Net())
    outputs = {"y": torch.ones(2), "n": 3, "rest": (torch.zeros(1), None)}
    assert list(output_tensors(adapter, outputs)) == ["y", "rest.0"]
    new = [torch.full((2,), 5.0), torch.full((1,), 6.0)]
    changed = with_tensors(adapter, outputs, new)
    assert changed["y"] is new[0]
    assert changed["rest"][0] is new[1]
    assert changed["rest"][1] is None
    assert changed["n"] == 3
    assert outputs["y"] is not new[0]


def test_an_output_alone_has_no_label() -> None:
    tensor = torch.ones(2)
    found = output_tensors(adapt(Net()), tensor)
    assert list(found) == [""]
    assert found[""] is tensor


def test_an_output_that_cannot_be_looked_into_is_refused() -> None:
    with pytest.raises(CannotCompare, match="cannot be looked into"):
        output_tensors(adapt(Net()), {"y": torch.ones(1), "f": iter(())})
