from __future__ import annotations

import numpy as np

from parity.atlas.cases import draw
from parity.atlas.entry import Entry, real
from parity.atlas.program import PREAMBLE, printed, program
from parity.atlas.shrink import shrunk
from parity.atlas.sides import Backend

RELU = Entry(name="relu", torch="F.relu(x)", jittor="jt.nn.relu(x)", inputs={"x": real(2, 3)})


def test_a_program_is_made_of_the_source_that_was_judged(reference: Backend) -> None:
    inputs = {"x": np.array([[-1.5, np.inf]])}
    text = program(RELU, "torch", RELU.torch, inputs=inputs, place="output")
    assert text.splitlines()[:2] == ["x = torch.tensor([[-1.5, np.inf]])", "result = F.relu(x)"]
    assert printed(text, reference) == "[[ 0. inf]]"
    other = program(RELU, "jittor", RELU.jittor, inputs=inputs, place="output")
    assert other.splitlines()[:2] == ["x = jt.array([[-1.5, np.inf]])", "result = jt.nn.relu(x)"]


def test_a_gradients_program_weighs_as_the_judge_does(reference: Backend) -> None:
    inputs = {"x": np.array([2.0, -1.0, 3.0])}
    text = program(RELU, "torch", RELU.torch, inputs=inputs, place="gradient of x")
    judged = reference.run(RELU.torch, inputs, "float32", gradient=True).values["gradient of x"]
    assert printed(text, reference) == str(judged)


def test_a_program_says_how_it_ends(reference: Backend) -> None:
    entry = Entry(name="out", torch="torch.ones(2)[5]", jittor="", kind="rule")
    text = program(entry, "torch", entry.torch, inputs={}, place="value")
    assert printed(text, reference).startswith("IndexError: index 5 is out of bounds")


def test_what_is_shown_stands_alone() -> None:
    text = program(RELU, "torch", RELU.torch, inputs=draw(RELU, "empty"), place="output")
    names: dict[str, object] = {}
    exec(PREAMBLE.split("import jittor_env")[0] + text, names)


def test_an_input_is_cut_down_to_what_matters() -> None:
    x = np.zeros((4, 6))
    x[2, 3] = 9
    tries = []

    def still(inputs: dict[str, np.ndarray]) -> bool:
        tries.append(inputs)
        return bool((inputs["x"] == 9).any())

    assert shrunk({"x": x, "y": np.zeros(6)}, still)["x"].tolist() == [[9.0]]
    assert len(tries) <= 40


def test_arrays_that_share_a_length_are_cut_together() -> None:
    def still(inputs: dict[str, np.ndarray]) -> bool:
        return inputs["x"].shape[0] == inputs["t"].shape[0]

    small = shrunk({"x": np.ones((5, 3)), "t": np.ones(5)}, still)
    assert small["x"].shape == (1, 1)
    assert small["t"].shape == (1,)
