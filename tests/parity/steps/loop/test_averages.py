"""Averages of the weights, in each of the forms in which scripts keep them."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel

import jittor_env
from parity.adapters.protocol import adapt
from parity.errors import CannotCompare
from parity.steps.frameworks.loops import loop_of
from parity.steps.loop.averages import Average

jt = jittor_env.load()


class Holder:
    """Keeps an average as an attribute, beside other things."""

    def __init__(self, **attributes: Any) -> None:
        self.decay = 0.99
        vars(self).update(attributes)


class Wrapped(nn.Module):
    """Has the averaged model in it, as wrappers of libraries do."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.ema_model = copy.deepcopy(model)
        self.register_buffer("step", torch.zeros(()))


def torch_model() -> nn.Module:
    return nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))


def names_of(model: nn.Module) -> dict[str, str]:
    return {own: f"reference.{own}" for own in model.state_dict()}


def average_of(model: Any, average: Any, names: dict[str, str]) -> Average:
    adapter = adapt(model)
    return Average("ema", average, adapter, loop_of(adapter.framework)({"": adapter}), names)


FORMS: dict[str, Any] = {
    "dictionary": lambda m: {n: t.clone() for n, t in m.state_dict().items()},
    "module": copy.deepcopy,
    "AveragedModel": AveragedModel,
    "module in a module": Wrapped,
    "object with a module": lambda m: Holder(model=copy.deepcopy(m)),
    "object with a dictionary": lambda m: Holder(
        shadow={n: t.clone() for n, t in m.state_dict().items()}, backup={}
    ),
    "names of DataParallel": lambda m: {f"module.{n}": t for n, t in m.state_dict().items()},
}


@pytest.mark.parametrize("form", FORMS)
def test_an_average_is_read_by_the_name_that_the_reference_has(form: str) -> None:
    model = torch_model()
    found = average_of(model, FORMS[form](model), names_of(model)).read()
    expected = {
        f"reference.{name}": tensor.numpy()
        for name, tensor in model.state_dict().items()
        if tensor.is_floating_point()  # not the number of batches
    }
    assert sorted(found) == sorted(expected)
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name], array)


@pytest.mark.parametrize("form", FORMS)
def test_an_average_is_written_in_place(form: str) -> None:
    model = torch_model()
    kept = FORMS[form](model)
    average = average_of(model, kept, names_of(model))
    before = average.read()
    new = {"reference.0.weight": np.arange(6.0).reshape(3, 2), "reference.other": np.ones(1)}
    average.write(new)
    # Found anew, so what the script itself holds has changed.
    after = average_of(model, kept, names_of(model)).read()
    np.testing.assert_array_equal(after.pop("reference.0.weight"), [[0, 1], [2, 3], [4, 5]])
    for name, array in after.items():
        np.testing.assert_array_equal(array, before[name])


def test_what_was_read_does_not_change_with_the_average() -> None:
    model = torch_model()
    kept = {"0.bias": torch.zeros(3)}
    average = average_of(model, kept, names_of(model))
    found = average.read()
    kept["0.bias"].add_(1)
    np.testing.assert_array_equal(found["reference.0.bias"], [0, 0, 0])
    np.testing.assert_array_equal(average.read()["reference.0.bias"], [1, 1, 1])


def test_a_parameter_that_needs_gradients_is_written_too() -> None:
    model = torch_model()
    kept = copy.deepcopy(model)
    average_of(model, kept, names_of(model)).write({"reference.0.bias": np.full(3, 2.0)})
    assert kept[0].bias.requires_grad
    np.testing.assert_array_equal(kept[0].bias.detach().numpy(), [2, 2, 2])


@pytest.mark.parametrize("kept", [{}, {"other": torch.zeros(1)}, Holder(), 7, nn.ReLU()])
def test_what_has_no_weight_is_refused(kept: Any) -> None:
    model = torch_model()
    with pytest.raises(CannotCompare, match="the average 'ema' has no tensor with") as refusal:
        average_of(model, kept, names_of(model))
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("is_module", [True, False])
def test_an_average_in_jittor_is_read_and_written_in_place(is_module: bool) -> None:
    model, kept = jt.nn.Linear(2, 3), jt.nn.Linear(2, 3)
    for tensor in kept.parameters():
        tensor.stop_grad()
    given = kept if is_module else {"weight": kept.weight, "bias": kept.bias}
    average = average_of(model, given, {"weight": "w", "bias": "b"})
    np.testing.assert_array_equal(average.read()["w"], kept.weight.numpy())
    average.write({"w": np.arange(6.0).reshape(3, 2)})
    np.testing.assert_array_equal(kept.weight.numpy(), [[0, 1], [2, 3], [4, 5]])
    assert kept.weight.is_stop_grad()
    assert str(kept.weight.dtype) == "float32"
    np.testing.assert_array_equal(average.read()["w"], [[0, 1], [2, 3], [4, 5]])
