"""Two records of `pytest bench` compared by ratios, which mean the same on any machine."""

from __future__ import annotations

import json
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


def compare(old: Path, new: Path) -> list[Change]:
    """Return every ratio that both records have.

    Raises:
        InputError: a record cannot be used, or the two have nothing in common.
    """
    before, after = read(old), read(new)
    common = [key for key in after if key in before]
    if not common:
        raise InputError(f"{old} and {new} have no subject, side, preset and batch in common")
    return [
        Change(
            key[0], key[1], after[key]["over"], key[2], _bounds(before[key]), _bounds(after[key])
        )
        for key in common
        if after[key]["side"] != after[key]["over"]
    ]


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
    return {**facts, "over": facts["over"]}


def _bounds(facts: dict[str, Any]) -> tuple[float, float, float]:
    ratio = facts["ratio"]
    return ratio["low"], ratio["median"], ratio["high"]


def _spread(bounds: tuple[float, float, float]) -> str:
    low, median, high = bounds
    return f"{median:.2f} ({low:.2f} to {high:.2f})"
