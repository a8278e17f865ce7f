"""`import jittor` in somebody's test file gives a prepared Jittor, and nothing else is touched."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path

import pytest

from jittor_env import cache
from parity import jittor_import

pytest_plugins = ["pytester"]
ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.skipif(find_spec("jittor") is None, reason="Jittor is not installed")
INSTALLED = any(entry.name == "parity" for entry in entry_points(group="pytest11"))
PLUGIN = ("-p", "no:cacheprovider") if INSTALLED else ("-p", "parity.plugin")
JITTOR_HOME = str(cache.home())
TEST = """
import jittor as jt
import importlib.util, os

def test_flags_are_safe():
    assert "-Ofast" not in jt.flags.cc_flags
    assert " -include " in jt.flags.cc_flags
    assert os.environ["nvcc_path"] == ""
    assert jt.__spec__.loader is jt.__loader__
    assert jt.__spec__.loader.__class__.__module__ != "parity.jittor_import"

def test_denormals_survive_a_kernel():
    import numpy as np
    (jt.array(np.ones(3, np.float32)) * 3 + 1).sync()
    assert np.multiply(np.float32(1e-40), np.float32(1)) != 0
"""


@pytest.fixture(autouse=True)
def fresh_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take back what a Jittor of this process has set for its children, but for its cache.

    Pytester gives each test a HOME of its own, in which Jittor would compile its core anew.
    """
    monkeypatch.setenv("JITTOR_HOME", JITTOR_HOME)
    for name in ("cc_path", "nvcc_path"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


@pytest.mark.parametrize("where", ["test file", "conftest"])
def test_a_test_file_that_imports_jittor_gets_it_prepared(
    where: str, pytester: pytest.Pytester
) -> None:
    pytester.makepyfile(TEST)
    if where == "conftest":
        pytester.makeconftest("import jittor")
    result = pytester.runpytest_subprocess(*PLUGIN)
    result.assert_outcomes(passed=2)


def test_it_is_stock_without_the_plugin(pytester: pytest.Pytester) -> None:
    """The environment is prepared here, since Jittor might not start at all."""
    pytester.makeconftest("import jittor_env; jittor_env.prepare()")
    pytester.makepyfile(TEST)
    result = pytester.runpytest_subprocess("-p", "no:parity", "-p", "no:parity.plugin")
    assert result.parseoutcomes()["failed"] == 2


def test_a_jittor_that_cannot_start_is_one_line(pytester: pytest.Pytester) -> None:
    """After a change of `cc_flags` it recompiles its utilities and exits with status 0."""
    pytester.mkpydir("jittor").joinpath("__init__.py").write_text("raise SystemExit(0)")
    pytester.makepyfile(test_a="import jittor", test_b="import jittor")
    pytester.syspathinsert()
    result = pytester.runpytest_subprocess(*PLUGIN)
    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.assert_outcomes(errors=2)
    shown = [line for line in result.outlines if line.startswith("E  ")]
    assert len(shown) == 2
    assert all("CannotStart: Jittor rebuilt a part of itself" in line for line in shown)
    assert all(line.endswith("run the same command again") for line in shown)
    assert "INTERNALERROR" not in result.stdout.str()


def test_an_import_needs_the_tools_only_when_it_happens(pytester: pytest.Pytester) -> None:
    """Asking whether Jittor is installed starts nothing."""
    pytester.makepyfile(
        """
        import importlib.util, os, sys

        def test_nothing():
            before = dict(os.environ)
            assert importlib.util.find_spec("jittor") is not None
            assert "jittor_env" not in sys.modules
            assert {k: v for k, v in os.environ.items() if k != "PYTEST_CURRENT_TEST"} == {
                k: v for k, v in before.items() if k != "PYTEST_CURRENT_TEST"
            }
        """
    )
    pytester.runpytest_subprocess(*PLUGIN).assert_outcomes(passed=1)


def test_a_process_without_jittor_env_imports_it_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "jittor.py").write_text("answer = 42")
    code = (
        "import importlib.util as util; find = util.find_spec\n"
        "util.find_spec = lambda name, *rest: None if name == 'jittor_env' else find(name, *rest)\n"
        "from parity import jittor_import; jittor_import.install()\n"
        "import jittor; print(jittor.answer)"
    )
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    assert done.stdout == "42\n", done.stderr


def test_the_finder_is_installed_once_and_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    others = [f for f in sys.meta_path if not isinstance(f, jittor_import.JittorFinder)]
    monkeypatch.setattr(sys, "meta_path", list(others))
    first = jittor_import.install()
    assert jittor_import.install() is first
    assert sys.meta_path == [first, *others]
    assert first.find_spec("json", None) is None
    jittor_import.remove()
    assert sys.meta_path == others
