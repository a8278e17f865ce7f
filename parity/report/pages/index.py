"""A page that lists several comparisons, with links to the page of each."""

from __future__ import annotations

import html
from collections.abc import Sequence
from urllib.parse import quote

from parity.report.pages.html import STYLE
from parity.report.pages.markdown import Entry, row


def index_page(entries: Sequence[Entry]) -> str:
    """Return the page as HTML; nothing is fetched from elsewhere."""
    agree = sum(entry.report is not None and entry.report.passed for entry in entries)
    rows = "".join(_row(entry) for entry in entries)
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{agree} of {len(entries)} pairs agree</title><style>{STYLE}</style>"
        f"<h1>{agree} of {len(entries)} pairs agree</h1>"
        "<table><tr><th>pair<th>verdict<th>first place<th>amount<th>seconds</tr>"
        f"{rows}</table></html>\n"
    )


def _row(entry: Entry) -> str:
    name, verdict, place, size = row(entry)
    link = html.escape(name)
    if entry.page:
        link = f'<a href="{html.escape(quote(entry.page))}">{link}</a>'
    seconds = "" if entry.report is None else f"{entry.report.seconds:.1f}"
    kind = "ERROR" if entry.report is None else verdict
    cells = "".join(f"<td>{html.escape(cell)}" for cell in (verdict, place, size, seconds))
    return f'<tr class="{kind}"><td>{link}{cells}</tr>'
