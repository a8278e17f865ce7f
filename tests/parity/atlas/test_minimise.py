from __future__ import annotations

import numpy as np

from parity.atlas.minimise import minimise_inputs


def test_inputs_are_reduced_to_the_failing_element() -> None:
    x = np.zeros((4, 6))
    x[2, 3] = 9
    trials = []

    def reproduces(inputs: dict[str, np.ndarray]) -> bool:
        trials.append(inputs)
        return bool((inputs["x"] == 9).any())

    assert minimise_inputs({"x": x, "y": np.zeros(6)}, reproduces)["x"].tolist() == [[9.0]]
    assert len(trials) <= 40


def test_arrays_that_share_a_length_are_cut_together() -> None:
    def reproduces(inputs: dict[str, np.ndarray]) -> bool:
        return inputs["x"].shape[0] == inputs["t"].shape[0]

    small = minimise_inputs({"x": np.ones((5, 3)), "t": np.ones(5)}, reproduces)
    assert small["x"].shape == (1, 1)
    assert small["t"].shape == (1,)
