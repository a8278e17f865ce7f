"""Names of the files that several reports are written to, and lines for a CI."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import pytest

from parity import Finding, Report, Verdict
from parity.commands.check import _annotations, _Outputs, _print_problem, print_next_steps
from parity.commands.naming.subjects import Subject
from parity.diagnose.next_steps import REFUSALS
from parity.errors import CannotCompare, NoPartner
from parity.report.pages.markdown import Entry
from safe_files import CannotWrite


def options(**given: Any) -> argparse.Namespace:
    names = {
        "json": None,
        "html": None,
        "repro": None,
        "markdown": None,
        "seed": 0,
        "strict": False,
    }
    return argparse.Namespace(**{**names, **given})


def report(name: str, verdict: Verdict = Verdict.IDENTICAL) -> Report:
    finding = Finding(path="a", phase="forward", verdict=verdict, error=0.5, noise=1e-7)
    return Report(pair=name, findings=(finding,))


def test_a_single_pair_has_the_file_that_was_named(tmp_path: Path) -> None:
    outputs = _Outputs(options(json=tmp_path / "new" / "p.json"), many=False)
    assert outputs.write(report("p"), Subject(None, "")) == ""
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["p.json"]


def test_names_of_pairs_become_names_of_files(tmp_path: Path) -> None:
    outputs = _Outputs(options(html=tmp_path), many=False)
    names = [outputs.write(report(n), Subject(None, "")) for n in ("a b", "a b", "../x", "c/d:e")]
    assert names == ["a_b.html", "a_b@2.html", "..%2Fx.html", "c%2Fd%3Ae.html"]
    assert {path.name for path in tmp_path.iterdir()} == set(names)


def test_a_file_is_not_taken_for_a_folder(tmp_path: Path) -> None:
    (tmp_path / "f").write_text("")
    with pytest.raises(CannotWrite, match="f is a file, and a folder is needed"):
        _Outputs(options(json=tmp_path / "f"), many=True)


def test_annotations_name_what_fails_and_nothing_else() -> None:
    entries = [
        Entry("good", report("good")),
        Entry("bad", report("bad", Verdict.SEMANTIC_DIFFERENCE)),
        Entry("weak", report("weak", Verdict.NUMERICALLY_WEAKER)),
        Entry("gone", None, "no builder"),
    ]
    lines = list(_annotations(entries, strict=False))
    assert lines == [
        "::error title=parity: bad::SEMANTIC_DIFFERENCE at a, forward: output, "
        "error 5.00e-01, noise 1.00e-07",
        "::error title=parity: gone::no builder",
    ]
    assert any("weak" in line for line in _annotations(entries, strict=True))


def test_what_could_not_be_compared_is_followed_by_what_to_do(
    capsys: pytest.CaptureFixture[str],
) -> None:
    shown = options(verbose=False)
    _print_problem(NoPartner("w has no partner"), shown, "net")
    _print_problem(CannotCompare("--input is missing"), shown)
    lines = capsys.readouterr().err.splitlines()
    assert lines == [
        "parity: net: w has no partner  [no-partner]",
        f"  what to do: {REFUSALS['no-partner'].remedy}",
        "parity: --input is missing  [bad-input]",  # the line says it itself
    ]


def test_the_next_step_of_several_pairs_is_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    bad = [report(name, Verdict.SEMANTIC_DIFFERENCE) for name in ("b", "c")]
    print_next_steps([report("a"), *bad])
    steps = capsys.readouterr().out.splitlines()
    assert [step.split()[:2] for step in steps] == [["next:", "compare"], ["next:", "repair"]]
