"""The page as a reader and a browser meet it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import replace
from html import escape
from html.parser import HTMLParser
from pathlib import Path

import pytest
from click.testing import CliRunner

from ddpm.errors import InputError
from ddpm_cli import main
from ddpm_study.page.finished_run import FinishedRun
from ddpm_study.page.page import write_page
from ddpm_study.run.records import RunFolder

from .conftest import discrepancy, make_run, score

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "google-chrome", "chrome"))), None)
# Asked of the page in a frame as wide as a phone.
QUESTIONS = """<!doctype html><meta charset="utf-8"><body><iframe style="width:400px;height:800px"
srcdoc="{page}"></iframe><script>
onload = () => setTimeout(() => {{
  const inside = document.querySelector("iframe"), page = inside.contentDocument;
  const head = page.querySelector("#times th:nth-child(2)");
  head.click();
  document.body.textContent = JSON.stringify({{
    errors: inside.contentWindow.errors,
    images: page.images.length,
    broken: [...page.images].filter(i => !i.complete || !i.naturalWidth).length,
    scrolls: page.documentElement.scrollWidth > inside.contentWindow.innerWidth,
    sorted: head.getAttribute("aria-sort"),
  }});
}}, 0)</script></body>"""
CATCHER = "<script>errors = []; onerror = text => {{ errors.push(text) }}</script>"


class Structure(HTMLParser):
    """Collects a page's elements, and the addresses that it would fetch."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.foreign: list[str] = []
        self.alternatives: list[str] = []
        self.sections: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag not in ("meta", "img", "source"):
            self.open.append(tag)
        addresses = [given.get(name, "") for name in ("src", "srcset", "href")]
        self.foreign += [a for a in addresses if a and not a.startswith(("data:", "#"))]
        if tag == "img":
            self.alternatives.append(given["alt"])
        if tag == "section":
            self.sections.append(given["id"])

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_stands_alone_and_each_picture_has_words(run_path: Path) -> None:
    found = Structure(write_page(FinishedRun.load(run_path)).read_text(encoding="utf-8"))
    assert not found.open
    assert not found.foreign
    assert len(found.alternatives) == 9
    assert all(len(words) > 20 for words in found.alternatives)
    assert "url(" not in (run_path / "report.html").read_text(encoding="utf-8").split("</style>")[0]


def test_the_verdict_stands_on_top(run_path: Path) -> None:
    text = write_page(FinishedRun.load(run_path)).read_text(encoding="utf-8")
    assert 'class="verdict good"><strong>They agree.' in text
    assert text.index("They agree.") < text.index("<h2>")
    for figure in ("99.9840%", "2.00", "1.75 to 2.50", "10.88 (9.88 to 11.88)", "0.0612345"):
        assert figure in text


def test_a_fault_is_named_on_top(tmp_path: Path) -> None:
    text = write_page(FinishedRun.load(make_run(tmp_path, fault=True))).read_text(encoding="utf-8")
    head = text.split("</header>")[0]
    assert 'class="verdict bad"><strong>They differ.' in head
    assert "SEMANTIC_DIFFERENCE, first in the forward pass of mid.attention" in head
    assert "the difference in weights is 3.0e-06 in float32 and 3.0e-06 in float64" in head


def test_a_fault_of_the_schedule_fails_the_run_and_is_named(tmp_path: Path) -> None:
    run = FinishedRun.load(make_run(tmp_path, schedule_fault=True))
    head = write_page(run).read_text(encoding="utf-8").split("</header>")[0]
    assert "They differ." in head
    assert "alpha_bar is 9e+09 units in the last place from exact arithmetic" in head
    assert run.outcome.fails


def test_weights_without_a_gradient_fail_the_run_and_are_counted(tmp_path: Path) -> None:
    run = FinishedRun.load(make_run(tmp_path, no_gradient=138))
    text = write_page(run).read_text(encoding="utf-8")
    assert "They agree." not in text
    assert "138 of 144 weights got no gradient in 20 training steps" in text.split("</header>")[0]
    assert (
        "weights (2 compared, 4 left out: gradient zero, 138 not tested: no gradient yet)" in text
    )
    assert run.outcome.fails


def test_a_stage_that_was_left_out_says_how_to_do_it(tmp_path: Path) -> None:
    left_out = ("scores", "timing", "ensemble", "precision")
    text = write_page(FinishedRun.load(make_run(tmp_path, skipped=left_out))).read_text(
        encoding="utf-8"
    )
    for stage in ("scores", "timing", "precision"):
        assert f"--only {stage}" in text


def changed(path: Path, stage: str, **values: object) -> FinishedRun:
    """Return a run after some values of a stage's record were written anew."""
    folder = RunFolder(path)
    record = folder.record(stage)
    assert record is not None
    folder.write_record(replace(record, result={**record.result, **values}))
    return FinishedRun.load(path)


def test_images_that_no_extractor_can_see_get_a_line_and_no_empty_table(run_path: Path) -> None:
    run = changed(run_path, "scores", rows=[], unavailable=["no weights were named"])
    text = write_page(run).read_text(encoding="utf-8")
    section = text.split('<section id="scores">')[1].split("</section>")[0]
    assert '<p class="absent">These images have no scores' in section
    assert "<table" not in section
    assert "<img" not in section


def test_where_too_few_images_tell_nothing_the_page_says_so(run_path: Path) -> None:
    rows = [score("PyTorch", "torch", 10.88) | {"fid_infinity": None}] * 3
    assert ">too few images</td>" in write_page(changed(run_path, "scores", rows=rows)).read_text(
        encoding="utf-8"
    )


def test_a_run_whose_numbers_are_none_still_has_a_page(run_path: Path) -> None:
    """A loss that became NaN stands as null in the records."""
    changed(run_path, "train-jittor", last_loss=None)
    changed(run_path, "ensemble", horizon=None)
    run = changed(
        run_path,
        "precision",
        discrepancies=[discrepancy("loss", is_rounding=False) | {"float64": None}],
    )
    text = write_page(run).read_text(encoding="utf-8")
    assert "They differ." in text
    assert text.count(">not a number</td>") == 3


def test_pictures_are_files_as_well(run_path: Path) -> None:
    write_page(FinishedRun.load(run_path))
    names = {path.name for path in (run_path / "pictures").iterdir()}
    assert {"loss.png", "loss.svg", "divergence.png", "samples-same.png"} <= names


def test_the_same_records_give_the_same_page(run_path: Path) -> None:
    first, second = (
        re.sub(
            r"base64,[^\"]+", "", write_page(FinishedRun.load(run_path)).read_text(encoding="utf-8")
        )
        for _ in range(2)
    )  # pictures carry names that matplotlib makes from addresses in memory
    assert first == second


def test_two_runs_lie_side_by_side(tmp_path: Path) -> None:
    one, other = make_run(tmp_path / "one"), make_run(tmp_path / "other", ratio=3.0)
    text = write_page(FinishedRun.load(one), against=FinishedRun.load(other)).read_text(
        encoding="utf-8"
    )
    cells = re.sub(r'<td class="short">', "<td>", text)
    row = re.search(r"<td>training step: Jittor / PyTorch</td><td>(.*?)</td><td>(.*?)</td>", cells)
    assert row is not None
    assert row.groups() == ("2.00", "3.00")


def test_an_audit_laid_into_the_folder_is_shown(run_path: Path) -> None:
    rows = [{"what": "faults caught", "value": "61 of 61", "target": "100 %"}]
    (run_path / "audit.json").write_text(json.dumps({"schema": "ddpm-audit/1", "rows": rows}))
    assert "61 of 61" in write_page(FinishedRun.load(run_path)).read_text(encoding="utf-8")
    (run_path / "audit.json").write_text("[]")
    with pytest.raises(InputError, match=r"audit.json is no record of an audit"):
        write_page(FinishedRun.load(run_path))


def test_an_audit_given_to_the_command_is_kept_and_shown(run_path: Path, tmp_path: Path) -> None:
    rows = [{"what": "faults caught", "value": "61 of 61"}]
    audit = tmp_path / "audit.json"
    audit.write_text(json.dumps({"schema": "ddpm-audit/1", "rows": rows}))
    words = ["report", "--from", str(run_path), "--audit", str(audit)]
    assert CliRunner().invoke(main, words).exit_code == 0
    assert CliRunner().invoke(main, words[:3]).exit_code == 0
    assert "61 of 61" in (run_path / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"schema": "ddpm-audit/1"}', '{"schema": "ddpm-audit/1", "rows": [1]}']
)
def test_what_is_no_audit_is_one_line_and_not_kept(
    run_path: Path, tmp_path: Path, text: str
) -> None:
    audit = tmp_path / "audit.json"
    audit.write_text(text)
    run = CliRunner().invoke(main, ["report", "--from", str(run_path), "--audit", str(audit)])
    assert run.exit_code == 2
    assert run.output.startswith(f"ddpm: {audit} ")
    assert run.output.count("\n") == 1
    assert not (run_path / "audit.json").exists()


def test_a_record_that_lacks_a_value_is_named(run_path: Path) -> None:
    path = run_path / "records" / "scores.json"
    path.write_text(path.read_text().replace('"fid_interval"', '"interval"', 1))
    line = r"scores\.json cannot be used: result\.rows\[0\]\.fid_interval is missing"
    with pytest.raises(InputError, match=line):
        write_page(FinishedRun.load(run_path))
    assert not (run_path / "report.html").exists()


def test_a_missing_stage_and_no_run_are_refused(run_path: Path, tmp_path: Path) -> None:
    (run_path / "records" / "pixels.json").unlink()
    with pytest.raises(InputError, match=r"no record of the stage 'pixels'; run .* --only pixels"):
        FinishedRun.load(run_path)
    with pytest.raises(InputError, match="holds no run; make one with ddpm reproduce"):
        FinishedRun.load(tmp_path / "nothing")


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")
def test_a_browser_finds_nothing_wrong_on_a_phone(run_path: Path, tmp_path: Path) -> None:
    page = write_page(FinishedRun.load(run_path)).read_text(encoding="utf-8")
    watched = page.replace("<head>", "<head>" + CATCHER.format())
    questions = tmp_path / "questions.html"
    questions.write_text(QUESTIONS.format(page=escape(watched)), encoding="utf-8")
    run = subprocess.run(
        [
            str(CHROMIUM),
            *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
            *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
            *(f"--user-data-dir={tmp_path / 'profile'}", "--virtual-time-budget=20000"),
            *("--dump-dom", questions.as_uri()),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    found = re.search(r"<body>(.*)</body>", run.stdout, re.S)
    assert found is not None, run.stdout[-500:]
    assert json.loads(found[1]) == {
        "errors": [],
        "images": 9,
        "broken": 0,
        "scrolls": False,
        "sorted": "ascending",
    }
