"""The `ddpm` program: one thin file a command. Reads options, calls the rooms, prints."""

from ddpm_cli.program import main

__all__ = ["main"]
