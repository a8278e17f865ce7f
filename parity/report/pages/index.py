"""A page that lists several comparisons, with links to the page of each."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote
from xml.etree.ElementTree import Element

from parity.report.pages.elements import document, element
from parity.report.pages.markdown import Entry, row

_COLUMNS = ("pair", "verdict", "first place", "amount", "seconds")


def index_page(entries: Sequence[Entry]) -> str:
    """Return the page as HTML; nothing is fetched from elsewhere."""
    agree = sum(entry.report is not None and entry.report.passed for entry in entries)
    title = f"{agree} of {len(entries)} pairs agree"
    head = element("tr", *(element("th", column, scope="col") for column in _COLUMNS))
    rows = element("tbody", *map(_row, entries))
    table = element("table", element("thead", head), rows, class_="pairs")
    header = element("header", element("p", "parity", class_="kind"), element("h1", title))
    box = element("div", table, class_="wide", tabindex=0, role="region", aria_label="pairs")
    return document(title, header, element("main", box))


def _row(entry: Entry) -> Element:
    name, verdict, place, size = row(entry)
    link = element("a", name, href=quote(entry.page)) if entry.page else name
    seconds = "" if entry.report is None else f"{entry.report.seconds:.1f}"
    kind = "good" if entry.report is not None and entry.report.passed else "bad"
    mark = element("span", verdict.replace("_", " ").lower(), class_=f"mark {kind}")
    cells = (link, mark, place, size, seconds)
    return element("tr", *(element("td", cell) for cell in cells))
