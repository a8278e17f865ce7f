"""The pytest plugin: options, the `parity` fixture, and a section in the summary.

Loaded by every pytest run where this package is installed, so it imports nothing beyond pytest
until something is compared.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from parity.report.report import Report

_REPORTS = pytest.StashKey[list["Report"]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("parity", "agreement between a model and its port")
    group.addoption(
        "--pair",
        action="append",
        metavar="MODULE:ATTRIBUTE",
        help="compare this pair instead of the project's own; may be given several times",
    )
    group.addoption(
        "--parity-strict",
        action="store_true",
        help="let a side that merely loses digits fail too (pytest's own --strict implies it)",
    )
    group.addoption(
        "--parity-json",
        metavar="DIR",
        type=Path,
        help="write one parity.json for each comparison into this folder",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Register the markers and start collecting."""
    config.addinivalue_line("markers", "parity: compares a model with its port")
    config.addinivalue_line("markers", "parity_own: tests this project's own parts, no user's pair")
    config.stash[_REPORTS] = []


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """With `--pair`, leave out what only this project's own parts are meant for."""
    if config.getoption("pair"):
        own = [item for item in items if item.get_closest_marker("parity_own")]
        config.hook.pytest_deselected(items=own)
        items[:] = [item for item in items if item not in own]


@pytest.fixture
def parity(request: pytest.FixtureRequest) -> Callable[..., Any]:
    """Compare a pair or a course, fail on disagreement, and add the outcome to the summary.

    Returns a function (pair, seed=0) -> Report.
    """
    from parity.pair_check import compare as compare_any

    def compare(subject: Any, *, seed: int = 0) -> Any:
        __tracebackhide__ = True
        report = compare_any(subject, seed=seed)
        record(request.config, report)
        if not report.passes(strict=is_strict(request.config)):
            pytest.fail(str(report), pytrace=False)
        return report

    return compare


def record(config: pytest.Config, report: Report) -> None:
    """Add a report to the summary and, if asked, to the folder of reports."""
    config.stash[_REPORTS].append(report)
    folder = config.getoption("parity_json")
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        report.save(folder / (re.sub(r"[^\w.-]+", "-", report.pair) + ".json"))


def is_strict(config: pytest.Config) -> bool:
    """Tell whether NUMERICALLY_WEAKER fails: asked for, or by pytest's own `--strict`."""
    if config.getoption("parity_strict"):
        return True
    # Before pytest 9 `--strict` was an option of its own; since then it sets the ini value.
    if config.getoption("strict", False):
        return True
    return "--strict" in config.invocation_params.args


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Print one line for each comparison, and the place where one does not pass."""
    reports = config.stash[_REPORTS]
    if not reports:
        return
    from parity.report.text import summary_lines

    terminalreporter.section("parity")
    for line in summary_lines(reports):
        terminalreporter.write_line(line)
