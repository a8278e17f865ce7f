from __future__ import annotations

import json
from importlib.metadata import entry_points

import pytest

pytest_plugins = ["pytester"]

SUITE = """
import numpy as np
import pytest
from torch import nn
from parity import Pair

def pair(activation):
    return Pair(
        name=activation.__name__,
        reference=lambda: nn.Sequential(nn.Linear(3, 3), nn.Tanh()),
        candidate=lambda: nn.Sequential(nn.Linear(3, 3), activation()),
        inputs=lambda rng: {"input": rng.standard_normal((4, 3), np.float32)},
        stress_inputs=("plain",),
    )

same, other = pair(nn.Tanh), pair(nn.Sigmoid)

@pytest.mark.parity
def test_same(parity):
    assert parity(same).passed

def test_other(parity):
    parity(other)

@pytest.mark.parity_own
def test_own():
    pass
"""


def run(pytester: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    installed = any(entry.name == "parity" for entry in entry_points(group="pytest11"))
    plugin = () if installed else ("-p", "parity.plugin")
    return pytester.runpytest_subprocess(*plugin, "-p", "no:cacheprovider", *arguments)


def test_a_suite_compares_summarises_and_saves(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_it=SUITE)
    result = run(pytester, "--parity-json", "reports", "--strict-markers")
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(
        [
            "*= parity =*",
            "Tanh: agree (IDENTICAL: bitwise equal) in * s",
            "Sigmoid: DISAGREE (SEMANTIC_DIFFERENCE: not the same function) in * s",
            "    at 1, forward: output: SEMANTIC_DIFFERENCE, error *, noise *",
        ]
    )
    saved = json.loads((pytester.path / "reports" / "Sigmoid.json").read_text())
    assert saved["first_divergence"]["path"] == "1"
    assert json.loads((pytester.path / "reports" / "Tanh.json").read_text())["passed"] is True


def test_a_pair_named_by_hand_leaves_the_projects_own_tests_out(
    pytester: pytest.Pytester,
) -> None:
    pytester.makepyfile(test_it=SUITE)
    result = run(pytester, "--pair", "test_it:same", "-k", "same or own")
    result.assert_outcomes(passed=1, deselected=2)


def test_a_suite_that_compares_nothing_is_left_alone(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_nothing(): pass")
    result = run(pytester)
    result.assert_outcomes(passed=1)
    assert (
        "parity"
        not in result.stdout.str()
        .replace(str(pytester.path), "")
        .replace("plugins", "")
        .split("collected")[1]
    )


def test_the_options_explain_themselves(pytester: pytest.Pytester) -> None:
    result = run(pytester, "--help")
    result.stdout.fnmatch_lines(
        ["*--pair=MODULE:ATTRIBUTE", "*--parity-strict*", "*--parity-json=DIR*"]
    )
