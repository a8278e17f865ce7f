"""The audit as Markdown, for the terminal and for documents."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any


def table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return a Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def describe(audit: Mapping[str, Any]) -> str:
    """Return the whole audit as text: its tables, then whatever it found wrong."""
    parts = [table(("what", "value", "target"), [tuple(row.values()) for row in audit["rows"]])]
    if audit["caught_by_class"]:
        caught = [(kind, f"{a} of {b}") for kind, (a, b) in audit["caught_by_class"].items()]
        parts.append(table(("class of fault", "caught"), caught))
    if audit["verdicts"]:
        names = list(next(iter(audit["verdicts"].values())))
        counts = [(name, *counted.values()) for name, counted in audit["verdicts"].items()]
        parts.append(table(("set", *names), counts))
    if audit["baselines"]:
        parts.append(
            table(
                ("rule", "caught", "false positives", "localised"),
                [
                    (r["rule"], r["caught"], r["false_positives"], r["localised"])
                    for r in audit["baselines"]
                ],
            )
        )
    parts += [f"False positive: {describe_record(r)}" for r in audit["false_positives"]]
    parts += [f"Missed: {describe_record(r)}" for r in audit["missed"]]
    parts += [f"Cannot fail: {name}" for name in audit["cannot_fail"]]
    parts += [f"Unused: EXPLAINED has {entry!r}" for entry in audit["unused_explanations"]]
    return "\n\n".join(parts)


def describe_record(record: Mapping[str, Any]) -> str:
    """Return one line on a case, and of a draw also the command that checks it again."""
    if record["set"] == "draw":
        text = f"number {record['number']}, {record['verdict']} of its {record['failed_subject']}"
    else:
        text = f"{record['kind']}, {record['name']} ({record['side']}): {record['text']}"
    if "command" in record:
        text += f"; again with {record['command']}\n{json.dumps(record['configuration'])}"
    return text
