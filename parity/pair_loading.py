"""Finds what a user names as `module:attribute`."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from typing import Any

from parity.errors import CannotCompare, one_line


def load_pairs(name: str) -> list[Any]:
    """Import `module:attribute`, or `module` for every pair in it; Jittor is made ready first.

    Returns:
        The pairs and courses found; an attribute may be one, or a list, tuple or dict of them.

    Raises:
        CannotCompare: there is no such module or attribute, its import fails, or it is no pair.
    """
    module_name, _, attribute = name.partition(":")
    module = _import(module_name, name)
    if not attribute:
        found = [value for value in vars(module).values() if _is_pair(value)]
    else:
        if not hasattr(module, attribute):
            known = ", ".join(key for key, value in vars(module).items() if _is_pair(value))
            raise CannotCompare(
                f"{module_name} has no attribute {attribute!r}; its pairs: {known or 'none'}"
            )
        value = getattr(module, attribute)
        values = list(value.values()) if isinstance(value, dict) else value
        found = list(values) if isinstance(values, (list, tuple)) else [values]
    wrong = next((value for value in found if not _is_pair(value)), None)
    if wrong is not None or not found:
        what = "nothing" if wrong is None else type(wrong).__name__
        raise CannotCompare(
            f"{name} holds {what}, and a parity.Pair, Trajectory or Tables is needed"
        )
    return found


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
    try:
        _prepare_jittor()
        module = importlib.import_module(module_name)
        _settle_jittor()
    except Exception as error:
        raise CannotCompare(f"{module_name} cannot be imported: {one_line(error)}") from error
    return module


def _prepare_jittor() -> None:
    """Make Jittor importable, where it is installed; a pair may do without it."""
    if importlib.util.find_spec("jittor") and importlib.util.find_spec("jittor_env"):
        jittor_env = importlib.import_module("jittor_env")
        try:
            jittor_env.prepare()
        except jittor_env.JittorEnvError as error:
            # A pair of other frameworks goes on; one of Jittor's will fail with its own words.
            print(f"note: Jittor cannot be used here: {error}", file=sys.stderr)


def _settle_jittor() -> None:
    if "jittor" in sys.modules and importlib.util.find_spec("jittor_env"):
        importlib.import_module("jittor_env").settle()
