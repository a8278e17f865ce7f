"""The page that lists several comparisons."""

from __future__ import annotations

from parity import Finding, Report, Verdict
from parity.report.pages.index import index_page
from parity.report.pages.markdown import Entry


def report(verdict: Verdict) -> Report:
    finding = Finding(path="a<b>", phase="forward", verdict=verdict, error=0.5, noise=1e-7)
    return Report(pair="p", findings=(finding,), seconds=1.25)


def test_every_pair_has_a_row_and_a_link() -> None:
    page = index_page(
        [
            Entry("good", report(Verdict.IDENTICAL), page="good.html"),
            Entry("<bad>", report(Verdict.ERROR), page="<bad>.html"),
            Entry("gone", None, "no <builder>"),
        ]
    )
    assert "<h1>1 of 3 pairs agree</h1>" in page
    assert (
        '<td><a href="good.html">good</a></td><td><span class="mark good">identical</span></td>'
        "<td></td><td></td><td>1.2</td>" in page
    )
    assert '<a href="%3Cbad%3E.html">&lt;bad&gt;</a>' in page
    assert "a&lt;b&gt;, forward: output" in page
    assert (
        '<td>gone</td><td><span class="mark bad">not compared</span></td><td></td>'
        "<td>no &lt;builder&gt;</td><td></td>" in page
    )
    assert "<builder>" not in page
    assert "<script" not in page
