"""Arrays are prepared for a run as copies; a distance trace keeps no tensor."""

from __future__ import annotations

from typing import Any

import numpy as np

from parity.trace.sites import Tap
from parity.trace.trace import Run, Trace

TAP = Tap("layer", 0, "output", "")


def run(**settings: Any) -> Run:
    return Run(
        inputs={}, weights={}, precision="float32", training=False, loss=None, seed=0, **settings
    )


def test_floats_are_copied_in_the_precision_of_the_run_and_integers_as_they_are() -> None:
    for array, dtype in ((np.ones(2), np.float32), (np.ones(2, np.int64), np.int64)):
        prepared = run().prepare(array, "x")
        assert prepared.dtype == dtype
        prepared[0] = 9
        assert array.tolist() == [1, 1]


def test_a_perturbation_gets_floats_alone_and_their_name() -> None:
    names = []

    def perturbation(array: np.ndarray, name: str) -> np.ndarray:
        names.append(name)
        return array + 1

    spec = run(perturbation=perturbation)
    assert spec.prepare(np.zeros(1), "x").tolist() == [1]
    assert spec.prepare(np.zeros(1, np.int64), "y").tolist() == [0]
    assert names == ["x"]


def test_a_distance_trace_measures_from_the_tensors_of_the_other() -> None:
    trace = Trace()
    trace.recorded[TAP] = trace.gradients[TAP] = np.array([1.0, 2.0])
    trace.parameter_gradients["w"] = trace.buffers["mean"] = np.zeros(2)
    distances = trace.distance_trace()
    distances.recorded[TAP] = distances.gradients[TAP] = np.array([1.0, 4.0])
    distances.parameter_gradients["w"] = distances.buffers["mean"] = np.full(2, 3.0)
    assert (distances.recorded[TAP], distances.gradients[TAP]) == (2, 2)
    assert (distances.parameter_gradients["w"], distances.buffers["mean"]) == (3, 3)
    assert trace.recorded[TAP].tolist() == [1, 2]
