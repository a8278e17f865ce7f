"""The workflows are complete, and the steps of the example for users run in a fresh folder."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from parity.cli import _parser

yaml = pytest.importorskip("yaml")
ROOT = Path(__file__).parents[2]
GATE = ROOT / "docs" / "parity-gate.yml"
WORKFLOWS = [GATE, *sorted((ROOT / ".github" / "workflows").glob("*.yml"))]
MY_PAIRS = """
import jittor as jt
import torch
from parity import Pair
from my_package import SIZE

def inputs(rng):
    return {"x": rng.standard_normal((4, SIZE), "float32")}

class Reference(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(SIZE, 4)

    def forward(self, x):
        return torch.tanh(self.linear(x))

class Candidate(jt.Module):
    def __init__(self):
        self.linear = jt.nn.Linear(SIZE, 4)

    def execute(self, x):
        return jt.tanh(self.linear(x))

unet = Pair(
    name="unet", reference=Reference, candidate=Candidate, inputs=inputs, stress_inputs=("plain",)
)
"""
MY_PROJECT = """
[build-system]
requires = ["setuptools>=77"]
build-backend = "setuptools.build_meta"

[project]
name = "my-package"
version = "0"

[tool.setuptools]
py-modules = ["my_package"]
"""


def workflow(path: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return loaded


def steps(path: Path) -> list[dict[str, Any]]:
    return [step for job in workflow(path)["jobs"].values() for step in job["steps"]]


def step(name: str) -> str:
    (script,) = [s["run"] for s in steps(GATE) if s.get("name") == name]
    return str(script)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_steps_are_scripts_or_actions_of_a_stated_version(path: Path) -> None:
    for part in steps(path):
        if "run" in part:
            script = re.sub(r"\$\{\{.*?\}\}", "value", part["run"])
            checked = subprocess.run(["bash", "-n", "-c", script], capture_output=True, text=True)
            assert checked.returncode == 0, checked.stderr
        else:
            assert re.fullmatch(r"[\w-]+/[\w-]+@v\d+", part["uses"])


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_the_cache_of_jittor_is_saved_by_each_run_and_found_by_the_next(path: Path) -> None:
    caches = [part["with"] for part in steps(path) if part.get("uses", "").startswith("actions/ca")]
    assert caches
    home = workflow(path)["env"]["JITTOR_HOME"]
    for cache in caches:
        assert home == "${{ github.workspace }}/" + cache["path"]
        prefix = cache["restore-keys"]
        assert cache["key"].startswith(prefix)
        assert "github.run_id" in cache["key"].removeprefix(prefix)


def test_pip_caches_nothing_where_there_may_be_no_requirements() -> None:
    """The action stops a job that has no requirements file then."""
    (setup,) = [part for part in steps(GATE) if "setup-python" in part.get("uses", "")]
    assert "cache" not in setup["with"]


def test_the_example_names_the_pair_once() -> None:
    command = step("Compare").replace("$PAIR", workflow(GATE)["env"]["PAIR"])
    _, *arguments = shlex.split(command)
    options = _parser().parse_args(arguments)
    assert options.pairs == ["my_pairs:unet"]


@pytest.mark.slow
def test_the_steps_of_the_example_run_in_a_fresh_folder(tmp_path: Path) -> None:
    """The host is not renamed here, and the package comes from a folder."""
    source, project, home = (tmp_path / name for name in ("source", "project", "home"))
    ignored = shutil.ignore_patterns("__pycache__", ".*", "*.egg-info", "reports", "tests", "audit")
    shutil.copytree(ROOT, source, ignore=ignored)
    project.mkdir()
    (project / "my_pairs.py").write_text(MY_PAIRS)
    (project / "my_package.py").write_text("import einops\n\nSIZE = 3\n")
    (project / "pyproject.toml").write_text(MY_PROJECT)
    (project / "requirements.txt").write_text("einops\n")
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "sudo").write_text("#!/bin/sh\ntest $1 = hostname\n")
    (tmp_path / "bin" / "sudo").chmod(0o755)
    dropped = ("PYTHONPATH", "cc_path", "nvcc_path")
    environment = {
        **{name: value for name, value in os.environ.items() if name not in dropped},
        "PATH": f"{tmp_path}/bin{os.pathsep}{tmp_path}/venv/bin{os.pathsep}{os.environ['PATH']}",
        "PARITY": source.as_uri(),
        "PAIR": workflow(GATE)["env"]["PAIR"],
        "JITTOR_HOME": str(home),
        "GITHUB_OUTPUT": str(tmp_path / "output"),
    }
    for name in ("Name the host and the cache", "Install", "Compare"):
        command = ["bash", "-e", "-o", "pipefail", "-c", step(name)]
        done = subprocess.run(
            command, cwd=project, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
    assert re.fullmatch(r"kind=\S+-\w+\n", (tmp_path / "output").read_text())
    assert list(home.rglob("jittor_core*.so"))
    assert (project / "parity.json").is_file()
