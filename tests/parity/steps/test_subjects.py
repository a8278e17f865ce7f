"""Parts that a user hands over: named, matched with the reference, or refused."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import jittor_env
from parity.adapters.protocol import adapt
from parity.errors import CannotCompare
from parity.steps.frameworks.torch_loop import TorchLoop
from parity.steps.subjects import matched_model, subjects

jt = jittor_env.load()


def net(inner: int = 3) -> nn.Module:
    return nn.Sequential(nn.Linear(2, inner), nn.BatchNorm1d(inner, momentum=0.25))


class Other(nn.Module):
    """The same layers under other names."""

    def __init__(self) -> None:
        super().__init__()
        self.line, self.norm = nn.Linear(2, 3), nn.BatchNorm1d(3)


def sgd(*models: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.SGD([p for m in models for p in m.parameters()], lr=0.1)


def test_an_only_part_has_no_name() -> None:
    model = net()
    parts = subjects(model, sgd(model), net())
    assert parts.framework == "torch"
    assert isinstance(parts.loop, TorchLoop)
    assert list(parts.models) == list(parts.optimizers) == list(parts.averages) == [""]
    assert parts.models[""].adapter.module is model
    names = ["0.weight", "0.bias", "1.weight", "1.bias"]
    assert parts.optimizers[""].paths() == names
    assert parts.models[""].parameters == {name: name for name in names}
    assert set(parts.averages[""].read()) == {*names, "1.running_mean", "1.running_var"}


def test_several_parts_have_the_names_that_they_are_given() -> None:
    one, two = net(), net()
    parts = subjects(
        {"g": one, "d": two}, [sgd(two), sgd(one)], {"g": {"0.bias": torch.full((3,), 7.0)}}
    )
    assert list(parts.models) == ["g", "d"]
    assert list(parts.optimizers) == ["0", "1"]
    assert parts.optimizers["0"].paths()[0] == "d.0.weight"
    assert parts.optimizers["1"].paths()[0] == "g.0.weight"
    np.testing.assert_array_equal(parts.averages["g"].read()["0.bias"], [7, 7, 7])


def test_the_facts_are_what_another_side_needs() -> None:
    one, two = net(), net(4)
    facts = subjects({"g": one, "d": two}, {"adam": sgd(one, two)}).facts()
    assert json.loads(json.dumps(facts)) == facts
    assert facts["framework"] == "torch"
    assert facts["optimizers"] == ["adam"]
    assert facts["averages"] == []
    assert facts["momentum"] == {"g.1": 0.25, "d.1": 0.25}
    assert list(facts["models"]) == ["g", "d"]
    assert facts["models"]["d"]["parameters"] == {
        "0.weight": [4, 2], "0.bias": [4], "1.weight": [4], "1.bias": [4],
    }  # fmt: skip
    assert facts["models"]["d"]["buffers"] == {
        "1.running_mean": [4], "1.running_var": [4], "1.num_batches_tracked": [],
    }  # fmt: skip


def facts_of(model: Any, optimizer: Any) -> dict[str, Any]:
    facts: dict[str, Any] = json.loads(json.dumps(subjects(model, optimizer).facts()))
    return facts


def test_another_sides_names_are_the_references() -> None:
    reference, candidate = net(), Other()
    recorded = facts_of(reference, sgd(reference))
    rename = {"0": "line", "1": "norm"}
    average = {"": {"line.weight": torch.zeros(3, 2), "norm.running_var": torch.ones(3)}}
    parts = subjects(candidate, sgd(candidate), average, recorded=recorded, rename=rename)
    arrays = parts.models[""].read()
    np.testing.assert_array_equal(arrays["0.weight"], candidate.line.weight.detach().numpy())
    assert set(arrays) == {
        *recorded["models"][""]["parameters"], *recorded["models"][""]["buffers"],
    }  # fmt: skip
    assert parts.optimizers[""].paths() == ["0.weight", "0.bias", "1.weight", "1.bias"]
    assert set(parts.averages[""].read()) == {"0.weight", "1.running_var"}


def test_a_renaming_may_be_of_one_of_several_models() -> None:
    first, second = net(), net()
    recorded = facts_of({"g": first, "d": second}, sgd(first, second))
    own = {"g": Other(), "d": net()}
    rename = {"g.0": "g.line", "g.1": "g.norm"}
    parts = subjects(own, sgd(*own.values()), recorded=recorded, rename=rename)
    assert parts.models["g"].parameters["0.weight"] == "line.weight"
    assert parts.models["g"].buffers["1.running_var"] == "norm.running_var"
    assert parts.models["d"].parameters["0.weight"] == "0.weight"
    assert parts.optimizers[""].paths()[0] == "g.0.weight"


def test_buffers_that_a_framework_does_not_have_are_left_out() -> None:
    reference = net()
    recorded = facts_of(reference, sgd(reference))["models"]
    candidate = jt.nn.Sequential(jt.nn.Linear(2, 3), jt.nn.BatchNorm1d(3))
    model = matched_model("", adapt(candidate), {"models": recorded}, {})
    assert list(model.parameters) == list(recorded[""]["parameters"])
    assert list(model.buffers) == ["1.running_mean", "1.running_var"]


def test_a_parameter_without_partner_is_refused() -> None:
    reference, candidate = net(3), net(4)
    recorded = facts_of(reference, sgd(reference))
    with pytest.raises(CannotCompare, match=r"0\.weight"):
        subjects(candidate, sgd(candidate), recorded=recorded)


def test_other_names_of_models_or_optimizers_are_refused() -> None:
    one, two = net(), net()
    recorded = facts_of({"g": one, "d": two}, {"a": sgd(one), "b": sgd(two)})
    with pytest.raises(CannotCompare, match="models 'd', 'g' were recorded, and 'g', 'x' are"):
        subjects({"g": one, "x": two}, {"a": sgd(one), "b": sgd(two)}, recorded=recorded)
    with pytest.raises(CannotCompare, match="optimizers 'a', 'b' were recorded, and '' are"):
        subjects({"d": two, "g": one}, sgd(one, two), recorded=recorded)
    parts = subjects({"d": two, "g": one}, {"b": sgd(two), "a": sgd(one)}, recorded=recorded)
    assert set(parts.models) == {"g", "d"}


@pytest.mark.parametrize("missing", [None, {}, []])
def test_a_model_and_an_optimizer_are_needed(missing: Any) -> None:
    model = net()
    with pytest.raises(CannotCompare, match="a model and an optimizer are needed"):
        subjects(model, missing)
    with pytest.raises(CannotCompare, match="a model and an optimizer are needed"):
        subjects(missing, sgd(model))


def test_parts_that_do_not_belong_together_are_refused() -> None:
    model = net()
    with pytest.raises(CannotCompare, match="of several frameworks: jittor, torch"):
        subjects({"a": model, "b": jt.nn.Linear(2, 3)}, sgd(model))
    with pytest.raises(CannotCompare, match=r"shape \(3, 2\) that no model has"):
        subjects(net(), sgd(model))
    with pytest.raises(CannotCompare, match="is no optimizer of PyTorch"):
        subjects(model, jt.optim.SGD(jt.nn.Linear(2, 3).parameters(), 0.1))
