"""`ddpm doctor`: is Jittor usable here?"""

from __future__ import annotations

import sys

import click

from jittor_env import doctor


@click.command()
def command() -> None:
    """Say what Jittor needs, what was found, and how to mend what is missing.

    Exit status 0 if Jittor can start here, 1 if something is missing.
    """
    findings = doctor.examine()
    click.echo(doctor.render(findings))
    sys.exit(0 if all(finding.ok for finding in findings) else 1)
