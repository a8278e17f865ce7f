"""Training in several processes: the communication between them."""

from __future__ import annotations

from dataclasses import dataclass

import jittor as jt
import numpy as np
from jittor import Var, nn

from ddpm.launch import PEER_TIMEOUT
from ddpm.shards import Shard, shard
from impl_jittor.operators import constant


@dataclass(frozen=True)
class ProcessGroup:
    """The processes that compute one run together; by default only this one."""

    rank: int = 0
    size: int = 1

    @property
    def lost(self) -> str:
        """The end of the connection to other processes: none, for MPI ends them all itself."""
        return ""

    def shard(self, batch_size: int) -> Shard:
        """Return the rows of a batch that this process works on."""
        return shard(batch_size, self.rank, self.size)

    def replica(self, model: nn.Module) -> nn.Module:
        """Return the model as it is called in training: Jittor's optimizer averages gradients."""
        return model

    def weighted(self, loss: Var, rows: Shard) -> Var:
        """Scale the loss of some rows so that the mean over the group is the batch's loss."""
        weight = rows.weight(self.size)
        return loss if weight == 1 else loss * constant(weight, loss)

    def mean(self, value: Var) -> Var:
        """Return the mean over the group, equal to the bit in each process."""
        if self.size == 1:
            return value
        return value.detach().mpi_all_reduce("add") / self.size

    def any(self, flag: bool) -> bool:
        """Tell whether the flag is set in any process of the group."""
        return flag if self.size == 1 else self.mean(jt.array([float(flag)])).item() > 0

    def same(self, values: np.ndarray) -> np.ndarray:
        """Tell for each of some small integers whether every process of the group has it too."""
        own = jt.array64(values.astype(np.float64))
        return (self.mean(own * own) == self.mean(own) ** 2).numpy()  # no variance


def join(timeout: float = PEER_TIMEOUT) -> ProcessGroup:
    """Meet the other processes that mpirun started, if it did; MPI has no timeout."""
    return ProcessGroup(jt.rank, jt.world_size)
