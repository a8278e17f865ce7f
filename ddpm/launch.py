"""The launcher that started this process, and the number of processes, from the environment."""

from __future__ import annotations

import os
from dataclasses import dataclass

from ddpm.errors import InputError

# Launcher -> its variables for the number of a process and for the number of processes.
_VARIABLES = {
    "torchrun": ("RANK", "WORLD_SIZE"),
    "mpirun": ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"),
    "another MPI than Open MPI": ("PMI_RANK", "PMI_SIZE"),
}
_TORCHRUN = "torchrun --nproc-per-node N --no-python ddpm train --framework torch"


@dataclass(frozen=True)
class Launch:
    """Process `rank` of `size`; `by` is the launcher, None for a single process."""

    by: str | None = None
    rank: int = 0
    size: int = 1


def launched() -> Launch:
    """Return how this process was started; a launcher of one process counts as none."""
    for by, (rank, size) in _VARIABLES.items():
        if os.environ.get(size, "1").isdigit() and int(os.environ.get(size, "1")) > 1:
            return Launch(by, int(os.environ.get(rank, "0")), int(os.environ[size]))
    return Launch()


def require_launcher(framework: str, device: str) -> None:
    """Refuse to train in processes that cannot find, and so would overwrite, each other.

    Raises:
        InputError: another launcher than torchrun, another framework than torch, or a GPU.
    """
    launch = launched()
    if launch.by is None:
        return
    if framework == "jittor":
        raise InputError(
            f"jittor trains in one process here, not in {launch.size}: leave {launch.by} out, or"
            f" start {_TORCHRUN}"
        )
    if launch.by != "torchrun":
        raise InputError(
            f"torch does not train in {launch.size} processes started by {launch.by}; start them"
            f" with {_TORCHRUN}"
        )
    if device != "cpu":
        raise InputError(
            f"--device {device} is for one process, and there are {launch.size}: leave it out"
        )


def require_one_process(command: str) -> None:
    """Refuse a launcher of several processes.

    Raises:
        InputError: there are several.
    """
    launch = launched()
    if launch.by is not None:
        raise InputError(
            f"ddpm {command} runs in one process, not in {launch.size}; only ddpm train shares its"
            f" work: leave {launch.by} out"
        )
