"""Two records of `pytest bench` compared by ratios, which mean the same on any machine."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ddpm.errors import InputError

Key = tuple[str, str, str, int]


@dataclass(frozen=True)
class Change:
    """One contender's ratio, before and after.

    Attributes:
        subject, side, over: what was timed, of whom, divided by whom.
        preset: of the model.
        old, new: (low, median, high).
    """

    subject: str
    side: str
    over: str
    preset: str
    old: tuple[float, float, float]
    new: tuple[float, float, float]

    @property
    def slower(self) -> bool:
        """Whether the new interval lies wholly above the old one."""
        return self.new[0] > self.old[2]

    @property
    def faster(self) -> bool:
        """Whether the new interval lies wholly below the old one."""
        return self.new[2] < self.old[0]

    def __str__(self) -> str:
        word = "SLOWER" if self.slower else "faster" if self.faster else "as before"
        return (
            f"{self.subject:<16} {self.side:<12} / {self.over:<12} {_spread(self.old)} ->"
            f" {_spread(self.new)}  {word}"
        )


@dataclass(frozen=True)
class Comparison:
    """What two records say together.

    Attributes:
        changes: every ratio that both have.
        lost: what only the old one has.
        conditions: name -> what it was and what it is, of the machine or a version that changed.
    """

    changes: list[Change]
    lost: list[Key]
    conditions: dict[str, tuple[str, str]]


def compare(old: Path, new: Path) -> Comparison:
    """Compare two records.

    Raises:
        InputError: a record cannot be used, the two have nothing in common, or their processes used
            different numbers of threads, on which a ratio depends.
    """
    before, after = (
        {key: facts for key, facts in read(path).items() if facts["side"] != facts["over"]}
        for path in (old, new)
    )
    changes = [
        Change(key[0], key[1], after[key]["over"], key[2], _bounds(before[key]), _bounds(facts))
        for key, facts in after.items()
        if key in before and before[key]["over"] == facts["over"]
    ]
    if not changes:
        raise InputError(
            f"{old} and {new} have no ratio of the same subject, sides, preset and batch in common"
        )
    was, now = (_conditions(facts) for facts in (before, after))
    if was["threads"] != now["threads"]:
        raise InputError(
            f"{old} was timed with {was['threads']} threads and {new} with {now['threads']}, and"
            " ratios depend on it; time one of them again with --threads"
        )
    changed = {
        name: (was.get(name, "not said"), now.get(name, "not said"))
        for name in sorted(was | now)
        if was.get(name) != now.get(name)
    }
    return Comparison(changes, [key for key in before if key not in after], changed)


def _conditions(facts: dict[Key, dict[str, Any]]) -> dict[str, str]:
    """Return what a record says of machine and versions; if more than one thing, all of it."""
    found: dict[str, set[str]] = {}
    for one in facts.values():
        for name, value in one["environment"].items():
            found.setdefault(name, set()).add(value)
    return {name: " and ".join(sorted(values)) for name, values in found.items()}


def read(path: Path) -> dict[Key, dict[str, Any]]:
    """Return what `pytest bench --benchmark-json` says of each side of each subject.

    Raises:
        InputError: it cannot be read, or is no such record.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        facts = [benchmark["extra_info"] for benchmark in values["benchmarks"]]
        return {(f["subject"], f["side"], f["preset"], f["batch_size"]): _whole(f) for f in facts}
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read: {error}; give a --benchmark-json file") from None
    except (KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"{path} is no record of pytest bench (it lacks {error}); make it anew with pytest"
            " bench --benchmark-json"
        ) from None


def _whole(facts: dict[str, Any]) -> dict[str, Any]:
    _bounds(facts)
    environment = facts["environment"]
    return {**facts, "over": facts["over"], "environment": {**environment, **_threads(environment)}}


def _threads(environment: dict[str, str]) -> dict[str, str]:
    """Return the threads as a number, as which `as many as cores` can be compared."""
    told = environment["threads"]
    return {"threads": told if told.isdigit() else environment["cores"]}


def _bounds(facts: dict[str, Any]) -> tuple[float, float, float]:
    ratio = facts["ratio"]
    low, median, high = (ratio[name] for name in ("low", "median", "high"))
    # NaN is neither above nor below anything, and would pass as unchanged.
    if not 0 < low <= median <= high < math.inf:
        raise TypeError(f"a usable ratio of {facts['subject']}: {low}, {median}, {high}")
    return low, median, high


def _spread(bounds: tuple[float, float, float]) -> str:
    low, median, high = bounds
    return f"{median:.2f} ({low:.2f} to {high:.2f})"
