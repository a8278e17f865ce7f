"""The start of the program `ddpm`: a missing package is one line and not a traceback."""

from __future__ import annotations

import sys

# A package that its extra brings and `ddpm` does not.
EXTRAS = {"torch_fidelity": "inception", "torchvision": "inception"}


def main() -> None:
    """Run the program. Exit status 2 where a package of an extra is missing."""
    try:
        from ddpm_cli.program import main as program

        program()
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing in sys.modules or not missing:
            raise  # a module of a package that is here: a fault, and no missing package
        extra = EXTRAS.get(missing, "ddpm")
        print(
            f"ddpm: the package {missing} is missing; pip install 'ddpm-parity[{extra}]'",
            file=sys.stderr,
        )
        sys.exit(2)
