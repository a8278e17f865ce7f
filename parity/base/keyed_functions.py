"""Functions with names that mean the same in any process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Keyed:
    """A function with a key that tells it from others, in this process and in any other.

    Attributes:
        function: what a call runs.
        key: a text.
    """

    def __init__(self, function: Callable[..., Any], key: str) -> None:
        self.function, self.key = function, key

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        """Call the function."""
        return self.function(*arguments, **keywords)


def key_of(function: Callable[..., Any] | None) -> str | None:
    """Return the key of a function: `""` for None, and None for a function without one."""
    return "" if function is None else getattr(function, "key", None)
