"""Says in one line what a module is: its class and settings, and where its code stands."""

from __future__ import annotations

import inspect
import re
import sysconfig
from pathlib import Path
from typing import Any

from parity.errors import CannotCompare
from parity.nested.arguments import forward_function
from parity.trace.bound_model import BoundModel

LONGEST = 120


def module_texts(reference: BoundModel, candidate: BoundModel, path: str) -> tuple[str, str] | None:
    """Return a line for a module of each side, the reference's first; None if one lacks it.

    Args:
        reference: one side.
        candidate: the other.
        path: in the reference.
    """
    found = []
    for side in (reference, candidate):
        own = {partner: name for name, partner in side.modules.items()}.get(path)
        module = None if own is None else side.adapter.modules().get(own)
        if own is None or module is None:
            return None
        found.append(module_text(module, own, renamed=own != path))
    return found[0], found[1]


def module_text(module: Any, path: str, *, renamed: bool = False) -> str:
    """Return `BatchNorm2d(8, eps=1e-05)`, or for a module with others in it `Block (net.py:12)`.

    Args:
        module: of any framework.
        path: its own.
        renamed: whether to begin with the path, because the other side has another one.
    """
    name = f"{path or 'the model itself'}, " if renamed else ""
    recorded = getattr(module, "recorded_text", None)
    if recorded is not None:
        return f"{name}{recorded}"
    lines = _described(module).splitlines()
    text = lines[0] if len(lines) == 1 else type(module).__name__
    text = re.sub(r"\s+", " ", text)[:LONGEST]
    place = _place(module)
    return f"{name}{text}{f' ({place})' if place else ''}"


def _described(module: Any) -> str:
    try:
        return repr(module)
    except (CannotCompare, KeyboardInterrupt):
        raise
    except Exception:  # a user's own __repr__
        return type(module).__name__


def _place(module: Any) -> str:
    """Return file and line of the user's code that runs; `""` for code of a library."""
    try:
        function = inspect.unwrap(forward_function(module))
        file = inspect.getsourcefile(function)
        line = inspect.getsourcelines(function)[1]
    except (TypeError, OSError, ValueError):
        return ""
    if file is None or any(file.startswith(sysconfig.get_path(p)) for p in ("purelib", "stdlib")):
        return ""
    return f"{Path(file).name}:{line}"
