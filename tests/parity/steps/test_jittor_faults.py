"""Training loops of Jittor against recorded ones of PyTorch: right ports, and faults in them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import jittor_env
from parity.steps.recording import record_script
from parity.steps.step_file import StepFile

jittor_env.load()

RUNNING_VAR, EPSILON = "jittor.batch_norm.running_var", "jittor.adam.eps"
ACCEPTED = {RUNNING_VAR: "samples are drawn in training mode", EPSILON: "below 1e-3 of an update"}


@pytest.mark.parametrize(
    ("script", "known"), [("classifier", {RUNNING_VAR}), ("gan", {RUNNING_VAR, EPSILON})]
)
def test_a_port_differs_by_known_divergences_alone(
    script: str, known: set[str], scripts: Any, recorded: Callable[[str], Path]
) -> None:
    file = recorded(f"{script}_torch.py")
    report = scripts.check(file, f"{script}_jittor.py", {})
    assert not report.passed
    assert {f.known for f in report.findings if f.is_fault} == known
    assert scripts.check(file, f"{script}_jittor.py", {}, accept=ACCEPTED).passed


ONE_LINE = """
import jittor as jt
import numpy as np
net = jt.nn.Linear(3, 2)
optimizer = jt.optim.SGD(net.parameters(), lr=0.1)
for step in range(3):
    x = jt.array(np.full((4, 3), 1.0 + step, np.float32))
    optimizer.step((net(x) ** 2).mean())
"""


def test_a_step_that_is_looked_up_before_the_model_is_called_is_followed(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(ONE_LINE)
    record_script(tmp_path / "run.parity", [str(tmp_path / "train.py")], steps=range(3))
    recorded = StepFile(tmp_path / "run.parity")
    assert recorded.numbers == [0, 1, 2]
    assert [len(recorded.step(n).calls) for n in recorded.numbers] == [1, 1, 1]


# Name -> (script, texts to replace, the phase that must be named, and no other).
FAULTS: dict[str, tuple[str, dict[str, str], str]] = {
    "no clipping": (
        "classifier",
        {"                optimizer.clip_grad_norm(0.1)\n": ""},
        "clipping",
    ),
    "clipping after the first backward pass too": (
        "classifier",
        {
            "optimizer.backward(loss)\n": (
                "optimizer.backward(loss)\n            optimizer.clip_grad_norm(0.02)\n"
            )
        },
        "clipping",
    ),
    "accumulation not divided": ("classifier", {"label) / options.accumulate": "label)"}, "loss"),
    "scheduler one step late": ("classifier", {"step_size=2": "step_size=3"}, "scheduler"),
    "one learning rate for both groups": (
        "classifier",
        {'"params": head, "lr": 0.2': '"params": head'},
        "scheduler",
    ),
    "weight decay forgotten": ("classifier", {"weight_decay=5e-4": "weight_decay=0"}, "optimizer"),
    "order of the data": ("classifier", {"default_rng(index)": "default_rng(index + 1)"}, "data"),
    "dropout never in training mode": ("classifier", {"    model.train()\n": ""}, "forward"),
    "a gradient is stopped": (
        "classifier",
        {"self.bn2(self.conv2(x))": "self.bn2(self.conv2(x.stop_grad()))"},
        "backward",
    ),
    "a cast to float16": (
        "classifier",
        {"self.bn2(self.conv2(x))": "self.bn2(self.conv2(x).float16().float32())"},
        "forward",
    ),
    "labels exchanged": (
        "gan",
        {"bce(discriminator(fake.detach()), zeros)": "bce(discriminator(fake.detach()), ones)"},
        "loss",
    ),
    "loss of the fakes forgotten": (
        "gan",
        {"optimizer_d.step(loss_real + loss_fake)": "optimizer_d.step(loss_real)"},
        "loss",
    ),
    "another beta": (
        "gan",
        {"optimizer_g = jt.optim.Adam(generator.parameters(), lr=2e-4, betas=(0.5, 0.999))": (
            "optimizer_g = jt.optim.Adam(generator.parameters(), lr=2e-4, betas=(0.5, 0.9))"
        )},
        "optimizer",
    ),
}  # fmt: skip


# Phases in which a fault shows as well, because a part of the model is another function there, or
# because a loss that is missing has no gradient.
FOLLOWING = {
    "dropout never in training mode": {"backward"},
    "a cast to float16": {"backward"},
    "loss of the fakes forgotten": {"backward"},
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_beside_accepted_divergences_is_found_in_its_phase(
    name: str, scripts: Any, recorded: Callable[[str], Path]
) -> None:
    script, changes, phase = FAULTS[name]
    report = scripts.check(
        recorded(f"{script}_torch.py"), f"{script}_jittor.py", changes, accept=ACCEPTED
    )
    assert not report.passed
    assert report.first_divergence.phase == phase, str(report)
    failing = {f.phase for f in report.findings if f.is_fault and not f.passes()}
    assert failing <= {phase, *FOLLOWING.get(name, ())}, str(report)
