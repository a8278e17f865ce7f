from __future__ import annotations

import importlib.metadata
import json
from pathlib import Path

import pytest

from parity.atlas import document
from parity.atlas.catalogue import GROUPS
from parity.atlas.record import Atlas, Line, read
from parity.errors import CannotCompare
from parity.verdict import Verdict

DOCS = Path(__file__).parents[3] / "docs"
PAGE, DATA = DOCS / "jittor-divergences.md", DOCS / "jittor-divergences.json"
VERSIONS = {
    "jittor": "1.3", "torch": "2.0", "numpy": "1.26", "python": "3.11", "kernel flags": "-O3",
}  # fmt: skip
FINDING = {
    "case": "nan", "place": "output", "verdict": "ERROR", "error": None, "noise": None,
    "reason": "0 where PyTorch has nan",
}  # fmt: skip


def line(**changes: object) -> Line:
    side = {"program": "print(1)", "prints": "1"}
    values = {
        "group": "g", "name": "relu", "torch": "a | b", "jittor": "c", "note": "A note.",
        "verdict": "ERROR", "cases": 3, "findings": [FINDING],
        "shown": {"torch": side, "jittor": side},
        "mend": {"source": "better(x)", "verdict": "IDENTICAL", "workarounds": ["nan"],
                 "leaves": ["empty"], "breaks": []},
    }  # fmt: skip
    return Line(**{**values, **changes})  # type: ignore[arg-type]


SAME = line(name="exp", verdict="IDENTICAL", findings=[], shown={}, workaround={})


def test_the_page_tells_place_size_program_and_mend() -> None:
    text = document.page(Atlas(versions=VERSIONS, lines=[line(), SAME]))
    assert "It holds for Jittor 1.3 beside PyTorch 2.0" in text
    assert "| g | 2 | 1 | 1 |" in text
    assert "## Different on nasty inputs only (1)" in text
    assert "`ERROR` (on nan): 0 where PyTorch has nan." in text
    assert "Mend (`IDENTICAL`; it leaves: empty):\n\n```python\nbetter(x)\n```" in text
    assert "| g | exp | `a \\| b` | `c` | A note. |" in text


@pytest.mark.parametrize(
    "mend",
    [
        {
            "source": "better(x)",
            "verdict": "ERROR",
            "workarounds": [],
            "leaves": ["a"],
            "breaks": [],
        },
        {
            "source": "better(x)",
            "verdict": "IDENTICAL",
            "workarounds": ["a"],
            "leaves": [],
            "breaks": ["b"],
        },
    ],
)
def test_a_mend_that_mends_nothing_is_not_printed(workaround: dict[str, object]) -> None:
    assert "better" not in document.page(
        Atlas(versions=VERSIONS, lines=[line(workaround=workaround)])
    )


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    atlas = Atlas(versions=VERSIONS, lines=[line(), SAME])
    atlas.save(tmp_path / "a.json")
    assert read(tmp_path / "a.json") == atlas


@pytest.mark.parametrize("text", ["", "{}", '{"schema": 9}', '{"schema": 1, "entries": [{}]}'])
def test_what_is_no_atlas_is_refused_in_one_line(text: str, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(CannotCompare, match=r"a\.json") as refused:
        read(tmp_path / "a.json")
    assert "\n" not in str(refused.value)


def test_the_committed_page_is_made_of_the_committed_data() -> None:
    assert PAGE.read_text(encoding="utf-8") == document.page(read(DATA))


def test_the_committed_data_lists_the_catalogue_and_holds_for_the_installed_jittor() -> None:
    atlas = read(DATA)
    found = {(o.group, o.name): (o.torch, o.jittor, o.note) for o in atlas.lines}
    wanted = {(g, e.name): (e.torch, e.jittor, e.note) for g, es in GROUPS.items() for e in es}
    assert found == wanted
    assert atlas.versions["jittor"] == importlib.metadata.version("jittor")


def test_every_mend_mends_something_and_breaks_nothing() -> None:
    workarounds = {(o.group, o.name): o.workaround for o in read(DATA).lines if o.workaround}
    sources = {(g, e.name): e.workaround for g, es in GROUPS.items() for e in es}
    for key, workaround in workarounds.items():
        assert workaround["source"] == sources[key], key
        assert Verdict[workaround["verdict"]].passes(strict=True), key
        assert workaround["workarounds"], key
        assert not workaround["breaks"], key


def test_nothing_that_differs_is_without_a_program() -> None:
    plain = json.loads(DATA.read_text(encoding="utf-8"))
    for entry in plain["entries"]:
        assert bool(entry["shown"]) == bool(entry["findings"]), entry["name"]
