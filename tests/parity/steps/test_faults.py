"""Faults of training loops, each put into a script that is otherwise the recorded one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

# Name -> (script, texts to replace, the phase that must be named, and no other).
FAULTS: dict[str, tuple[str, dict[str, str], str]] = {
    "no zero_grad": (
        "classifier_torch.py",
        {"                optimizer.zero_grad()\n": ""},
        "clipping",
    ),
    "zero_grad before the step": (
        "classifier_torch.py",
        {
            "                optimizer.step()\n                optimizer.zero_grad()\n": (
                "                optimizer.zero_grad()\n                optimizer.step()\n"
            )
        },
        "clipping",
    ),
    "no clipping": (
        "classifier_torch.py",
        {"                nn.utils.clip_grad_norm_(model.parameters(), 0.1)\n": ""},
        "clipping",
    ),
    "clipping before the last backward pass": (
        "classifier_torch.py",
        {
            "            loss.backward()\n": (
                "            nn.utils.clip_grad_norm_(model.parameters(), 0.1)\n"
                "            loss.backward()\n"
            ),
            "                nn.utils.clip_grad_norm_(model.parameters(), 0.1)\n": "",
        },
        "clipping",
    ),
    "clipping by value": (
        "classifier_torch.py",
        {
            "clip_grad_norm_(model.parameters(), 0.1)": (
                "clip_grad_value_(model.parameters(), 0.01)"
            )
        },
        "clipping",
    ),
    "scheduler one step late": (
        "classifier_torch.py",
        {"step_size=2, gamma=0.5": "step_size=3, gamma=0.5"},
        "scheduler",
    ),
    "scheduler before the optimizer": (
        "classifier_torch.py",
        {
            "                optimizer.step()\n": (
                "                scheduler.step()\n                optimizer.step()\n"
            ),
            "                optimizer.zero_grad()\n                scheduler.step()\n": (
                "                optimizer.zero_grad()\n"
            ),
        },
        "scheduler",
    ),
    "sum instead of mean": (
        "classifier_torch.py",
        {"F.cross_entropy(model(image), label)": (
            "F.cross_entropy(model(image), label, reduction='sum')"
        )},
        "loss",
    ),
    "accumulation not divided": (
        "classifier_torch.py",
        {"label) / options.accumulate": "label)"},
        "loss",
    ),
    "label smoothing": (
        "classifier_torch.py",
        {"model(image), label)": "model(image), label, label_smoothing=1e-4)"},
        "loss",
    ),
    "weight decay forgotten": (
        "classifier_torch.py",
        {"weight_decay=5e-4": "weight_decay=0.0"},
        "optimizer",
    ),
    "momentum forgotten": (
        "classifier_torch.py",
        {"momentum=0.9": "momentum=0.0"},
        "optimizer",
    ),
    "Nesterov": (
        "classifier_torch.py",
        {"momentum=0.9": "momentum=0.9, nesterov=True"},
        "optimizer",
    ),
    "one learning rate for both groups": (
        "classifier_torch.py",
        {'"params": head, "lr": 0.2': '"params": head'},
        "scheduler",
    ),
    "order of the data": (
        "classifier_torch.py",
        {"np.random.default_rng(index)": "np.random.default_rng(index + 1)"},
        "data",
    ),
    "another amount of noise": ("classifier_torch.py", {"0.05 * torch": "0.06 * torch"}, "data"),
    "evaluation mode": ("classifier_torch.py", {"model.train()": "model.eval()"}, "forward"),
    "dropout forgotten": (
        "classifier_torch.py",
        {"self.head(self.drop(x.mean(3).mean(2)))": "self.head(x.mean(3).mean(2))"},
        "forward",
    ),
    "a gradient is stopped": (
        "classifier_torch.py",
        {"F.relu(self.bn2(self.conv2(x)))": "F.relu(self.bn2(self.conv2(x.detach())))"},
        "backward",
    ),
    "a cast to bfloat16": (
        "classifier_torch.py",
        {"self.bn2(self.conv2(x))": "self.bn2(self.conv2(x).bfloat16().float())"},
        "forward",
    ),
    "another beta": (
        "gan_torch.py",
        {"(discriminator.parameters(), lr=2e-4, betas=(0.5, 0.999))": (
            "(discriminator.parameters(), lr=2e-4, betas=(0.5, 0.99))"
        )},
        "optimizer",
    ),
    "labels exchanged": (
        "gan_torch.py",
        {"bce(discriminator(fake.detach()), zeros)": "bce(discriminator(fake.detach()), ones)"},
        "loss",
    ),
    "the generator's loss is scaled": (
        "gan_torch.py",
        {"        loss_g.backward()": "        (loss_g * 1.001).backward()"},
        "loss",
    ),
    "the discriminator learns from the generator's loss": (
        "gan_torch.py",
        {"        optimizer_d.zero_grad()\n": ""},
        "clipping",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_found_in_its_phase(
    name: str, scripts: Any, recorded: Callable[[str], Path]
) -> None:
    script, changes, phase = FAULTS[name]
    report = scripts.check(recorded(script), script, changes)
    assert not report.passed
    assert report.first_divergence.phase == phase
    failing = {finding.phase for finding in report.findings if finding.is_fault}
    allowed = {"forward", "backward"} if phase == "forward" else {phase}
    assert failing <= allowed, str(report)


# Fault -> the hint at its first divergence.
HINTS = {
    "no zero_grad": "gradients of the step before are still in it: zero_grad is missing",
    "zero_grad before the step": "it is zero: zero_grad is called between the backward pass",
    "no clipping": "it is what the backward pass left: clipping, or scaling, is missing",
    "scheduler one step late": "it is the rate of the step before: the scheduler is one step late",
    "scheduler before the optimizer": "it is the rate of the step after",
    "accumulation not divided": "the reference's times 2",
    "sum instead of mean": "the reference's times 16",
    "the generator's loss is scaled": "the reference's times 1.001",
    "weight decay forgotten": "it is zero",
    "one learning rate for both groups": "the reference's times 0.25",
    "evaluation mode": "the candidate is in evaluation mode",
    "a gradient is stopped": "it is zero: a gradient is stopped on the way",
    "label smoothing": "",
    "another amount of noise": "",
}


@pytest.mark.parametrize("name", HINTS)
def test_a_hint_says_what_a_fault_looks_like(
    name: str, scripts: Any, recorded: Callable[[str], Path]
) -> None:
    script, changes, _ = FAULTS[name]
    first = scripts.check(recorded(script), script, changes).first_divergence
    assert first.hint.startswith(HINTS[name])
    assert bool(first.hint) == bool(HINTS[name])


@pytest.mark.parametrize("script", ["classifier_torch.py", "gan_torch.py"])
def test_the_same_script_agrees(script: str, scripts: Any, recorded: Callable[[str], Path]) -> None:
    report = scripts.check(recorded(script), script, {})
    assert report.passed, str(report)
    assert len(report.findings) > 100
    phases = {finding.phase for finding in report.findings}
    assert phases >= {"data", "forward", "loss", "backward", "clipping", "optimizer", "scheduler"}


# Name -> the same training written in another way.
REWRITES = {
    "the mean by hand": {
        "F.cross_entropy(model(image), label)": (
            "F.cross_entropy(model(image), label, reduction='none').mean()"
        )
    },
    "clipping by hand": {
        "nn.utils.clip_grad_norm_(model.parameters(), 0.1)": (
            "norm = sum((p.grad ** 2).sum() for p in model.parameters()) ** 0.5\n"
            "                [p.grad.mul_((0.1 / (norm + 1e-6)).clamp(max=1))"
            " for p in model.parameters()]"
        )
    },
    "another form of the mean over pixels": {
        "x.mean(3).mean(2)": "F.adaptive_avg_pool2d(x, 1).flatten(1)"
    },
    "zeros in place of no gradient": {
        "                optimizer.zero_grad()\n": (
            "                optimizer.zero_grad(set_to_none=False)\n"
        )
    },
    "one kernel for all parameters": {"momentum=0.9": "momentum=0.9, foreach=True"},
}


@pytest.mark.parametrize("name", REWRITES)
def test_a_benign_rewrite_agrees(name: str, scripts: Any, recorded: Callable[[str], Path]) -> None:
    script = "classifier_torch.py"
    report = scripts.check(recorded(script), script, REWRITES[name])
    assert report.passed, str(report)
