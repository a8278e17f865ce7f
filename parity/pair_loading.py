"""Load the pairs that a user names as `module:attribute`."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from parity import jittor_import
from parity.errors import CannotCompare, one_line

# A framework that a pair may import and that this installation may lack -> the extra with it.
EXTRAS = {"torch": "torch", "jittor": "jittor"}


def load_pairs(name: str) -> list[Any]:
    """Import `module:attribute`, or `module` for every pair in it. Jittor is prepared first.

    Args:
        name: the attribute may be a pair or trajectory, a list, tuple or dict of them, or a
            function without arguments that returns one of these.

    Returns:
        The pairs and trajectories found.

    Raises:
        CannotCompare: there is no such module or attribute, its import fails, or it is no pair.
    """
    module_name, _, attribute = name.partition(":")
    module = _import(module_name, name)
    found = _attribute(module, attribute) if attribute else _pairs_in(module)
    wrong = next((value for value in found if not _is_pair(value)), None)
    if wrong is not None or not found:
        content = "nothing" if wrong is None else type(wrong).__name__
        raise CannotCompare(
            f"{name} holds {content}, and a parity.Pair, Trajectory or Tables is needed"
        )
    return found


def _attribute(module: Any, attribute: str) -> list[Any]:
    if not hasattr(module, attribute):
        pairs = [key for key, value in vars(module).items() if _is_pair(value)]
        raise CannotCompare(
            f"{module.__name__} has no attribute {attribute!r}; its pairs: "
            f"{', '.join(pairs) or 'none'}"
        )
    value = getattr(module, attribute)
    if inspect.isfunction(value):
        try:
            value = value()
        except Exception as error:
            raise CannotCompare(
                f"{module.__name__}:{attribute}() cannot be called: {one_line(error)}"
            ) from error
    if isinstance(value, Mapping):
        return list(value.values())
    return list(value) if isinstance(value, (list, tuple)) else [value]


def _pairs_in(module: Any) -> list[Any]:
    return [value for value in vars(module).values() if _is_pair(value)]


def _is_pair(value: object) -> bool:
    from parity.compare.tables import Tables
    from parity.pair import Pair
    from parity.trajectories.trajectory import Trajectory

    return isinstance(value, (Pair, Trajectory, Tables))


def _import(module_name: str, name: str) -> Any:
    if not module_name:
        raise CannotCompare(f"{name!r} names no module: write module:attribute")
    if str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    jittor_import.install()
    try:
        module = importlib.import_module(module_name)
    except Exception as error:
        raise CannotCompare(
            f"{module_name} cannot be imported: {one_line(error)}{_remedy(error)}"
        ) from error
    _settle_jittor()
    return module


def _remedy(error: Exception) -> str:
    missing = error.name if isinstance(error, ModuleNotFoundError) else None
    return f"; pip install 'ddpm-parity[{EXTRAS[missing]}]'" if missing in EXTRAS else ""


def _settle_jittor() -> None:
    """Settle a Jittor that was imported before the finder was there."""
    if "jittor" in sys.modules and importlib.util.find_spec("jittor_env"):
        importlib.import_module("jittor_env").settle()
