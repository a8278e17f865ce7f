"""The harness works without the rest: any NumPy, any Python from 3.10 up, no framework.

The slow tests install it into fresh environments. They need a package index; options for pip, such
as another index for PyTorch, come from the environment (`PIP_EXTRA_INDEX_URL`).
"""

from __future__ import annotations

import ast
import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

try:
    import tomllib
except ModuleNotFoundError:  # Python 3.10
    import tomli as tomllib

ROOT = Path(__file__).parents[2]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
HARNESS = ("safe_files", "jittor_env", "parity")
REST = ("ddpm", "impl_torch", "impl_jittor", "implementations", "ddpm_study", "ddpm_cli")
MODULES = {"pillow": "PIL", "torch-fidelity": "torch_fidelity"}  # where the names differ
# Imported where somebody uses them: pytest runs the plugin, jinja2 brings markupsafe.
BROUGHT_ALONG = {"pytest", "markupsafe"}
NUMPY_PAIRS = """
from dataclasses import replace
import numpy_framework as example

def chain():
    return example.Chain(example.Layer(3, 5, tanh=True), example.Layer(5, 2, tanh=False))

same = replace(example.pair, name="same", reference=chain, rename={})
other = replace(example.wrong, name="other", reference=chain, rename={})
"""
TORCH_PAIRS = """
import torch
from parity import Pair

def model(eps):
    torch.manual_seed(0)
    return torch.nn.Sequential(
        torch.nn.Conv2d(3, 4, 3), torch.nn.GroupNorm(2, 4, eps=eps), torch.nn.SiLU()
    )

def pair(name, eps):
    return Pair(
        name=name, reference=lambda: model(1e-5), candidate=lambda: model(eps),
        inputs=lambda rng: {"input": rng.standard_normal((2, 3, 8, 8), "float32")},
        optimizer={"torch": lambda p: torch.optim.Adam(p, 1e-3)},
    )

same, other = pair("same", 1e-5), pair("other", 1e-6)
"""
JITTOR_PAIRS = """
import jittor as jt
import torch
from parity import Pair

class Reference(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.linear, self.activation = torch.nn.Linear(3, 4), torch.nn.Tanh()

    def forward(self, x):
        return self.activation(self.linear(x))

class Candidate(jt.Module):
    def __init__(self, activation):
        self.linear, self.activation = jt.nn.Linear(3, 4), activation()

    def execute(self, x):
        return self.activation(self.linear(x))

def pair(name, activation):
    return Pair(
        name=name, reference=Reference, candidate=lambda: Candidate(activation),
        inputs=lambda rng: {"x": rng.standard_normal((4, 3), "float32")},
        stress_inputs=("plain",),
    )

same, other = pair("same", jt.nn.Tanh), pair("other", jt.nn.Sigmoid)
"""


def imported(*packages: str) -> set[str]:
    """Return the packages that files import anywhere, those of this repository left out."""
    found = set()
    for path in (path for package in packages for path in (ROOT / package).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                found.add(str(node.module).partition(".")[0])
    return found - {*HARNESS, *REST, "__future__", *sys.stdlib_module_names}


def declared(*extras: str) -> set[str]:
    """Return the modules of the packages that `pip install ddpm-parity[extras]` brings."""
    found = set()
    for requirement in [*PROJECT["dependencies"], *(r for e in extras for r in EXTRAS[e])]:
        match = re.match(r"([\w-]+)(?:\[([\w,]+)\])?", requirement)
        assert match is not None, requirement
        if match[1] == PROJECT["name"]:
            found |= declared(*match[2].split(","))
        else:
            found.add(MODULES.get(match[1], match[1]))
    return found


def test_the_harness_declares_what_it_imports() -> None:
    assert imported(*HARNESS) - BROUGHT_ALONG <= declared(*("torch", "jittor", "notebook", "plots"))
    optional = {"torch", "jittor", "pandas", "matplotlib"}
    assert imported(*HARNESS) - BROUGHT_ALONG - optional <= declared()


def test_the_programs_declare_what_they_import() -> None:
    assert imported(*REST) - BROUGHT_ALONG - {"torch_fidelity"} <= declared("ddpm")
    assert "torch_fidelity" in declared("inception")


def test_the_harness_asks_for_no_version_of_its_users() -> None:
    assert PROJECT["requires-python"] == ">=3.10"
    needed = [text.partition(";")[0] for text in PROJECT["dependencies"]]
    assert not [text for text in needed if "<" in text or "==" in text]
    assert not [text for text in EXTRAS["torch"] if "<" in text or "==" in text]


def test_every_package_is_typed() -> None:
    for package in (*HARNESS, *REST):
        assert (ROOT / package / "py.typed").is_file(), package


def run_without(
    missing: tuple[str, ...], code: str, folder: Path
) -> subprocess.CompletedProcess[str]:
    """Run code in a process in which some packages cannot be imported."""
    absent = "; ".join(f"sys.modules[{name!r}] = None" for name in missing)
    paths = [str(ROOT), str(ROOT / "examples" / "pairs")]
    return subprocess.run(
        [sys.executable, "-c", f"import sys; {absent}; {code}"],
        cwd=folder, env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip


FRAMEWORKS = ("torch", "jittor", "jittor_utils")


@pytest.mark.parametrize(("name", "status"), [("same", 0), ("other", 1)])
def test_a_numpy_pair_is_compared_where_no_framework_is(
    name: str, status: int, tmp_path: Path
) -> None:
    (tmp_path / "pairs.py").write_text(NUMPY_PAIRS)
    missing = (*FRAMEWORKS, *REST, "jittor_env", *(declared("test") - declared() - {*FRAMEWORKS}))
    arguments = ["check", f"pairs:{name}", "--json", "p.json", "--html", "p.html"]
    code = f"from parity.cli import main; sys.exit(main({arguments}))"
    done = run_without(missing, code, tmp_path)
    assert done.returncode == status, done.stderr
    assert done.stdout.startswith(f"{name}: {'DISAGREE' if status else 'agree'}")
    assert {"p.json", "p.html"} <= {path.name for path in tmp_path.iterdir()}


@pytest.mark.parametrize(
    ("missing", "code", "line"),
    [
        (
            ("click",),
            "from ddpm_cli import start; start()",
            "ddpm: the package click is missing; pip install 'ddpm-parity[ddpm]'",
        ),
        (
            ("torch",),
            "import os, numpy as np; os.mkdir('data'); images = -np.ones((64, 1, 8, 8), 'float32');"
            "np.savez('data/x_processed.npz', images=images, labels=np.zeros(64, int));"
            "sys.argv[1:] = ['train', '--dataset', 'x', '--preset', 'tiny'];"
            "from ddpm_cli import start; start()",
            "ddpm: the package torch is missing; pip install 'ddpm-parity[ddpm]'",
        ),
        (
            ("torch_fidelity",),
            "import ddpm_cli, ddpm_cli.program as p;"
            "p.main = lambda: __import__('torch_fidelity'); ddpm_cli.start()",
            "ddpm: the package torch_fidelity is missing; pip install 'ddpm-parity[inception]'",
        ),
        (
            ("torch", "jittor"),
            "from parity.cli import main; sys.exit(main(['atlas']))",
            "parity: the atlas needs torch and jittor; pip install 'ddpm-parity[torch,jittor]'",
        ),
        (
            ("torch",),
            "from parity.cli import main; sys.exit(main(['check', 'pairs:same']))",
            "parity: pairs cannot be imported: it raised ModuleNotFoundError: import of torch "
            "halted; None in sys.modules (pairs.py:2); pip install 'ddpm-parity[torch]'",
        ),
    ],
)
def test_a_missing_package_is_one_line(
    missing: tuple[str, ...], code: str, line: str, tmp_path: Path
) -> None:
    if line.startswith("ddpm") and "click" not in missing:
        pytest.importorskip("click", reason="the program ddpm is not installed")
    (tmp_path / "pairs.py").write_text(TORCH_PAIRS)
    done = run_without(missing, code, tmp_path)
    assert (done.returncode, done.stderr) == (2, f"{line}  [missing-package]\n")


def interpreter(version: str) -> str | None:
    """Return an interpreter of a Python version on the PATH or beside this one."""
    beside = Path(sys.base_prefix).parent.glob(f"{version}*/bin/python{version}")
    for program in filter(None, [shutil.which(f"python{version}"), *map(str, beside)]):
        asked = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
        if asked.stdout.startswith(f"Python {version}"):
            return program
    return None


Install = Callable[[str, str], Path]


@pytest.fixture
def install(tmp_path: Path) -> Iterator[Install]:
    """`install(version, extras)`: a fresh environment; returns its folder of programs."""

    def run_install(version: str, extras: str) -> Path:
        python = interpreter(version)
        if python is None:
            pytest.skip(f"no interpreter of Python {version} on this machine")
        source = tmp_path / "source"
        for package in (*HARNESS, *REST):
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / package, source / package, ignore=ignored)
        for name in ("pyproject.toml", "README.md", "LICENSE"):
            shutil.copy(ROOT / name, source)
        # The release that these tests ran with, so that no other is downloaded.
        constraints = tmp_path / "constraints.txt"
        torch = importlib.metadata.version("torch").partition("+")[0]
        constraints.write_text(f"torch=={torch}\n")
        subprocess.run([python, "-m", "venv", tmp_path / "venv"], check=True)
        programs = tmp_path / "venv" / "bin"
        command = [programs / "pip", "install", "-q", "-c", constraints, "pytest"]
        subprocess.run([*command, f"{source}[{extras}]" if extras else source], check=True)
        shutil.rmtree(source)
        return programs

    yield run_install
    shutil.rmtree(tmp_path / "venv", ignore_errors=True)  # hundreds of megabytes


def run(programs: Path, *command: str) -> subprocess.CompletedProcess[str]:
    dropped = ("PYTHONPATH", "cc_path", "nvcc_path")
    environment = {name: value for name, value in os.environ.items() if name not in dropped}
    environment["JITTOR_HOME"] = str(programs.parent)
    return subprocess.run(
        [programs / command[0], *command[1:]],
        cwd=programs.parents[1], env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip


def version_of(programs: Path, package: str) -> str:
    code = f"import importlib.metadata as m; print(m.version({package!r}))"
    return run(programs, "python", "-c", code).stdout.strip()


def assert_pairs_are_compared(programs: Path, text: str) -> None:
    folder = programs.parents[1]
    (folder / "pairs.py").write_text(text)
    same = run(programs, "parity", "check", "pairs:same", "--json", "parity.json")
    assert same.returncode == 0, same.stdout + same.stderr
    other = run(programs, "parity", "check", "pairs:other")
    assert other.returncode == 1, other.stdout + other.stderr
    test = run(programs, "pytest", "-p", "no:cacheprovider", "--pair", "pairs:same")
    assert test.returncode == 0, test.stdout + test.stderr
    assert "same: agree" in test.stdout


@pytest.mark.slow
@pytest.mark.parametrize("version", ["3.10", "3.11", "3.12", "3.13"])
def test_a_numpy_pair_in_a_fresh_environment(version: str, install: Install) -> None:
    programs = install(version, "")
    installed = run(programs, "pip", "list", "--format=freeze").stdout.split()
    names = {line.partition("==")[0] for line in installed}
    assert {"ddpm-parity", "mpmath", "numpy", "pytest", "tqdm"} <= names
    assert not {"torch", "jittor", "click"} & names
    shutil.copy(ROOT / "examples" / "pairs" / "numpy_framework.py", programs.parents[1])
    assert_pairs_are_compared(programs, NUMPY_PAIRS)
    refused = run(programs, "ddpm", "--help")
    assert refused.returncode == 2
    assert refused.stderr == "ddpm: the package click is missing; pip install 'ddpm-parity[ddpm]'\n"


@pytest.mark.slow
@pytest.mark.parametrize("version", ["3.11", "3.13"])
def test_two_torch_models_with_numpy_2_and_without_jittor(version: str, install: Install) -> None:
    programs = install(version, "torch")
    assert int(version_of(programs, "numpy").partition(".")[0]) >= 2
    assert version_of(programs, "jittor") == ""
    assert_pairs_are_compared(programs, TORCH_PAIRS)


@pytest.mark.slow
def test_a_jittor_pair_in_a_fresh_environment(install: Install) -> None:
    programs = install(f"{sys.version_info.major}.{sys.version_info.minor}", "torch,jittor")
    assert version_of(programs, "numpy").startswith("1.")
    assert_pairs_are_compared(programs, JITTOR_PAIRS)
