"""Gradients go to the trace under the names of what they are taken with respect to."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from parity.adapters.protocol import adapt
from parity.trace.bound_model import BoundModel
from parity.trace.gradients import record_gradients
from parity.trace.sites import Tap
from parity.trace.trace import Trace


def test_every_source_and_parameter_gets_its_gradient_or_zeros() -> None:
    module = nn.Linear(2, 2).double()
    model = BoundModel(
        "candidate", adapt(module), {"": ""}, {"w": "weight", "b": "bias"}, {}
    )  # fmt: skip
    used, unused = Tap("a", 0, "input", "x"), Tap("b", 0, "input", "x")
    source, x = model.adapter.variable(np.array([3.0, 4.0]))
    unused_source, _ = model.adapter.variable(np.array([1.0, 1.0, 1.0]))
    weighted_outputs = [(x @ module.weight, np.array([1.0, 10.0], np.float32))]
    trace = Trace()
    record_gradients(
        model, weighted_outputs, {unused: unused_source, used: source}, trace, "float64"
    )
    with torch.no_grad():
        expected = (module.weight @ torch.tensor([1.0, 10.0], dtype=torch.float64)).numpy()
    np.testing.assert_allclose(trace.gradients[used], expected, rtol=1e-14)
    assert trace.gradients[unused].tolist() == [0, 0, 0]
    assert trace.parameter_gradients["w"].tolist() == [[3, 30], [4, 40]]
    assert trace.parameter_gradients["b"].tolist() == [0, 0]
    assert {array.dtype for array in trace.gradients.values()} == {np.dtype("float64")}
    assert weighted_outputs == []
