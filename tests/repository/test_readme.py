"""The shell blocks of README.md run as they stand; long trainings are made shorter.

Installing is left out: `.ci/run` installs, and tests/repository/test_wheel.py builds the wheel.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
# Options that make a command of the README short; the last value of an option counts.
SHORTER = {"ddpm train": "--preset tiny --T 20"}
MODELS = """
import torch


class Model(torch.nn.Module):
    def __init__(self, epsilon):
        super().__init__()
        self.conv = torch.nn.Conv2d(3, 4, 3)
        self.norm = torch.nn.GroupNorm(2, 4, eps=epsilon)

    def forward(self, x):
        return self.norm(self.conv(x))


def build_torch_model():
    torch.manual_seed(0)
    return Model(1e-5)


def build_jittor_model():  # one framework here, which is quick
    return Model(CANDIDATE)
"""


def blocks(language: str, text: str = README) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, flags=re.S | re.M)


def commands(containing: str) -> list[str]:
    """Return the commands of the one shell block that contains a text, without its installing."""
    (block,) = [block for block in blocks("sh") if containing in block]
    lines = [line.split("  #")[0].strip() for line in block.splitlines()]
    return [part for line in lines for part in line.replace(".venv/bin/", "").split(" && ")]


def run(command: str, folder: Path) -> str:
    """Run a command in a folder outside the checkout, with this interpreter's programs first."""
    shorter = next((more for name, more in SHORTER.items() if name in command), "")
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
    }
    done = subprocess.run(
        ["bash", "-c", f"{command} {shorter}"],
        cwd=folder, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def write_pair(folder: Path, epsilon: str) -> None:
    (source,) = [block for block in blocks("python") if "my_pairs.py" in block]
    (folder / "my_pairs.py").write_text(MODELS.replace("CANDIDATE", epsilon) + source)


def test_the_own_pair_is_compared_in_a_project_that_is_not_this_one(tmp_path: Path) -> None:
    write_pair(tmp_path, "1e-5")
    tree, check, suite = commands("parity tree")
    assert "every parameter has a partner" in run(tree, tmp_path)
    assert "my-unet" in run(check, tmp_path)
    assert (tmp_path / "parity.json").is_file()
    assert "my-unet" in run(suite, tmp_path)


def test_a_pair_that_differs_fails_both_commands(tmp_path: Path) -> None:
    write_pair(tmp_path, "1e-6")
    for command in commands("parity tree")[1:]:
        with pytest.raises(AssertionError, match="SEMANTIC_DIFFERENCE"):
            run(command, tmp_path)


def test_one_side_is_recorded_and_the_other_judged(tmp_path: Path) -> None:
    write_pair(tmp_path, "1e-5")
    record, check = commands("parity record my")
    assert "unet.parity: the reference of my-unet" in run(record, tmp_path)
    assert "was recorded in unet.parity" in run(check, tmp_path)


TRAINING = """
import FRAMEWORK
import numpy as np
net = FRAMEWORK.nn.Linear(3, 2)
optimizer = FRAMEWORK.optim.SGD(net.parameters(), lr=0.1)
for step in range(4):
    x = np.full((4, 3), 1.0 + step, np.float32)
    loss = (net(ARRAY(x)) ** 2).mean()
    STEP
"""


def test_steps_of_one_script_are_recorded_and_those_of_the_other_judged(tmp_path: Path) -> None:
    scripts = {
        "train.py": ("torch", "torch.from_numpy", "optimizer.zero_grad(); loss.backward()"),
        "train_jittor.py": ("jittor", "jittor.array", "optimizer.backward(loss)"),
    }
    for name, (framework, array, backward) in scripts.items():
        text = TRAINING.replace("FRAMEWORK", framework).replace("ARRAY", array)
        (tmp_path / name).write_text(text.replace("STEP", f"{backward}; optimizer.step()"))
    record, check = commands("parity record-steps")
    assert "steps 0, 1, 2 of the training loop" in run(record, tmp_path)
    assert "run.parity: agree" in run(check, tmp_path)


def test_the_gate_runs_the_command_that_the_readme_gives() -> None:
    gate = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    (block,) = [block for block in blocks("sh") if "pytest tests parity" in block]
    assert block.strip() in gate.replace(" --quiet", "")


def test_both_languages_have_the_same_blocks() -> None:
    chinese = (ROOT / "README.zh-CN.md").read_text(encoding="utf-8")
    for language in ("sh", "python"):
        first, second = (
            [re.sub(r"#.*", "", block) for block in blocks(language, text)]
            for text in (README, chinese)
        )
        assert first == second


def test_every_shell_block_is_run_by_a_test_here() -> None:
    named = (
        *("reproduce", "pytest tests parity", "parity tree", "parity record my", "ddpm doctor"),
        *("parity record-steps", "torchrun"),
    )
    assert [sum(name in block for block in blocks("sh")) for name in named] == [1] * len(named)
    assert len(blocks("sh")) == len(named)


@pytest.mark.slow
def test_the_steps_work_one_after_the_other(tmp_path: Path) -> None:
    for command in commands("ddpm doctor"):
        run(command, tmp_path)
    assert (tmp_path / "fid_score.txt").read_text().startswith("FID-digits")


@pytest.mark.slow
def test_several_processes_train(tmp_path: Path) -> None:
    run("ddpm prepare --dataset mnist", tmp_path)
    (command,) = commands("torchrun")
    run(command, tmp_path)
    assert (tmp_path / "checkpoints" / "ddpm_mnist_epoch5.safetensors").is_file()


@pytest.mark.slow
def test_the_whole_comparison_runs(tmp_path: Path) -> None:
    run(commands("reproduce")[-1], tmp_path)
    assert (tmp_path / "reports" / "out" / "report.html").is_file()
