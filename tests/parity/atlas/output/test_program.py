from __future__ import annotations

import numpy as np

from parity.atlas.backends import Backend
from parity.atlas.cases import draw_inputs
from parity.atlas.entry import Entry, real
from parity.atlas.finding import OUTPUT, VALUE, ComparedTensor
from parity.atlas.output.program import PREAMBLE, build_program, run_program

GRADIENT = ComparedTensor("gradient", "x")
RELU = Entry(name="relu", torch="F.relu(x)", jittor="jt.nn.relu(x)", inputs={"x": real(2, 3)})


def test_a_program_contains_the_source_that_was_judged(reference: Backend) -> None:
    inputs = {"x": np.array([[-1.5, np.inf]])}
    text = build_program(RELU, "torch", inputs=inputs, tensor=OUTPUT)
    assert text.splitlines()[:2] == ["x = torch.tensor([[-1.5, np.inf]])", "result = F.relu(x)"]
    assert run_program(text, reference) == "[[ 0. inf]]"
    other = build_program(RELU, "jittor", inputs=inputs, tensor=OUTPUT)
    assert other.splitlines()[:2] == ["x = jt.array([[-1.5, np.inf]])", "result = jt.nn.relu(x)"]


def test_a_program_weights_the_outputs_as_the_judge_does(reference: Backend) -> None:
    inputs = {"x": np.array([2.0, -1.0, 3.0])}
    text = build_program(RELU, "torch", inputs=inputs, tensor=GRADIENT)
    expected = reference.run(RELU.torch, inputs, "float32", gradient=True).arrays[GRADIENT]
    assert run_program(text, reference) == str(expected)


def test_the_output_includes_an_exception(reference: Backend) -> None:
    entry = Entry(name="out", torch="torch.ones(2)[5]", jittor="", kind="rule")
    text = build_program(entry, "torch", inputs={}, tensor=VALUE)
    assert run_program(text, reference).startswith("IndexError: index 5 is out of bounds")


def test_a_program_runs_alone() -> None:
    text = build_program(RELU, "torch", inputs=draw_inputs(RELU, "empty"), tensor=OUTPUT)
    names: dict[str, object] = {}
    exec(PREAMBLE.split("import jittor_env")[0] + text, names)
