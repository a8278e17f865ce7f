"""Words of messages."""

from __future__ import annotations


def counted(number: int, noun: str) -> str:
    """Return a number with its noun in singular or plural: `1 epoch`, `2,000 epochs`."""
    return f"{number:,} {noun}{'s'[: number != 1]}"
