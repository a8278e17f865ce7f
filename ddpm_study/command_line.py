"""Commands of click whose wrong usage is one line and status 2, as everywhere in this project."""

from __future__ import annotations

import sys
from typing import Any

import click

LONGEST = 600  # characters of a line


class _OneLine:
    """Reports wrong usage in one line, without click's own two lines above it."""

    def main(self, *arguments: Any, standalone_mode: bool = True, **options: Any) -> Any:
        """Run the command; as click's, but for the text of a usage error."""
        run = super().main  # type: ignore[misc]
        if not standalone_mode:
            return run(*arguments, standalone_mode=False, **options)
        try:
            status = run(*arguments, standalone_mode=False, **options)
        except click.UsageError as error:
            path = error.ctx.command_path if error.ctx else str(options.get("prog_name"))
            text = " ".join(error.format_message().split())[:LONGEST]
            click.echo(f"{path}: {text} See {path} --help", err=True)
            sys.exit(2)
        except click.Abort:
            sys.exit(130)
        sys.exit(status if isinstance(status, int) else 0)


class Command(_OneLine, click.Command):
    """A command."""


class Group(_OneLine, click.Group):
    """A group of commands."""
