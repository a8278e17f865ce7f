"""`ddpm doctor`: tell whether Jittor can be used on this machine."""

from __future__ import annotations

import sys

import click

from jittor_env import doctor


@click.command()
def command() -> None:
    """List what Jittor needs, what this machine has, and how to install what is missing.

    Exit status: 0 if Jittor can start here, 1 if something is missing.
    """
    findings = doctor.examine()
    click.echo(doctor.render(findings))
    sys.exit(0 if all(finding.ok for finding in findings) else 1)
