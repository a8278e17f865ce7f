"""A report as one self-contained page: the faults, the error by depth, and the module tree."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from xml.etree.ElementTree import Element

from parity.diagnose.next_steps import advice
from parity.report.faults import Fault
from parity.report.outcome import Outcome
from parity.report.pages.chart import chart
from parity.report.pages.elements import add, document, element, html
from parity.report.pages.nodes import tree_of
from parity.report.pages.rows import finding_facts, sources, tree, verdict_mark
from parity.report.text import LISTED, describe, where
from parity.report.wording import counted
from parity.verdict import Verdict
from safe_files import write_text


def write_page(report: Outcome, path: Path) -> None:
    """Write the page, complete or not at all.

    Raises:
        CannotWrite: the file cannot be written.
    """
    write_text(path, page(report))


def page(report: Outcome) -> str:
    """Return the page as HTML; nothing is fetched from elsewhere, and it reads without scripts."""
    parts = (_header(report), _faults(report), _depth(report), _modules(report), _about(report))
    main = element("main", *(part for part in parts[1:] if part is not None))
    title = f"{report.pair}: {report.verdict.name}"
    return document(title, parts[0], main, with_script=True)


def fragment(report: Outcome) -> str:
    """Return the report's text and chart as HTML to be shown inside a page, a notebook's say."""
    return html(element("pre", describe(report))) + html(chart(report.findings))


def banner(kind: str, first: str, text: str) -> Element:
    """Return the line that says how it went."""
    return element("p", element("strong", first), f" {text}", class_=f"verdict {kind}")


def _header(report: Outcome) -> Element:
    if report.passed:
        is_weaker = report.verdict is Verdict.NUMERICALLY_WEAKER
        mark = banner("unsure" if is_weaker else "good", "They agree.", f"{report.verdict.value}.")
    else:
        meaning = report.verdict.value if report.findings else "nothing was compared"
        mark = banner("bad", "They disagree.", f"{_words(report.verdict.name)}: {meaning}.")
    counts = element("p", class_="counts")
    for name, number in report.counts.items():
        add(counts, element("span", element("b", f"{number:,}"), f" {_words(name)}"))
    return element("header", element("p", "parity", class_="kind"), element("h1", report.pair),
                   mark, counts)  # fmt: skip


def _words(name: str) -> str:
    return name.replace("_", " ").lower()


def _faults(report: Outcome) -> Element | None:
    faults = report.faults
    if not faults:
        return None
    title = counted(len(faults), "independent fault")
    made = element("section", element("h2", title), id="faults")
    for fault in faults[:LISTED]:
        add(made, _fault(report, fault))
    if len(faults) > LISTED:
        add(
            made,
            element("p", f"{len(faults) - LISTED} more are in the tree below.", class_="faint"),
        )
    return made


def _fault(report: Outcome, fault: Fault) -> Element:
    finding = fault.first
    place = next(n for n, f in enumerate(report.findings) if f is finding)
    more = len(fault.findings) - 1
    pairs = {pair.reference.path: pair for pair in report.modules if pair.reference}
    pair = pairs.get(finding.path)
    return element(
        "article",
        element("h3", element("a", where(finding), href=f"#f{place}"), " ", verdict_mark(finding)),
        finding_facts(finding),
        element("p", element("b", "What to do: "), f"{advice(finding)}."),
        element("p", f"{counted(more, 'more tensor')} of the same fault.") if more else None,
        sources(pair) if pair and finding.scope == "isolated" else None,
        class_="fault",
    )  # fmt: skip


def _depth(report: Outcome) -> Element:
    missing = sum(math.isnan(finding.error) for finding in report.findings)
    text = (
        "Error relative to the reference's largest value of each tensor, in order of execution. "
        "The grey line is the limit, from measured rounding; it is lower by far where float64 "
        "decides."
    )
    if missing:
        text += f" {counted(missing, 'tensor')} without an error: not drawn."
    return element(
        "section", element("h2", "Error by depth"), element("p", text, class_="faint"),
        element("div", chart(report.findings), class_="plot", id="plot"),
        element("p", "", class_="faint under", id="point", aria_live="polite"), id="depth",
    )  # fmt: skip


def _modules(report: Outcome) -> Element:
    phases = dict.fromkeys(finding.phase for finding in report.findings)
    search = element("input", type="search", id="search",
                     placeholder="Search paths and tensors (/)",
                     aria_label="search paths and tensors", autocomplete="off")  # fmt: skip
    bar = element(
        "form", search, _choices("verdict", report.counts), _choices("phase", phases),
        element("output", id="shown"), id="filters", hidden="",
    )  # fmt: skip
    return element("section", element("h2", "Modules and tensors"), bar, tree(tree_of(report)),
                   id="modules")  # fmt: skip


def _choices(name: str, values: Iterable[str]) -> Element:
    made = element("fieldset", element("legend", name))
    for value in values:
        box = element("input", type="checkbox", name=name, value=value)
        add(made, element("label", box, _words(value)))
    return made


def _about(report: Outcome) -> Element:
    made = element("section", element("h2", "About this comparison"), id="about")
    if report.notes:
        add(made, element("ul", *(element("li", note) for note in report.notes)))
    if any(report.environment.values()):
        table = element("table")
        for side, values in report.environment.items():
            for key, value in values.items():
                row = (element("td", cell) for cell in (side, key, value))
                add(table, element("tr", *row))
        add(made, element("details", element("summary", "Environment"),
                          element("div", table, class_="wide")))  # fmt: skip
    text = element("pre", describe(report))
    add(made, element("details", element("summary", "As in the terminal"), text))
    return made
