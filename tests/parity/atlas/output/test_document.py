from __future__ import annotations

import importlib.metadata
import json
from dataclasses import replace
from pathlib import Path

import pytest

from parity.atlas.catalogue import GROUPS
from parity.atlas.finding import OUTPUT, AtlasCause, ComparedTensor, Finding
from parity.atlas.output import document
from parity.atlas.results import Atlas, EntryResult, Program, WorkaroundResult, read
from parity.errors import CannotCompare
from parity.verdict import Verdict

DOCS = Path(__file__).parents[4] / "docs"
PAGE, DATA = DOCS / "jittor-divergences.md", DOCS / "jittor-divergences.json"
VERSIONS = {
    "jittor": "1.3", "torch": "2.0", "numpy": "1.26", "python": "3.11", "kernel flags": "-O3",
}  # fmt: skip
FINDING = Finding(
    case="nan", tensor=OUTPUT, verdict=Verdict.ERROR, cause=AtlasCause.SPECIAL_VALUES,
    reference="nan", candidate="0",
)  # fmt: skip
WORKAROUND = WorkaroundResult(
    source="better(x)", verdict="IDENTICAL", fixes=["nan"], remaining=["empty"]
)


def result(**changes: object) -> EntryResult:
    program = Program(code="print(1)", output="1")
    values = {
        "group": "g", "name": "relu", "torch": "a | b", "jittor": "c", "note": "A note.",
        "verdict": "ERROR", "cases": 3, "findings": [FINDING],
        "programs": {"torch": program, "jittor": program}, "workaround": WORKAROUND,
    }  # fmt: skip
    return EntryResult(**{**values, **changes})  # type: ignore[arg-type]


def both(atlas: Atlas) -> str:
    return "".join(document.pages(atlas, "atlas.md").values())


SAME = result(name="exp", verdict="IDENTICAL", findings=[], programs={}, workaround=None)


def test_the_page_shows_case_size_program_and_workaround() -> None:
    text = both(Atlas(versions=VERSIONS, entries=[result(), SAME]))
    assert "It holds for Jittor 1.3 and PyTorch 2.0" in text
    assert "| g | 2 | 1 | 1 |" in text
    assert "## Different on unusual inputs only (1)" in text
    assert "`ERROR` (case nan): 0 where PyTorch has nan." in text
    workaround = (
        "Workaround (`IDENTICAL`; still different for: empty):\n\n```python\nbetter(x)\n```"
    )
    assert workaround in text
    assert "| g | exp | `a \\| b` | `c` | A note. |" in text
    port = replace(SAME, torch="F.relu(x)", jittor="jt.nn.relu(x)")
    text = both(Atlas(versions=VERSIONS, entries=[port]))
    assert "| g | exp | `F.relu(x)` |  | A note. |" in text


@pytest.mark.parametrize(
    ("cause", "section"),
    [
        (AtlasCause.VALUES, "Different on ordinary inputs (1)"),
        (AtlasCause.BELOW_FLOAT32, "Different, but by less than float32 resolves (1)"),
    ],
)
def test_the_cause_chooses_the_section(cause: AtlasCause, section: str) -> None:
    finding = Finding(
        case="ordinary", tensor=ComparedTensor("gradient", "x"), error=0.5, noise=1e-8,
        verdict=Verdict.SEMANTIC_DIFFERENCE, cause=cause,
    )  # fmt: skip
    entry = result(verdict="SEMANTIC_DIFFERENCE", findings=[finding])
    text = both(Atlas(versions=VERSIONS, entries=[entry]))
    assert f"## {section}" in text
    assert "`SEMANTIC_DIFFERENCE` (gradient with respect to x): difference 0.5, noise 1e-08" in text


@pytest.mark.parametrize(
    ("exception", "missing"),
    [
        ("AttributeError: module 'jittor' has no attribute 'a'", True),
        ("TypeError: a() got an unexpected keyword argument 'b'", True),
        ("RuntimeError: the kernel does not compile", False),
    ],
)
def test_what_jittor_lacks_has_a_section_without_programs(exception: str, missing: bool) -> None:
    finding = replace(FINDING, case="ordinary", cause=AtlasCause.EXCEPTION, candidate=exception,
                      reference="")  # fmt: skip
    text = both(Atlas(versions=VERSIONS, entries=[result(findings=[finding])]))
    assert f"## Missing in Jittor ({int(missing)})" in text
    assert f"## Different on ordinary inputs ({int(not missing)})" in text
    assert ("`ERROR`. A note.\n\n```python\na | b\n```\n\nWorkaround" in text) == missing
    assert ("print(1)" in text) != missing


@pytest.mark.parametrize(
    "workaround",
    [
        WorkaroundResult(source="better(x)", verdict="ERROR", fixes=[], remaining=["a"]),
        WorkaroundResult(source="better(x)", verdict="IDENTICAL", fixes=["a"], breaks=["b"]),
    ],
)
def test_a_workaround_that_fixes_nothing_is_not_printed(workaround: WorkaroundResult) -> None:
    atlas = Atlas(versions=VERSIONS, entries=[result(workaround=workaround)])
    assert "better" not in both(atlas)


def test_the_committed_page_is_generated_from_the_committed_data() -> None:
    pages = document.pages(read(DATA), PAGE.name)
    assert {name: (DOCS / name).read_text(encoding="utf-8") for name in pages} == pages
    assert all(len(text.encode()) < 512 * 1024 for text in pages.values())  # what GitHub shows


def test_the_committed_data_lists_the_catalogue_and_holds_for_the_installed_jittor() -> None:
    atlas = read(DATA)
    listed = {(o.group, o.name): (o.torch, o.jittor, o.note) for o in atlas.entries}
    wanted = {(g, e.name): (e.torch, e.jittor, e.note) for g, es in GROUPS.items() for e in es}
    assert listed == wanted
    assert atlas.versions["jittor"] == importlib.metadata.version("jittor")


def test_every_workaround_fixes_something_and_breaks_nothing() -> None:
    workarounds = {(o.group, o.name): o.workaround for o in read(DATA).entries if o.workaround}
    sources = {(g, e.name): e.workaround for g, es in GROUPS.items() for e in es}
    assert workarounds
    for key, workaround in workarounds.items():
        assert workaround.source == sources[key], key
        assert Verdict[workaround.verdict].passes(strict=True), key
        assert workaround.fixes, key
        assert not workaround.breaks, key


def test_every_difference_has_a_program() -> None:
    plain = json.loads(DATA.read_text(encoding="utf-8"))
    for entry in plain["entries"]:
        assert bool(entry["programs"]) == bool(entry["findings"]), entry["name"]


@pytest.mark.parametrize("text", ["", "{}", '{"schema": 9}', '{"schema": 2, "entries": [{}]}'])
def test_a_file_that_holds_no_results_is_refused_in_one_line(text: str, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(CannotCompare, match=r"a\.json") as refused:
        read(tmp_path / "a.json")
    assert "\n" not in str(refused.value)
