"""Writes the page: tables in Markdown, in one language or two, from what was read."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import quote

from parity.evidence.records import Evidence, Timing
from parity.evidence.words import WORDS, Language
from parity.limits import K
from parity.report.finding import Finding
from parity.report.text import where
from parity.verdict import Verdict
from safe_files import write_text

# Facts of a side that a reader of a README asks for.
MOST = 1000  # times its limit from which a difference is only said to be beyond
FACTS = ("framework", "version", "device", "threads")


def write(evidence: Evidence, path: Path, languages: Sequence[Language]) -> None:
    """Write the page, completely or not at all.

    Raises:
        CannotWrite: the file cannot be written.
    """
    write_text(path, to_markdown(evidence, path.parent, languages))


def to_markdown(evidence: Evidence, folder: Path, languages: Sequence[Language]) -> str:
    """Return the page.

    Args:
        evidence: what was read.
        folder: of the page; pictures are linked relative to it.
        languages: in this order, one below the other.
    """
    return "\n".join(_Page(evidence, folder, language).text() for language in languages)


class _Page:
    """The page in one language."""

    def __init__(self, evidence: Evidence, folder: Path, language: Language) -> None:
        self._evidence, self._folder, self._words = evidence, folder, WORDS[language]

    def text(self) -> str:
        words, reports = self._words, self._evidence.reports
        differ = sum(not report.passed for report in reports)
        names = ("differ", "agree") if len(reports) == 1 else ("some_differ", "all_agree")
        summary = words[names[0] if differ else names[1]]
        sections = [
            f"## {words['title']}",
            summary.format(count=len(reports), differ=differ),
            words["method"],
            *self._section("alignment", self._alignment(), note="not_judged"),
            *self._list("first", self._first_places()),
            *self._list("accepted", self._accepted()),
            *self._section("coverage", self._coverage()),
            *self._section("losses", self._losses()),
            *self._times(),
            *self._list("pictures", self._pictures()),
            *self._section("environment", self._environment()),
            *self._commands(),
            f"### {words['files']}",
            "\n".join(
                [words["files_line"], ""]
                + [f"- `{name}`: `{digest}`" for name, digest in self._evidence.digests.items()]
            ),
        ]
        return "\n\n".join(sections) + "\n"

    def _section(self, name: str, rows: Iterable[Sequence[str]], note: str = "") -> list[str]:
        """Return a title and a table; nothing without rows."""
        lines = [f"| {' | '.join(map(_cell, row))} |" for row in rows]
        if not lines:
            return []
        head = self._words[f"{name}_head"]
        rule = "|---" * (head.count("|") - 1) + "|"
        table = "\n".join([head, rule, *lines])
        return [f"### {self._words[name]}", table, *([self._words[note]] if note else [])]

    def _list(self, name: str, lines: Iterable[str]) -> list[str]:
        text = "\n".join(lines)
        return [f"### {self._words[name]}", text] if text else []

    def _alignment(self) -> list[list[str]]:
        rows = []
        for report in self._evidence.reports:
            phases: dict[str, list[Finding]] = {}
            for finding in report.findings:
                phases.setdefault(finding.phase, []).append(finding)
            for phase, findings in phases.items():
                rows.append([f"`{report.pair}`", phase, *_counts(findings), _worst(findings)])
        return rows

    def _first_places(self) -> list[str]:
        return [
            f"- `{report.pair}`: {where(report.first_divergence)}, "
            f"`{report.first_divergence.verdict.name}`"
            for report in self._evidence.reports
            if not report.passed and report.first_divergence is not None
        ]

    def _accepted(self) -> list[str]:
        lines = []
        for report in self._evidence.reports:
            known: dict[tuple[str, str], int] = {}
            for finding in report.findings:
                if finding.known is not None and finding.allowance is not None:
                    key = finding.known, finding.allowance
                    known[key] = known.get(key, 0) + 1
            lines += [
                self._words["accepted_line"].format(
                    pair=report.pair, known=name, count=count, reason=reason
                )
                for (name, reason), count in known.items()
            ]
            allowed = {
                f.path: f.allowance for f in report.findings if f.allowance and f.known is None
            }
            lines += [
                self._words["allowed_line"].format(pair=report.pair, path=path, reason=reason)
                for path, reason in allowed.items()
            ]
        return lines

    def _coverage(self) -> list[list[str]]:
        rows = []
        for report in self._evidence.reports:
            covered = report.coverage
            sizes = [report.parameters.get(side) for side in ("reference", "candidate")]
            counts = covered.outputs, covered.parameters, covered.tensors
            rows.append(
                [
                    f"`{report.pair}`",
                    *("–" if size is None else f"{size:,}" for size in sizes),
                    *map(str, counts),
                    ", ".join(f"`{path}`" for path in covered.without_gradient) or "–",
                ]
            )
        return rows

    def _losses(self) -> list[list[str]]:
        return [
            [
                f"`{entry['a']}`",
                f"`{entry['b']}`",
                f"{entry['steps']} ({entry['first_step']} … {entry['last_step']})",
                " / ".join(f"{loss:.6g}" for loss in entry["first_losses"]),
                " / ".join(f"{loss:.6g}" for loss in entry["last_losses"]),
                self._words["at_step"].format(
                    value=f"{entry['largest_relative_difference']:.2g}",
                    step=entry["largest_at_step"],
                ),
                entry["verdict"],
            ]
            for entry in self._evidence.losses
        ]

    def _times(self) -> list[str]:
        timings = self._evidence.timings
        note = "in_turn" if all(timing.in_turn for timing in timings) else "not_in_turn"
        return self._section("times", map(_timing, timings), note=note)

    def _pictures(self) -> list[str]:
        return [
            f"![{path.stem}]({quote(os.path.relpath(path, self._folder).replace(os.sep, '/'))})"
            for path in self._evidence.pictures
        ]

    def _environment(self) -> list[list[str]]:
        rows: dict[str, str] = {}
        for report in self._evidence.reports:
            for side, facts in report.environment.items():
                rows |= {
                    f"{side}: {name}": value
                    for name, value in facts.items()
                    if name in FACTS or (side == "process" and name != "command")
                }
        rows |= {f"machine: {name}": value for name, value in self._evidence.machine.items()}
        return [[name, value] for name, value in rows.items()]

    def _commands(self) -> list[str]:
        commands = dict.fromkeys(
            command
            for command in (
                *(r.environment.get("process", {}).get("command") for r in self._evidence.reports),
                *(entry.get("command") for entry in self._evidence.losses),
            )
            if command
        )
        if not commands:
            return []
        return [f"### {self._words['commands']}", "\n".join(["```sh", *commands, "```"])]


def _counts(findings: Sequence[Finding]) -> list[str]:
    """Return the cells of a phase: numbers of findings by verdict, and two errors."""
    verdicts = [finding.verdict for finding in findings]
    passing = (Verdict.IDENTICAL, Verdict.WITHIN_NOISE, Verdict.NUMERICALLY_WEAKER)
    counts = [verdicts.count(verdict) for verdict in passing]
    counts = [len(verdicts), *counts, len(verdicts) - sum(counts)]
    errors = [finding.error for finding in findings if math.isfinite(finding.error)]
    shares = [share for finding in findings if (share := _share(finding)) is not None]
    return [
        *map(str, counts),
        f"{median(errors):.1e}" if errors else "–",
        _percent(max(shares)) if shares else "–",
    ]


def _percent(share: float) -> str:
    return f"{share:.0%}" if share < MOST else f"over {MOST} times"


def _share(finding: Finding) -> float | None:
    """Return an error divided by its limit; None where there is none to divide by."""
    limit = finding.noise * (1 if finding.phase in ("init", "schedule") else K)
    if finding.error == 0:
        return 0.0
    return finding.error / limit if limit and math.isfinite(finding.error / limit) else None


def _worst(findings: Sequence[Finding]) -> str:
    judged = [finding.verdict for finding in findings if not finding.allowed]
    return f"`{max(judged, key=lambda v: v.rank).name}`" if judged else "–"


def _timing(timing: Timing) -> list[str]:
    low, median, high = timing.ratio
    bounds = [f"{low:.3g}", f"{high:.3g}"] if timing.in_turn else ["–", "–"]
    return [timing.name, timing.implementation, timing.base, f"{median:.3g}", *bounds]


def _cell(value: Any) -> str:
    return str(value).replace("|", "\\|").replace("\n", " ")
