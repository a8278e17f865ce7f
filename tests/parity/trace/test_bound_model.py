"""A side is loaded and run by the reference's names, and says which side it is when it fails."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from parity.adapters.protocol import adapt
from parity.errors import CannotCompare
from parity.trace.bound_model import BoundModel, randomize_constant_parameters


class Renamed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))


def bound() -> tuple[Renamed, BoundModel]:
    module = Renamed()
    model = BoundModel(
        "candidate",
        adapt(module),
        {"": "", "inner": "outer", "inner.0": "outer.linear", "inner.1": "outer.norm"},
        {"linear.weight": "inner.0.weight", "linear.bias": "inner.0.bias"},
        {"norm.running_mean": "inner.1.running_mean"},
    )
    return module, model


def test_weights_are_loaded_by_the_names_of_the_reference() -> None:
    module, model = bound()
    kept = module.inner[1].weight.detach().clone()
    weight, mean = np.arange(6.0).reshape(3, 2), np.array([1.0, 2.0, 3.0])
    model.load({"linear.weight": weight, "norm.running_mean": mean, "unknown": mean}, "float32")
    linear, norm = module.inner
    np.testing.assert_array_equal(linear.weight.detach().numpy(), weight)
    np.testing.assert_array_equal(norm.running_mean.numpy(), mean)
    assert (linear.weight.dtype, norm.running_mean.dtype) == (torch.float32, torch.float32)
    assert torch.equal(norm.weight.detach(), kept)


def test_loaded_weights_are_copies_and_can_be_prepared() -> None:
    module, model = bound()
    weight = np.ones((3, 2))
    model.load({"linear.weight": weight}, "float64")
    weight[:] = 9
    assert module.inner[0].weight.tolist() == [[1, 1]] * 3
    names = []

    def prepare(array: np.ndarray, name: str) -> np.ndarray:
        names.append(name)
        return array * 2

    model.load({"linear.weight": weight}, "float64", prepare)
    assert module.inner[0].weight.tolist() == [[18, 18]] * 3
    assert names == ["weight linear.weight"]


def test_leaves_contain_no_other_module() -> None:
    _, model = bound()
    assert model.leaves() == {"outer.linear", "outer.norm"}
    alone = BoundModel("reference", model.adapter, {"": ""}, {}, {})
    assert alone.leaves() == {""}, "a model without modules is a leaf itself"


def test_a_side_that_raises_is_named_and_left_as_it_was() -> None:
    module, model = bound()
    module.eval()

    def run() -> None:
        with model.running("float64", training=True):
            assert module.training
            raise KeyError("h")

    with pytest.raises(CannotCompare, match=r"the candidate \(torch\) raised in float64: KeyError"):
        run()
    assert not module.training
    assert torch.get_default_dtype() == torch.float32


def test_what_cannot_be_compared_keeps_its_text() -> None:
    _, model = bound()
    with (
        pytest.raises(CannotCompare, match=r"^two shapes$"),
        model.running("float32", training=False),
    ):
        raise CannotCompare("two shapes")


def test_constant_parameters_are_randomized_and_all_else_stays() -> None:
    drawn = np.random.default_rng(0).standard_normal((400, 100))
    state = {
        "drawn": drawn,
        "constant": np.zeros((400, 100)),
        "scale": np.ones(1000),
        "variance": np.ones(1000, np.float32),
        "steps": np.zeros(3, np.int64),
        "empty": np.zeros((0, 2)),
    }
    parameters = dict.fromkeys(["drawn", "constant", "scale", "empty"], "")
    weights = randomize_constant_parameters(state, parameters, seed=1)
    np.testing.assert_array_equal(weights["drawn"], drawn.astype(np.float32))
    np.testing.assert_array_equal(weights["steps"], state["steps"])
    assert weights["empty"].shape == (0, 2)
    # 1 / sqrt(fan in), fan in 100; a vector is spread as if its fan in were 25.
    assert weights["constant"].std() == pytest.approx(0.1, rel=0.05)
    assert weights["scale"].std() == pytest.approx(0.2, rel=0.1)
    assert 1.02 <= weights["variance"].min() < weights["variance"].max() <= 1.1
    assert {array.dtype for name, array in weights.items() if name != "steps"} == {
        np.dtype("float32")
    }


def test_randomized_weights_depend_on_seed_and_path_alone() -> None:
    state = {"a": np.zeros(4), "b": np.zeros(4)}
    first = randomize_constant_parameters(state, state, seed=1)
    again = randomize_constant_parameters({"b": np.zeros(4)}, state, seed=1)
    other = randomize_constant_parameters(state, state, seed=2)
    np.testing.assert_array_equal(first["b"], again["b"])
    assert not np.array_equal(first["a"], first["b"])
    assert not np.array_equal(first["a"], other["a"])
