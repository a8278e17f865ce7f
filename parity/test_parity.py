"""The suite of `pytest parity`: one test for each pair.

The pairs are those that the command line names with `--pair`, or else those of the ini option
`parity_pairs`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from parity.errors import CannotCompare
from parity.pair_loading import load_pairs


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "subject" not in metafunc.fixturenames:
        return
    names = metafunc.config.getoption("parity_pair") or metafunc.config.getini("parity_pairs")
    if not names:
        pytest.fail(
            "no pair is named: write --pair MODULE:ATTRIBUTE, or parity_pairs in the ini file",
            pytrace=False,
        )
    metafunc.parametrize("subject", [subject for name in names for subject in _subjects(name)])


def _subjects(entry: str) -> list[Any]:
    """Return the parameters of an entry, `module:attribute` or `module:attribute@marker`."""
    name, _, marker = entry.partition("@")
    problem = ""
    try:
        found = load_pairs(name)
    except CannotCompare as error:
        problem = str(error)
    if problem:
        pytest.fail(problem, pytrace=False)
    marks = [getattr(pytest.mark, marker)] if marker else []
    return [pytest.param(subject, id=subject.name, marks=marks) for subject in found]


@pytest.mark.parity
def test_the_sides_agree(subject: Any, parity: Callable[..., Any]) -> None:
    parity(subject)


# So that pytest collects it whatever `python_functions` says in the ini file.
setattr(test_the_sides_agree, "__test__", True)  # noqa: B010 - not an attribute that mypy knows
