"""The plugin as other projects meet it: each test runs pytest in a folder of its own."""

from __future__ import annotations

import itertools
import json
import os
import re
import shutil
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest

pytest_plugins = ["pytester"]
ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples" / "pairs"
Run = Callable[..., pytest.RunResult]

SUITE = """
import pytest
from numpy_framework import Chain, Layer, Value, inputs
from parity import Pair

def chain(tanh=True):
    return Chain(Layer(3, 5, tanh=tanh), Layer(5, 2, tanh=False))

def pair(name, candidate):
    return Pair(
        name=name, reference=chain, candidate=candidate, inputs=inputs, stress_inputs=("plain",)
    )

same, again = pair("Tanh", chain), pair("Tanh", chain)
other = pair("Linear", lambda: chain(tanh=False))

class Lossy(Layer):
    def run(self, input):
        x = input.array * 1001 - input.array * 1000  # costs three digits in either precision
        value = super().run(Value(x))
        value.parents[0] = (input, value.parents[0][1])
        return value

weaker = pair("weaker", lambda: Chain(Lossy(3, 5, tanh=True), Layer(5, 2, tanh=False)))

def build():
    return [same]

@pytest.mark.parity
def test_same(parity):
    assert parity(same).passed

def test_other(parity):
    parity(other)

def test_own():
    pass
"""


SUMMARY = [
    "*= parity =*",
    "Tanh: agree (IDENTICAL: bitwise equal) in * s",
    "Linear: DISAGREE (SEMANTIC_DIFFERENCE: not the same function) in * s",
    "    at 0, forward: output: SEMANTIC_DIFFERENCE, error *, noise *",
]


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Run:
    """`run(*arguments)`: pytest in a project that is not this one."""
    others = os.environ.get("PYTHONPATH", "")
    monkeypatch.setenv(
        "PYTHONPATH", os.pathsep.join(filter(None, [str(ROOT), str(EXAMPLES), others]))
    )
    installed = any(entry.name == "parity" for entry in entry_points(group="pytest11"))
    plugin = () if installed else ("-p", "parity.plugin")

    def run_pytest(*arguments: str) -> pytest.RunResult:
        return pytester.runpytest_subprocess(*plugin, "-p", "no:cacheprovider", *arguments)

    return run_pytest


def test_a_suite_compares_summarises_and_saves(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(test_it=SUITE)
    result = run("--parity-json", "reports", "--strict-markers")
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(SUMMARY)
    saved = json.loads((pytester.path / "reports" / "Linear.json").read_text())
    assert saved["first_divergence"]["path"] == "0"
    assert json.loads((pytester.path / "reports" / "Tanh.json").read_text())["passed"] is True


@pytest.mark.parametrize(
    ("arguments", "passed"),
    [
        (["--pair", "test_it:same"], 1),
        (["--pair=test_it:same"], 1),
        (["--parity-pair", "test_it:same"], 1),
        (["--pair", "test_it:same", "--pair", "test_it:again"], 2),
        (["--pair", "test_it:build"], 1),
        (["parity", "--pair", "test_it:same"], 1),
        (["parity::test_the_sides_agree[Tanh]", "--pair", "test_it:same"], 1),
        (["test_it.py", "parity", "-k", "same or Tanh", "--pair", "test_it:same"], 2),
    ],
)
def test_a_pair_named_by_hand_is_collected_anywhere(
    arguments: list[str], passed: int, pytester: pytest.Pytester, run: Run
) -> None:
    pytester.makepyfile(test_it=SUITE)
    result = run(*arguments)
    assert result.ret == 0
    assert result.parseoutcomes()["passed"] == passed
    result.stdout.fnmatch_lines(["Tanh: agree (IDENTICAL: bitwise equal) in * s"])


UNUSED = (
    "*pyproject.toml accepts 'jittor.adam.eps', which explained nothing here: remove the entry*"
)


@pytest.mark.parametrize("parallel", [(), ("-n", "2")])
def test_an_entry_of_the_project_that_explains_nothing_is_named(
    parallel: tuple[str, ...], pytester: pytest.Pytester, run: Run
) -> None:
    pytester.makepyfile(test_it=SUITE)
    pytester.makepyprojecttoml('[tool.parity.accept]\n"jittor.adam.eps" = "known"\n')
    result = run("-k", "same", *parallel)
    result.stdout.fnmatch_lines([UNUSED])
    assert result.ret == 0
    assert run("-k", "same", "--parity-strict", *parallel).ret == 1
    assert UNUSED.strip("*") not in str(run("-k", "own", "--parity-strict", *parallel).stdout)


def test_a_loss_of_digits_fails_only_when_strict(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(test_it=SUITE)
    run("--pair", "test_it:weaker").assert_outcomes(passed=1)
    for option in ("--strict", "--parity-strict"):
        result = run("--pair", "test_it:weaker", option)
        result.assert_outcomes(failed=1)
        result.stdout.fnmatch_lines(
            ["weaker: fails under --strict, because one side loses digits", "weaker: agree (NUM*"]
        )


def test_the_suite_is_found_in_an_environment_inside_the_project(
    pytester: pytest.Pytester, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pytest itself passes over the folders of virtual environments."""
    environment = pytester.mkdir(".venv")
    (environment / "pyvenv.cfg").touch()
    packages = environment / "lib" / "site-packages"
    for name in ("parity", "safe_files"):
        shutil.copytree(ROOT / name, packages / name)
    monkeypatch.setenv("PYTHONPATH", f"{packages}{os.pathsep}{EXAMPLES}")
    pytester.makepyfile(test_it=SUITE)
    result = run("--pair", "test_it:same", "-v")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["parity::test_the_sides_agree?Tanh? PASSED*"])


def test_pairs_of_the_ini_file_run_besides_the_projects_own_tests(
    pytester: pytest.Pytester, run: Run
) -> None:
    pytester.makeini(
        """
        [pytest]
        python_functions = check_*
        markers = slow: takes long
        parity_pairs = my_pairs:same
            my_pairs:again@slow
        """
    )
    pytester.makepyfile(my_pairs=SUITE, test_own="def check_own(): pass")
    run().assert_outcomes(passed=3)
    run("-m", "not slow").assert_outcomes(passed=2, deselected=1)
    run("parity").assert_outcomes(passed=2)
    run("test_own.py").assert_outcomes(passed=1)
    run("--pair", "my_pairs:other").assert_outcomes(failed=1)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["parity"], "no pair is named: write --pair MODULE:ATTRIBUTE, or parity_pairs in the *"),
        (["--pair", "absent:x"], "absent cannot be imported: it raised ModuleNotFoundError: *"),
        (["--pair", "test_it:x"], "test_it has no attribute 'x'; its pairs: same, again, other, *"),
    ],
)
def test_a_pair_that_cannot_be_had_is_one_line(
    arguments: list[str], line: str, pytester: pytest.Pytester, run: Run
) -> None:
    pytester.makepyfile(test_it=SUITE)
    result = run(*arguments)
    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.stdout.fnmatch_lines(["*ERROR collecting*", line, "*1 error in*"])
    assert "Traceback" not in result.stdout.str()


def test_a_conftest_keeps_its_own_option_of_the_short_name(
    pytester: pytest.Pytester, run: Run
) -> None:
    pytester.makeini("[pytest]\ntestpaths = tests")
    tests = pytester.mkdir("tests")
    (tests / "conftest.py").write_text(
        "def pytest_addoption(parser): parser.addoption('--pair', default='none')"
    )
    (tests / "test_it.py").write_text(
        f"{SUITE}\ndef test_option(pytestconfig): assert pytestconfig.getoption('pair') == 'mine'"
    )
    run("-k", "option", "--pair", "mine").assert_outcomes(passed=1, deselected=3)
    run("-k", "option", "--pair=mine").assert_outcomes(passed=1, deselected=3)
    pytester.syspathinsert(tests)
    run("--parity-pair", "test_it:same").assert_outcomes(passed=1)
    assert "the same as --parity-pair" not in run("--help").stdout.str()


def test_conftests_below_testpaths_are_loaded_beside_the_short_option(
    pytester: pytest.Pytester, run: Run
) -> None:
    pytester.makeini("[pytest]\ntestpaths = checks")
    checks = pytester.mkdir("checks")
    (checks / "conftest.py").write_text(
        "def pytest_addoption(parser): parser.addoption('--mine', action='store_true')"
    )
    pytester.makepyfile(my_pairs=SUITE)
    run("--pair", "my_pairs:same", "--mine").assert_outcomes(passed=1)


def test_each_comparison_has_a_file_of_its_own(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(
        SUITE
        + """
import dataclasses

def test_all(parity):
    for name in ("a b", "a-b", "a/b"):
        parity(dataclasses.replace(same, name=name))
    parity(same, seed=1)
    parity(same, seed=2)
    parity(same, seed=2)
"""
    )
    run("--parity-json", "reports", "-k", "all").assert_outcomes(passed=1, deselected=3)
    saved = {path.stem: json.loads(path.read_text()) for path in pytester.path.rglob("*.json")}
    assert {name: report["pair"] for name, report in saved.items()} == {
        "a%20b": "a b",
        "a-b": "a-b",
        "a%2Fb": "a/b",
        "Tanh@seed1": "Tanh",
        "Tanh@seed2": "Tanh",
        "Tanh@seed2@2": "Tanh",
    }


MANY = """
@pytest.mark.parametrize("pair", [other, same, weaker, same, other, same])
@pytest.mark.parametrize("seed", [0, 1])
def test_many(pair, seed, parity):
    parity(pair, seed=seed)

def test_two_at_once(parity):
    parity(same)
    parity(weaker)

def test_not_comparable(parity):
    parity(pair("broken", lambda: 1 / 0))
"""


def outcome(result: pytest.RunResult, folder: Path) -> tuple[dict[str, int], list[str], Any]:
    """Return what a run says: numbers, summary, reports; without times and addresses."""
    lines = result.stdout.lines
    (start,) = [n for n, line in enumerate(lines) if re.fullmatch("=+ parity =+", line)]
    summary = list(itertools.takewhile(lambda line: line[:3] != "===", lines[start + 1 :]))
    reports = {}
    for path in folder.iterdir():
        reports[path.name] = json.loads(re.sub("0x[0-9a-f]+", "", path.read_text()))
        del reports[path.name]["seconds"]
        command = reports[path.name]["environment"]["process"].pop("command")
        assert command.startswith("pytest ")
    return result.parseoutcomes(), [re.sub(r"in \S+ s", "", line) for line in summary], reports


def test_several_processes_give_what_one_gives(pytester: pytest.Pytester, run: Run) -> None:
    pytest.importorskip("xdist", reason="pytest-xdist is not installed")
    pytester.makepyfile(test_it=SUITE + MANY)
    alone, several = (
        outcome(run("--parity-json", folder, *more), pytester.path / folder)
        for folder, more in (("alone", []), ("several", ["-n", "3"]))
    )
    assert several == alone
    counts, summary, reports = alone
    assert (counts["passed"], counts["failed"]) == (11, 6)
    assert len(summary) > 17
    # Of one name and seed: one, and three times one that is parametrized, and two at once.
    assert {f"Tanh{again}.json" for again in ("", "@2", "@3", "@4", "@5")} <= set(reports)


def test_pairs_of_the_command_line_are_shared_among_processes(
    pytester: pytest.Pytester, run: Run
) -> None:
    pytest.importorskip("xdist", reason="pytest-xdist is not installed")
    pytester.makepyfile(test_it=SUITE)
    named = ("parity", "--pair", "test_it:same", "--pair", "test_it:other", "--parity-json")
    alone, several = (
        outcome(run(*named, folder, *more), pytester.path / folder)
        for folder, more in (("alone", []), ("several", ["-n", "2"]))
    )
    assert several == alone
    assert alone[0] == {"passed": 1, "failed": 1}


@pytest.mark.parametrize("processes", [(), ("-n", "2")])
def test_reports_that_cannot_be_written_end_the_run_in_one_line(
    processes: tuple[str, ...], pytester: pytest.Pytester, run: Run
) -> None:
    if processes:
        pytest.importorskip("xdist", reason="pytest-xdist is not installed")
    pytester.makepyfile(test_it=SUITE)
    (pytester.path / "taken").touch()
    result = run("--parity-json", "taken", *processes)
    assert result.ret == 2
    result.stdout.fnmatch_lines(["*--parity-json: taken cannot be written into: it is a file; *"])
    assert "INTERNALERROR" not in result.stdout.str() + result.stderr.str()


def test_what_cannot_be_compared_is_one_line_without_the_harnesss_code(
    pytester: pytest.Pytester, run: Run
) -> None:
    pytester.makepyfile(
        test_it=SUITE
        + """
from parity import assert_parity

broken = pair("broken", lambda: 1 / 0)

def test_broken(parity):
    parity(broken)

def test_assert():
    assert_parity(broken)
"""
    )
    result = run("test_it.py", "-k", "broken or assert", "--junitxml=junit.xml")
    text = "broken: could not be compared: pair 'broken': the candidate's builder raised ZeroDiv*"
    result.stdout.fnmatch_lines([f"*{text}"])
    result.stdout.fnmatch_lines(["E*CodeRaised: pair 'broken': the candidate's builder*"])
    result.stdout.no_fnmatch_line("*model_building.py*")
    junit = (pytester.path / "junit.xml").read_text()
    assert 'name="parity_problem"' in junit
    assert 'name="parity_code" value="code-raised"' in junit


def test_a_junit_file_holds_verdict_and_place(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(test_it=SUITE)
    run("test_it.py", "--junitxml=junit.xml", "-o", "junit_family=xunit2")
    junit = (pytester.path / "junit.xml").read_text()
    assert '<property name="parity_verdict" value="SEMANTIC_DIFFERENCE" />' in junit
    assert '<property name="parity_place" value="0, forward: output" />' in junit
    assert '<property name="parity_verdict" value="IDENTICAL" />' in junit


def test_a_suite_that_compares_nothing_is_left_alone(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(
        """
        import sys

        def test_nothing():
            loaded = {name.partition(".")[0] for name in sys.modules}
            assert not loaded & {"jittor", "jittor_env", "numpy", "torch"}
        """
    )
    result = run()
    result.assert_outcomes(passed=1)
    assert "= parity =" not in result.stdout.str()


def test_the_options_explain_themselves(run: Run) -> None:
    result = run("--help")
    for line in (
        "*--parity-pair=MODULE:ATTRIBUTE",
        "*--parity-strict*",
        "*--parity-json=DIR*",
        "*--pair=MODULE:ATTRIBUTE",
        "*parity_pairs (args):*",
    ):
        result.stdout.fnmatch_lines([line])
