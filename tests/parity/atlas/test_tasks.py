from __future__ import annotations

import numpy as np

from parity.atlas import catalogue
from parity.atlas.backends import Backend
from parity.atlas.cases import ORDINARY, draw_inputs
from parity.atlas.entry import Entry, real
from parity.atlas.finding import OUTPUT, ComparedTensor
from parity.atlas.tasks import JudgeTask, perform, show
from parity.verdict import Verdict

# The candidate is PyTorch as well, so that its sources are PyTorch's.
CLAMPED = Entry(
    name="injected", torch="F.relu(x)", jittor="x.clamp(min=0.5)", inputs={"x": real(3, 4)},
    workaround="x.clamp(min=0)",
)  # fmt: skip


def test_a_task_is_answered_with_findings(
    reference: Backend, candidate: Backend, monkeypatch
) -> None:
    monkeypatch.setitem(catalogue.GROUPS, "group", (CLAMPED,))
    for workaround, verdict in ((False, Verdict.SEMANTIC_DIFFERENCE), (True, Verdict.IDENTICAL)):
        task = JudgeTask(group="group", entry="injected", case=ORDINARY, workaround=workaround)
        first = perform(task, reference, candidate)[0]
        assert (first.tensor, first.verdict) == (OUTPUT, verdict)


def test_a_finding_is_shown_on_the_smallest_input(reference: Backend, candidate: Backend) -> None:
    full = show(CLAMPED, ORDINARY, OUTPUT, "full", reference, candidate)
    small = show(CLAMPED, ORDINARY, OUTPUT, "minimised", reference, candidate)
    assert full["torch"].output.count(" ") > 3
    assert small["torch"].output == "[[0.]]"
    assert "F.relu(x)" in small["torch"].code


def test_the_gradient_of_several_outputs_is_shown(reference: Backend, candidate: Backend) -> None:
    source = "torch.chunk(x * x, 2, 1)"
    entry = Entry(name="several", torch=source, jittor=source, inputs={"x": real(1, 4)})
    gradient = ComparedTensor("gradient", "x")
    programs = show(entry, ORDINARY, gradient, "full", reference, candidate)
    arrays = reference.run(source, draw_inputs(entry, ORDINARY), "float64", gradient=True).arrays
    printed = [float(number) for number in programs["torch"].output.strip("[]").split()]
    np.testing.assert_allclose([printed], arrays[gradient], rtol=1e-6)
