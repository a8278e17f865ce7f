"""The launcher that started this process, and the number of processes, from the environment."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ddpm.errors import InputError

# Seconds that a process waits for another: longer than compiling, or writing a checkpoint, takes.
PEER_TIMEOUT = 600.0
# Launcher -> its variables for the number of a process, for the number of processes, and for the
# number of a process on its host.
_VARIABLES = {
    "torchrun": ("RANK", "WORLD_SIZE", "LOCAL_RANK"),
    "mpirun": ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_RANK"),
    "another MPI than Open MPI": ("PMI_RANK", "PMI_SIZE", "MPI_LOCALRANKID"),
}
_TORCHRUN = "torchrun --nproc-per-node N --no-python ddpm train --framework torch"


@dataclass(frozen=True)
class Launch:
    """Process `rank` of `size`; `by` is the launcher, None for a single process.

    `rank_on_host` counts from 0 on each host, and is `rank` where the launcher does not say it.
    """

    by: str | None = None
    rank: int = 0
    size: int = 1
    rank_on_host: int = 0


def launched() -> Launch:
    """Return how this process was started; a launcher of one process counts as none."""
    for by, (rank, size, on_host) in _VARIABLES.items():
        if os.environ.get(size, "1").isdigit() and int(os.environ.get(size, "1")) > 1:
            number = os.environ.get(rank, "0")
            first = int(os.environ.get(on_host, number))
            return Launch(by, int(number), int(os.environ[size]), first)
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


class Group(Protocol):
    """Processes that can tell whether they have the same."""

    @property
    def size(self) -> int:
        """Number of processes."""

    def same(self, values: np.ndarray) -> np.ndarray:
        """Tell for each of some small integers whether every process has it too."""


def require_same(group: Group, inputs: Mapping[str, object]) -> None:
    """Refuse processes, perhaps on several hosts, that were not given the same input.

    Args:
        group: the processes, each of which must call this with inputs of the same names.
        inputs: name -> an array, arrays by name, or any value whose `repr` has all of it.

    Raises:
        InputError: an input differs between two processes.
    """
    if group.size == 1:
        return
    digests = np.stack([_digest(value) for value in inputs.values()])
    same = group.same(digests).all(axis=1)
    differing = [name for name, is_same in zip(inputs, same, strict=True) if not is_same]
    if differing:
        raise InputError(
            f"the {group.size} processes were not given the same {' and '.join(differing)}; start"
            " all with the same command, and give each host the same files"
        )


def _digest(value: object) -> np.ndarray:
    """Return the SHA-256 of a value as 32 bytes."""
    digest = hashlib.sha256()
    arrays = value if isinstance(value, Mapping) else {"": value}
    for name in sorted(arrays):
        part = arrays[name]
        if isinstance(part, np.ndarray):
            digest.update(f"{name} {part.dtype} {part.shape}".encode())
            digest.update(np.ascontiguousarray(part).data)
        else:
            digest.update(f"{name} {part!r}".encode())
    return np.frombuffer(digest.digest(), np.uint8)


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
