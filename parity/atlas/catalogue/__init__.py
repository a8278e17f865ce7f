"""Lists the entries, one file a group; `GROUPS` maps a group's name to its entries."""

from __future__ import annotations

import importlib
import pkgutil

from parity.atlas.entry import Entry


def _load() -> dict[str, tuple[Entry, ...]]:
    names = sorted(i.name for i in pkgutil.iter_modules(__path__) if not i.name.startswith("_"))
    return {n: importlib.import_module(f"{__name__}.{n}").ENTRIES for n in names}


GROUPS: dict[str, tuple[Entry, ...]] = _load()


def find(group: str, name: str) -> Entry:
    """Return an entry by its name.

    Raises:
        KeyError: the group has no such entry.
    """
    for entry in GROUPS[group]:
        if entry.name == name:
            return entry
    raise KeyError(f"{group}: {name}")
