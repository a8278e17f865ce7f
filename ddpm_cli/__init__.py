"""The program `ddpm`: one thin file a command, which reads options and calls other packages."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ddpm_cli.program import main

__all__ = ["main"]

# Packages that another extra than `ddpm` brings.
_EXTRAS = {"torch_fidelity": "inception", "torchvision": "inception"}


def __getattr__(name: str) -> Any:
    # Imported late, so that `start` can say what is missing where click is.
    if name != "main":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from ddpm_cli.program import main

    return main


def start() -> None:
    """Run the program; where a package is missing, print one line and exit with status 2."""
    try:
        from ddpm_cli.program import main

        main()
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if not package or sys.modules.get(package) is not None:
            raise  # the package is here and a module of it is not: a fault
        extra = _EXTRAS.get(package, "ddpm")
        remedy = f"pip install 'ddpm-parity[{extra}]'"
        print(
            f"ddpm: the package {package} is missing; {remedy}  [missing-package]", file=sys.stderr
        )
        sys.exit(2)
