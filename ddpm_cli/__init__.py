"""The program `ddpm`: one thin file a command, which reads options and calls other packages."""

from ddpm_cli.program import main

__all__ = ["main"]
