"""The program `ddpm`: one thin file a command, which reads options and calls other packages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ddpm_cli.program import main

__all__ = ["main"]


def __getattr__(name: str) -> Any:
    # Imported late, so that `ddpm_cli.entry` can say what is missing where click is.
    if name != "main":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from ddpm_cli.program import main

    return main
