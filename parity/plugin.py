"""The pytest plugin: options, the suite of pairs, the `parity` fixture, a section in the summary.

Loaded by every pytest run where this package is installed, so it imports nothing beyond pytest
and the standard library until something is compared.
"""

from __future__ import annotations

import bisect
import itertools
import shlex
import urllib.parse
from collections.abc import Callable, Generator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from parity import jittor_import

if TYPE_CHECKING:
    from parity.report.report import Report

SUITE = Path(__file__).with_name("test_parity.py")
_LINES = pytest.StashKey[list[str]]()  # of the reports since the last phase of a test
_KNOWN = pytest.StashKey[set[str]]()  # known divergences that explained something, likewise
_REPORTS = pytest.StashKey[list[tuple[str, str]]]()  # file name and JSON, of the same time
_PLACES = pytest.StashKey[dict[pytest.Item, int]]()  # of the tests in the order that was collected
_PAIR = {
    "dest": "parity_pair",
    "action": "append",
    "metavar": "MODULE:ATTRIBUTE",
}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options, all but the short `--pair`, which somebody else may have."""
    group = parser.getgroup("parity", "agreement between a model and its port")
    group.addoption(
        "--parity-pair",
        **_PAIR,
        help="compare this pair instead of those of the ini option parity_pairs; may be repeated; "
        "without a path nothing else runs; --pair is the same where no other plugin or conftest "
        "has an option of that name",
    )
    group.addoption(
        "--parity-strict",
        action="store_true",
        help="let a side that merely loses digits fail too (pytest's own --strict implies it)",
    )
    group.addoption(
        "--parity-json",
        metavar="DIR",
        help="write a JSON report of each comparison into this folder",
    )
    group.addoption(
        "--against",
        dest="parity_against",
        metavar="RECORD",
        help="judge against one side as `parity record` wrote it, into this file, or for several "
        "pairs into this folder; the framework of that side is not needed",
    )
    parser.addini(
        "parity_pairs",
        type="args",
        help="pairs to compare, each MODULE:ATTRIBUTE or MODULE:ATTRIBUTE@MARKER: in every run "
        "without a path, and in `pytest parity`",
    )


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(
    early_config: pytest.Config, parser: pytest.Parser, args: list[str]
) -> Generator[None, None, None]:
    """Prepare imports of Jittor, and offer `--pair` where the conftests leave that name free."""
    jittor_import.install()
    is_used = any(argument.partition("=")[0] == "--pair" for argument in args)
    if is_used:
        # Pytest has not met the option yet and takes its value for a path, so that it would not
        # load the conftests of `testpaths`.
        paths = early_config.known_args_namespace.file_or_dir
        values = [value for option, value in itertools.pairwise(args) if option == "--pair"]
        paths[:] = [path for path in paths if path not in values]
    yield
    if is_used or {"-h", "--help"} & set(args):
        unknown = parser.parse_known_and_unknown_args(["--pair=name"])[1]
        if unknown:
            group = parser.getgroup("parity")
            group.addoption("--pair", **_PAIR, help="the same as --parity-pair")


def pytest_configure(config: pytest.Config) -> None:
    """Register the markers, prepare imports of Jittor, and find out what is to be collected."""
    jittor_import.install()
    config.addinivalue_line("markers", "parity: compares a model with its port")
    config.stash[_LINES], config.stash[_REPORTS], config.stash[_PLACES] = [], [], {}
    config.stash[_KNOWN] = set()
    config.option.parity_strict = is_strict(config)  # pytest-xdist hands options to its workers
    config.pluginmanager.register(_Summary(config), "parity-summary")
    _choose_suite(config)


def pytest_unconfigure() -> None:
    """Leave later imports of Jittor alone."""
    jittor_import.remove()


def _choose_suite(config: pytest.Config) -> None:
    """Put the suite of pairs among the paths to collect.

    Without a path on the command line: alone if a pair is named there, besides the project's own
    tests if its ini file names pairs. The path `parity` means it wherever there is no such file.
    """
    if config.args_source is not config.ArgsSource.ARGS:
        if config.getoption("parity_pair"):
            config.args[:] = [str(SUITE)]
        elif config.getini("parity_pairs"):
            config.args.append(str(SUITE))
        return
    if not (config.invocation_params.dir / "parity").exists():
        for number, argument in enumerate(config.args):
            path, separator, test = argument.partition("::")
            if path == "parity":
                config.args[number] = f"{SUITE}{separator}{test}"


@pytest.hookimpl(tryfirst=True)
def pytest_pycollect_makemodule(
    module_path: Path, parent: pytest.Collector
) -> pytest.Module | None:
    """Name the suite's tests `parity::...`, wherever this package is installed."""
    if module_path != SUITE or parent.config.rootpath / "parity" / SUITE.name == SUITE:
        return None
    module: pytest.Module = pytest.Module.from_parent(parent, path=module_path, nodeid="parity")
    return module


@pytest.fixture
def parity(request: pytest.FixtureRequest) -> Callable[..., Any]:
    """Compare a pair or a trajectory, fail on disagreement, and add the outcome to the summary.

    Returns a function (pair, seed=0) -> Report.
    """
    from parity.errors import CannotCompare, code_of
    from parity.report.text import strict_note

    def compare(subject: Any, *, seed: int = 0) -> Any:
        __tracebackhide__ = True
        try:
            report = _compared(request.config, subject, seed)
        except CannotCompare as error:
            code = code_of(error)
            problem = f"{subject.name}: could not be compared: {error}  [{code}]"
        else:
            problem = code = ""
        if problem:
            request.config.stash[_LINES].append(problem)
            request.node.user_properties.append(("parity_pair", subject.name))
            request.node.user_properties.append(("parity_problem", problem))
            request.node.user_properties.append(("parity_code", code))
            pytest.fail(problem, pytrace=False)
        record(request.config, report, seed=seed)
        request.node.user_properties += properties(report)
        if not report.passes(strict=is_strict(request.config)):
            pytest.fail("\n".join(filter(None, [strict_note(report), str(report)])), pytrace=False)
        return report

    return compare


def _compared(config: pytest.Config, subject: Any, seed: int) -> Report:
    """Compare both sides, or one with the record that `--against` names.

    Raises:
        CannotCompare: as `parity.pair_check.check`.
    """
    from parity.pair import Pair
    from parity.pair_check import check, compare

    against = config.getoption("parity_against")
    if against is None:
        return compare(subject, seed=seed)
    if not isinstance(subject, Pair):
        pytest.skip(f"{subject.name} has no record: only a pair of modules is recorded")
    from parity.recording.record import Record

    return check(subject, seed=seed, reference=Record.of(against, subject.name))


def properties(report: Report) -> list[tuple[str, object]]:
    """Return what a JUnit file says of a comparison: pair, verdict, and the first place."""
    from parity.report.text import where

    found: list[tuple[str, object]] = [
        ("parity_pair", report.pair), ("parity_verdict", report.verdict.name),
    ]  # fmt: skip
    first = report.first_divergence
    if first is not None:
        found += [
            ("parity_place", where(first)), ("parity_error", first.error),
            ("parity_noise", first.noise),
        ]  # fmt: skip
    return found


def record(config: pytest.Config, report: Report, *, seed: int = 0) -> None:
    """Add a report to the summary and, if asked, to the folder of reports."""
    from parity.report import json
    from parity.report.text import summary_lines

    report = report.made_by(shlex.join(["pytest", *config.invocation_params.args]))
    config.stash[_LINES] += summary_lines([report])
    config.stash[_KNOWN] |= {f.known for f in report.findings if f.known is not None}
    if config.getoption("parity_json") is not None:
        config.stash[_REPORTS].append((file_name(report.pair, seed), json.dumps(report)))


def file_name(pair: str, seed: int) -> str:
    """Return a file name, without suffix, that no other pair and seed has.

    >>> file_name("U-Net, tiny", 0), file_name("unet", 3)
    ('U-Net%2C%20tiny', 'unet@seed3')
    """
    return urllib.parse.quote(pair, safe="") + (f"@seed{seed}" if seed else "")


def is_strict(config: pytest.Config) -> bool:
    """Tell whether NUMERICALLY_WEAKER fails: asked for, or by pytest's own `--strict`."""
    if config.getoption("parity_strict"):
        return True
    # Before pytest 9 `--strict` was an option of its own; since then it sets the ini value.
    if config.getoption("strict", False):
        return True
    return "--strict" in config.invocation_params.args


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Attach what was compared to the test's report, which pytest-xdist passes on."""
    test_report = yield
    lines, reports = item.config.stash[_LINES], item.config.stash[_REPORTS]
    known = item.config.stash[_KNOWN]
    if lines:
        place = item.config.stash[_PLACES].get(item, 0)
        compared = [place, list(lines), list(reports), sorted(known)]
        setattr(test_report, _Summary.ATTRIBUTE, compared)
        for kept in (lines, reports, known):
            kept.clear()
    return test_report


def pytest_collection_finish(session: pytest.Session) -> None:
    """Keep the order of the tests, which is the same in each process of pytest-xdist."""
    session.config.stash[_PLACES] = {item: place for place, item in enumerate(session.items)}


class _Summary:
    """Gathers what all tests compared, whichever process ran them, in the order of the tests.

    Reports are written as they come, by the one process that has them all: two tests may compare
    the same pair, and what is first in the order has the name without a number.
    """

    ATTRIBUTE = "parity_compared"

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._is_worker = hasattr(config, "workerinput")  # of pytest-xdist
        self._lines: list[tuple[int, list[str]]] = []  # by place of the test
        self._reports: dict[str, list[tuple[int, str]]] = {}  # the same for each file name
        self._known: set[str] = set()
        self._unused: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep what a test's report carries, and write its reports."""
        place, lines, reports, known = getattr(report, self.ATTRIBUTE, (0, [], [], []))
        if lines and not self._is_worker:
            self._lines.append((place, lines))
            self._known |= set(known)
            for name, text in reports:
                self._save(place, name, text)

    def _save(self, place: int, name: str, text: str) -> None:
        """Write a report, and again those of the same name that come after it."""
        from safe_files import CannotWrite, write_text

        same = self._reports.setdefault(name, [])
        number = bisect.bisect_right([other for other, _ in same], place)
        same.insert(number, (place, text))
        for count, (_, content) in enumerate(same[number:], number + 1):
            again = f"@{count}" if count > 1 else ""
            path = Path(self._config.getoption("parity_json"), f"{name}{again}.json")
            try:
                write_text(path, content)
            except CannotWrite as error:
                pytest.exit(f"--parity-json: {error}", returncode=2)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Look for entries of the project's table that explained nothing; a strict run fails."""
        from parity.compare.project import accepted_here
        from parity.errors import CannotCompare

        if not self._lines:
            return
        with suppress(CannotCompare):  # every comparison has said what is wrong with the table
            self._unused = accepted_here().unused(self._known)
        if self._unused and is_strict(self._config) and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Print one line for each comparison, and the location where one does not pass."""
        if self._lines:
            terminalreporter.section("parity")
            for _, lines in sorted(self._lines, key=lambda entry: entry[0]):
                for line in lines:
                    terminalreporter.write_line(line)
            for line in self._unused:
                terminalreporter.write_line(line)
