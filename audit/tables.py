"""The audit as Markdown, for the terminal and for documents."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any


def markdown(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return a Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def describe(audit: Mapping[str, Any]) -> str:
    """Return the whole audit as text: scores, classes, verdicts, rules of others, survivors."""
    parts = [markdown(("what", "value", "target"), [tuple(row.values()) for row in audit["rows"]])]
    if audit["kills"]:
        kills = [(kind, f"{a} of {b}") for kind, (a, b) in audit["kills"].items()]
        parts.append(markdown(("class of fault", "caught"), kills))
    verdicts = list(next(iter(audit["confusion"].values()), {}))
    counts = [(name, *counted.values()) for name, counted in audit["confusion"].items()]
    if counts:
        parts.append(markdown(("set", *verdicts), counts))
    if audit["field"]:
        parts.append(
            markdown(
                ("rule", "caught", "falsely accused", "localised"),
                [(r["rule"], r["caught"], r["accused"], r["localised"]) for r in audit["field"]],
            )
        )
    for record in audit["accused"]:
        parts.append(f"Accused: {named(record)}")
    for record in audit["survivors"]:
        parts.append(f"Survivor: {named(record)}")
    parts += [f"Vacuous: {name}" for name in audit["vacuous"]]
    return "\n\n".join(parts)


def named(record: Mapping[str, Any]) -> str:
    """Return what was judged, in one line; of a draw also the way to judge it again."""
    if record["set"] == "draw":
        said = f"number {record['number']}, {record['verdict']} of its {record['accused']}"
    else:
        said = f"{record['kind']}, {record['name']} ({record['side']}): {record['text']}"
    if "replay" in record:
        said += f"; again with {record['replay']}\n{json.dumps(record['configuration'])}"
    return said
