"""A report as one self-contained page: the verdict, the place, and the divergence by depth."""

from __future__ import annotations

import html
import math
from pathlib import Path

from parity.report.finding import Finding
from parity.report.outcome import Outcome
from parity.report.text import amount, describe, headline, where
from parity.verdict import Verdict
from safe_files import write_text

STYLE = """body{font:15px/1.5 system-ui,sans-serif;max-width:70em;margin:2em auto;padding:0 1em}
pre{background:#f6f6f6;padding:1em;overflow-x:auto}table{border-collapse:collapse;font-size:13px}
td,th{text-align:left;padding:.15em .8em;border-bottom:1px solid #ddd}svg{width:100%;height:auto}
.SEMANTIC_DIFFERENCE,.ERROR{color:#b00020}.ABSTAIN{color:#8a5a00}.NUMERICALLY_WEAKER{color:#8a5a00}
"""
_WIDTH, _HEIGHT, _LOWEST = 900, 260, -20
_TICKS = (0, -5, -10, -15)
_LEFT = 40
_COLOURS = {
    Verdict.NUMERICALLY_WEAKER: "#c77700",
    Verdict.ABSTAIN: "#c77700",
    Verdict.SEMANTIC_DIFFERENCE: "#b00020",
    Verdict.ERROR: "#b00020",
}


def write_page(report: Outcome, path: Path) -> None:
    """Write the page, whole or not at all.

    Raises:
        CannotWrite: the file cannot be written.
    """
    write_text(path, page(report))


def page(report: Outcome) -> str:
    """Return the page as HTML; nothing is fetched from elsewhere."""
    rows = "".join(_row(finding) for finding in report.findings)
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        f"<title>{html.escape(report.pair)}: {report.verdict.name}</title><style>{STYLE}</style>"
        f"<h1>{html.escape(headline(report))}</h1><pre>{html.escape(describe(report))}</pre>"
        "<h2>Divergence by depth</h2><p>Error (dots) and measured rounding (grey line), relative "
        "to the reference's largest value of each tensor, on a logarithmic scale, in order of "
        "execution.</p>"
        f"{_chart(report)}<h2>Every tensor</h2><table><tr><th>location<th>verdict<th>amount"
        f"<th>stress input</tr>{rows}</table>{_environment(report)}</html>\n"
    )


def fragment(report: Outcome) -> str:
    """Return the report's text and chart as HTML to be shown inside a page, a notebook's say."""
    return f"<pre>{html.escape(describe(report))}</pre>{_chart(report)}"


def _row(finding: Finding) -> str:
    cells = (where(finding), finding.verdict.name, amount(finding), finding.stress_input or "")
    inside = "".join(f"<td>{html.escape(cell)}</td>" for cell in cells)
    return f'<tr class="{finding.verdict.name}">{inside}</tr>'


def _height(value: float) -> float:
    exponent = math.log10(value) if 0 < value < math.inf else _LOWEST if value == 0 else 2
    return _HEIGHT * (2 - min(2, max(_LOWEST, exponent))) / (2 - _LOWEST)


def _chart(report: Outcome) -> str:
    shown = [f for f in report.findings if not math.isnan(f.error)]
    step = (_WIDTH - _LEFT) / max(1, len(shown))
    across = [_LEFT + i * step for i in range(len(shown))]
    line = " ".join(f"{x:.1f},{_height(f.noise):.1f}" for x, f in zip(across, shown, strict=True))
    dots = "".join(_dot(x, f) for x, f in zip(across, shown, strict=True))
    ticks = "".join(
        f'<line x1="{_LEFT - 6}" x2="{_WIDTH}" y1="{_height(10.0**t):.1f}" '
        f'y2="{_height(10.0**t):.1f}" stroke="#e4e4e4"/>'
        f'<text x="0" y="{_height(10.0**t) + 4:.1f}" font-size="11" fill="#666">1e{t}</text>'
        for t in _TICKS
    )
    return (
        f'<svg viewBox="0 -5 {_WIDTH} {_HEIGHT + 10}" role="img" aria-label="error by depth">'
        f'{ticks}<text x="0" y="{_HEIGHT + 2}" font-size="11" fill="#666">none</text>'
        f'<polyline points="{line}" fill="none" stroke="#888"/>{dots}</svg>'
    )


def _dot(x: float, finding: Finding) -> str:
    colour = _COLOURS.get(finding.verdict, "#2a6")
    return (
        f'<circle cx="{x:.1f}" cy="{_height(finding.error):.1f}" r="2.5" fill="{colour}">'
        f"<title>{html.escape(where(finding))}: {html.escape(amount(finding))}</title></circle>"
    )


def _environment(report: Outcome) -> str:
    rows = "".join(
        f"<tr><td>{html.escape(side)}<td>{html.escape(key)}<td>{html.escape(value)}</tr>"
        for side, values in report.environment.items()
        for key, value in values.items()
    )
    return f"<h2>Environment</h2><table>{rows}</table>" if rows else ""
