from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from parity.atlas.calls.sources import call, jittor_layer, text, torch_source, written
from parity.atlas.calls.use import Dtype, Layer, Ref, Use
from parity.atlas.entry import evaluate

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.tuples(inner, inner) | st.tuples(inner),
    max_leaves=6,
)


@given(PLAIN)
def test_an_argument_is_read_back_as_it_was(value: Any) -> None:
    assert eval(text(value, "torch")) == value


def test_nan_is_read_back() -> None:
    assert math.isnan(eval(text(math.nan, "torch")))


X = torch.arange(6.0).reshape(2, 3)


@pytest.mark.parametrize(
    ("name", "positional", "keywords", "source"),
    [
        ("torch.nn.functional.relu", (Ref("x"),), {}, "F.relu(x)"),
        ("torch.Tensor.add", (Ref("x"), 1), {}, "x + 1"),
        ("torch.Tensor.add", (Ref("x"), Ref("x")), {"alpha": 2}, "x.add(x, alpha=2)"),
        ("torch.Tensor.__rsub__", (Ref("x"), 1), {}, "1 - x"),
        ("torch.Tensor.neg", (Ref("x"),), {}, "-x"),
        ("torch.Tensor.mT.__get__", (Ref("x"),), {}, "x.mT"),
        ("torch.Tensor.__getitem__", (Ref("x"), (slice(None), 0)), {}, "x[:, 0]"),
        ("torch.Tensor.__getitem__", (Ref("x"), (..., None)), {}, "x[..., None]"),
        ("torch.Tensor.__getitem__", (Ref("x"), slice(0, 2, 2)), {}, "x[0:2:2]"),
        ("torch.cat", ([Ref("x"), Ref("x")],), {"dim": 1}, "torch.cat([x, x], dim=1)"),
        ("torch.Tensor.to", (Ref("x"), Dtype("float64")), {}, "x.to(torch.float64)"),
    ],
)
def test_a_call_is_written_as_people_write_it(
    name: str, positional: tuple[Any, ...], keywords: dict[str, Any], source: str
) -> None:
    use = Use(name=name, positional=positional, keywords=keywords)
    assert torch_source(use) == source == written(use)
    names = {"torch": torch, "F": torch.nn.functional, "x": X.clone()}
    assert isinstance(evaluate(source, names), torch.Tensor)


def test_what_changes_a_tensor_returns_the_changed_copy() -> None:
    use = Use(name="torch.Tensor.__setitem__", in_place=True, positional=(Ref("x"), (0, 1), 7.0))
    x = X.clone()
    changed = evaluate(torch_source(use), {"torch": torch, "x": x})
    assert changed[0, 1] == 7
    assert torch.equal(x, X)
    assert written(use) == "x[0, 1] = 7.0"


def test_dtypes_are_those_of_the_framework() -> None:
    use = Use(name="torch.zeros", positional=((2,),), keywords={"dtype": Dtype("float32")})
    assert call(use, "jt.zeros", "jittor") == "jt.zeros((2,), dtype=jt.float32)"


def layer(training: bool) -> Use:
    return Use(
        name="torch.nn.BatchNorm2d",
        positional=(Ref("x"),),
        layer=Layer(
            constructor={"num_features": 3, "momentum": 0.2},
            required=1,
            training=training,
            parameters={"weight": "weight", "bias": "bias"},
            buffers={"running_mean": "running_mean", "running_var": "running_var"},
        ),
    )


def test_a_layer_is_built_again_with_its_weights_and_gives_its_statistics() -> None:
    module = torch.nn.BatchNorm2d(3, momentum=0.2)
    torch.nn.init.normal_(module.weight)
    x = torch.randn(4, 3, 2, 2)
    state = {name: tensor.detach().clone() for name, tensor in module.state_dict().items()}
    result = evaluate(torch_source(layer(training=True)), {"torch": torch, "x": x, **state})
    expected = [module(x), module.running_mean, module.running_var]
    assert all(map(torch.allclose, result, expected))
    assert torch.equal(state["running_mean"], torch.zeros(3))  # a copy has changed


def test_a_layer_of_jittor_refuses_a_parameter_that_it_does_not_have() -> None:
    source = jittor_layer(layer(training=False), "jt.nn.BatchNorm", "3")
    lines = source.splitlines()
    assert lines[:3] == [
        "m = jt.nn.BatchNorm(3)",
        "m.eval()",
        "m.weight, m.bias, m.running_mean, m.running_var",
    ]
    assert lines[-1] == "y"  # in evaluation mode no statistic changes
