"""What Python and its packages must be, told before Jittor dies of it in its own words."""

from __future__ import annotations

import sys

from jittor_env.errors import JittorEnvError
from jittor_env.onednn import installed_version

PYTHONS = ((3, 10), (3, 12))  # first and last minor version that Jittor 1.3.11 runs on
JITTOR = "1.3.11"


def require_python() -> None:
    """Refuse a Python on which Jittor does not run.

    Raises:
        JittorEnvError: it is older or newer than what Jittor runs on.
    """
    first, last = PYTHONS
    if not first <= sys.version_info[:2] <= last:
        found = ".".join(map(str, sys.version_info[:3]))
        raise JittorEnvError(
            f"Jittor {JITTOR} does not run on Python {found} ({sys.executable})",
            remedy=f"use Python {first[0]}.{first[1]} to {last[0]}.{last[1]}",
        )


def require_numpy() -> None:
    """Refuse a NumPy that Jittor was not built for.

    Raises:
        JittorEnvError: there is none, or it is NumPy 2 or later.
    """
    numpy = installed_version("numpy")
    if numpy is None or int(numpy.partition(".")[0]) >= 2:
        raise JittorEnvError(
            f"Jittor {JITTOR} needs NumPy 1, found {numpy or 'none'}",
            remedy='pip install "numpy<2"',
        )


def require_jittor() -> None:
    """Refuse an environment without Jittor.

    Raises:
        JittorEnvError: it is not installed.
    """
    if installed_version("jittor") is None:
        raise JittorEnvError(
            f"Jittor is not installed in {sys.prefix}", remedy=f"pip install jittor=={JITTOR}.0"
        )
