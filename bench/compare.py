"""Comparison of two records of `pytest bench` by ratios, which mean the same on any machine."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ddpm.errors import InputError
from safe_files.reading import CannotRead, read_json, show

Key = tuple[str, str, str, int]  # benchmark, implementation, preset, batch size
Bounds = tuple[float, float, float]  # low, median, high


@dataclass(frozen=True)
class Change:
    """The ratio of one implementation to the base, before and after.

    Attributes:
        benchmark, implementation, base: what was timed, whose time, divided by whose.
        preset: of the model.
        old, new: low, median and high.
    """

    benchmark: str
    implementation: str
    base: str
    preset: str
    old: Bounds
    new: Bounds

    @property
    def slower(self) -> bool:
        """Whether the new interval lies entirely above the old one."""
        return self.new[0] > self.old[2]

    @property
    def faster(self) -> bool:
        """Whether the new interval lies entirely below the old one."""
        return self.new[2] < self.old[0]

    def __str__(self) -> str:
        word = "SLOWER" if self.slower else "faster" if self.faster else "as before"
        return (
            f"{self.benchmark:<16} {self.implementation:<12} / {self.base:<12}"
            f" {_interval(self.old)} -> {_interval(self.new)}  {word}"
        )


@dataclass(frozen=True)
class Comparison:
    """The comparison of two records.

    Attributes:
        changes: every ratio that both records have.
        lost: keys that only the old one has.
        conditions: name -> old and new value, of what changed in machine and versions.
    """

    changes: list[Change]
    lost: list[Key]
    conditions: dict[str, tuple[str, str]]


def compare(old: Path, new: Path) -> Comparison:
    """Compare two records.

    Raises:
        InputError: a record cannot be used, the two have no ratio in common, or their processes
            used different numbers of threads, on which a ratio depends.
    """
    before, after = (
        {key: e for key, e in read(path).items() if e["implementation"] != e["base"]}
        for path in (old, new)
    )
    changes = [
        Change(*key[:2], entry["base"], key[2], _bounds(before[key]), _bounds(entry))
        for key, entry in after.items()
        if key in before and before[key]["base"] == entry["base"]
    ]
    if not changes:
        raise InputError(
            f"{old} and {new} have no ratio of the same benchmark, implementations, preset and"
            " batch in common"
        )
    was, now = (_conditions(entries) for entries in (before, after))
    if was["threads"] != now["threads"]:
        raise InputError(
            f"{old} was timed with {was['threads']} threads and {new} with {now['threads']}, and"
            " ratios depend on it; time one of them again with --threads"
        )
    changed = {
        name: (was.get(name, "not recorded"), now.get(name, "not recorded"))
        for name in sorted(was | now)
        if was.get(name) != now.get(name)
    }
    return Comparison(changes, [key for key in before if key not in after], changed)


def _conditions(entries: dict[Key, dict[str, Any]]) -> dict[str, str]:
    """Return machine and versions of a record; where its entries differ, all values."""
    values: dict[str, set[str]] = {}
    for entry in entries.values():
        for name, value in entry["environment"].items():
            values.setdefault(name, set()).add(value)
    return {name: " and ".join(sorted(each)) for name, each in values.items()}


def read(path: Path) -> dict[Key, dict[str, Any]]:
    """Return the entries of a `pytest bench --benchmark-json` file.

    Raises:
        InputError: it cannot be read, or is no such record.
    """
    try:
        values = read_json(path)
        entries = [benchmark["extra_info"] for benchmark in values["benchmarks"]]
        return {
            (e["benchmark"], e["implementation"], e["preset"], e["batch_size"]): _checked(e)
            for e in entries
        }
    except CannotRead as error:
        raise InputError(f"{error}; give a --benchmark-json file") from None
    except (KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"{show(path)} is no record of pytest bench (it lacks {error}); make it anew with"
            " pytest bench --benchmark-json"
        ) from None


def _checked(entry: dict[str, Any]) -> dict[str, Any]:
    """Return an entry that has everything that is compared, its threads as a number."""
    _bounds(entry)
    environment = {**entry["environment"]}
    # "as many as cores" is comparable once the number of cores stands for it.
    threads = environment["threads"]
    environment["threads"] = threads if threads.isdigit() else environment["cores"]
    return {**entry, "base": entry["base"], "environment": environment}


def _bounds(entry: dict[str, Any]) -> Bounds:
    ratio = entry["ratio"]
    low, median, high = (ratio[name] for name in ("low", "median", "high"))
    # NaN is neither above nor below anything, and would pass as unchanged.
    if not 0 < low <= median <= high < math.inf:
        raise TypeError(f"a usable ratio of {entry['benchmark']}: {low}, {median}, {high}")
    return low, median, high


def _interval(bounds: Bounds) -> str:
    low, median, high = bounds
    return f"{median:.2f} ({low:.2f} to {high:.2f})"
