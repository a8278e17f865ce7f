"""The error of every tensor in order of execution, as a drawing with links to its row."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from xml.etree.ElementTree import Element

from parity.limits import K
from parity.report.finding import Finding
from parity.report.pages.elements import element
from parity.report.text import amount, where

# Exponents between which the axis lies; a gradient of zero has errors far above its own size.
_LOWEST, _HIGHEST = -20, 2
_TICKS = 6
# Shares of the height: zero is drawn below all numbers, infinity above.
_TOP, _BOTTOM = 0.06, 0.90
_NARROWEST = 0.12  # share of the width from which a part is named
_COLOURS = {"good": "#1a7f37", "unsure": "#8a5a00", "bad": "#b3261e"}
_SCOPES = {"end_to_end": "end to end", "free_run": "running free", "step": "steps"}


def kind_of(finding: Finding) -> str:
    """Return `good`, `unsure` or `bad`."""
    if finding.is_fault and not finding.passes():
        return "bad"
    is_agreement = finding.verdict.name in ("IDENTICAL", "WITHIN_NOISE")
    return "good" if is_agreement else "unsure"


def limit_of(finding: Finding) -> float:
    """Return the largest error that passes."""
    is_built = finding.scope == "built" and finding.quantity in ("table", "parameter")
    return finding.noise if is_built else K * finding.noise


def chart(findings: Sequence[Finding]) -> Element:
    """Return the drawing; its size is that of the box it stands in.

    Args:
        findings: all of a report; those without an error are not drawn.
    """
    shown = [(n, f) for n, f in enumerate(findings) if not math.isnan(f.error)]
    low, high = _range([f for _, f in shown])

    def height(value: float) -> float:
        if value == 0 or math.isnan(value):
            return 0.97
        exponent = math.log10(value) if value < math.inf else math.inf
        if exponent > high:
            return _TOP / 2
        share = (high - max(low, exponent)) / (high - low)
        return _TOP + (_BOTTOM - _TOP) * share

    count = max(1, len(shown))
    svg = element("svg", class_="chart", role="group", aria_label="error by depth",
                  width="100%", height=300)  # fmt: skip
    svg.extend(_grid(low, high, height))
    svg.extend(_parts([f for _, f in shown], count))
    lines = [
        f"M{place / count:.5f} {height(limit_of(f)):.4f}h{1 / count:.5f}"
        for place, (_, f) in enumerate(shown)
    ]
    path = element("path", d="".join(lines), class_="limit", stroke="#6a6a6a", fill="none",
                   vector_effect="non-scaling-stroke")  # fmt: skip
    svg.append(element("svg", path, viewBox="0 0 1 1", preserveAspectRatio="none",
                       width="100%", height="100%"))  # fmt: skip
    first = next((n for n, f in shown if not f.passes()), shown[0][0] if shown else 0)
    # The bad ones are drawn last, above the others.
    order = {"good": 0, "unsure": 1, "bad": 2}
    for place, (n, f) in sorted(enumerate(shown), key=lambda item: order[kind_of(item[1][1])]):
        label = f"{where(f)}: {amount(f) or f.verdict.name}"
        point = element("circle", cx=f"{(place + 0.5) / count:.3%}",
                        cy=f"{height(f.error):.2%}", r=3 if f.passes() else 5,
                        fill=_COLOURS[kind_of(f)])  # fmt: skip
        svg.append(
            element("a", element("title", label), point, href=f"#f{n}", class_=kind_of(f),
                    data_place=place, tabindex=0 if n == first else -1)
        )  # fmt: skip
    return svg


def _range(findings: Sequence[Finding]) -> tuple[int, int]:
    values = [v for f in findings for v in (f.error, limit_of(f)) if 0 < v < math.inf]
    exponents = [math.log10(value) for value in values] or [0.0]
    low = max(_LOWEST, math.floor(min(exponents)))
    return low, max(low + 2, min(_HIGHEST, math.ceil(max(exponents))))


def _grid(low: int, high: int, height: Callable[[float], float]) -> Iterator[Element]:
    step = max(1, math.ceil((high - low) / _TICKS))
    for exponent in range(high, low - 1, -step):
        y = f"{height(10.0**exponent):.2%}"
        yield element("line", x1=0, x2="100%", y1=y, y2=y, class_="grid", stroke="#d9d9d9")
        yield _tick(f"1e{exponent}", y)
    yield _tick("0", "97%")


def _tick(text: str, y: str) -> Element:
    return element("text", text, x=-8, y=y, dy=4, class_="tick", text_anchor="end", fill="#6a6a6a")


def _parts(findings: Sequence[Finding], count: int) -> Iterator[Element]:
    """Yield a line where each phase begins, and its name where there is space."""
    place = 0
    for name, run in groupby(findings, lambda f: _SCOPES.get(f.scope, f.phase)):
        width = len(list(run))
        x = f"{place / count:.3%}"
        is_wide = width / count >= _NARROWEST
        if place and is_wide:
            yield element("line", x1=x, x2=x, y1=0, y2="100%", class_="part", stroke="#d9d9d9")
        if is_wide:
            yield element("text", name, x=x, dx=6 if place else 0, y=12, class_="tick",
                          fill="#6a6a6a")  # fmt: skip
        place += width
