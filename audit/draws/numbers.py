"""What a Hypothesis strategy gives for a key, always the same."""

from __future__ import annotations

from typing import TypeVar

from hypothesis import given, settings
from hypothesis.strategies import SearchStrategy

from parity.base.rng import keyed

Value = TypeVar("Value")
# Far more than any draw here reads.
BYTES = 8192


def drawn(strategy: SearchStrategy[Value], *key: object) -> Value:
    """Return what a strategy makes of the random bytes of a key.

    Hypothesis' own generator mixes in constants of whatever modules are loaded, and its first
    example is always the simplest; bytes given from outside are read as they are.

    Raises:
        ValueError: the strategy refused these bytes, by a filter for example.
    """
    found: list[Value] = []

    @settings(database=None)
    @given(strategy)
    def collect(value: Value) -> None:
        found.append(value)

    collect.hypothesis.fuzz_one_input(keyed(*key).bytes(BYTES))  # type: ignore[attr-defined]
    if not found:
        raise ValueError(f"nothing was drawn for {key}")
    return found[0]
