"""Training in several processes: the communication between them."""

from __future__ import annotations

import atexit
from dataclasses import dataclass

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor, nn

from ddpm.launch import PEER_TIMEOUT, launched
from ddpm.shards import Shard, shard
from impl_torch.peers import Connection

_connections: list[Connection] = []  # none, or that of this process


@dataclass(frozen=True)
class ProcessGroup:
    """The processes that compute one run together; by default only this one."""

    rank: int = 0
    size: int = 1

    @property
    def lost(self) -> str:
        """The end of the connection to other processes, in words; empty while it holds."""
        return "" if self.size == 1 else _connections[0].lost

    def shard(self, batch_size: int) -> Shard:
        """Return the rows of a batch that this process works on."""
        return shard(batch_size, self.rank, self.size)

    def replica(self, model: nn.Module) -> nn.Module:
        """Return the model as it is called in training: its gradients are means over the group."""
        return model if self.size == 1 else _connections[0].replica(model)

    def weighted(self, loss: Tensor, rows: Shard) -> Tensor:
        """Scale the loss of some rows so that the mean over the group is the batch's loss."""
        weight = rows.weight(self.size)
        return loss if weight == 1 else loss * weight

    def mean(self, value: Tensor) -> Tensor:
        """Return the mean over the group, equal to the bit in each process."""
        if self.size == 1:
            return value
        total = value.detach().clone()
        _connections[0].sum(total)
        return total / self.size

    def any(self, flag: bool) -> bool:
        """Tell whether the flag is set in any process of the group."""
        return flag if self.size == 1 else self.mean(torch.tensor(float(flag))).item() > 0

    def same(self, values: np.ndarray) -> np.ndarray:
        """Tell for each of some small integers whether every process of the group has it too."""
        own = torch.from_numpy(values.astype(np.float64))
        return (self.mean(own * own) == self.mean(own) ** 2).numpy()  # no variance


def join(timeout: float = PEER_TIMEOUT) -> ProcessGroup:
    """Meet the other processes that torchrun started, if it did (gloo, on the CPU).

    Args:
        timeout: seconds after which a process that does not answer counts as lost.

    Raises:
        PeersLost: the processes do not meet.
    """
    if launched().by != "torchrun":
        return ProcessGroup()
    if not dist.is_initialized():
        _connections.append(Connection(timeout))
        atexit.register(dist.destroy_process_group)
        atexit.register(_connections.clear)  # runs first; drops the last reference: threads end
    return ProcessGroup(dist.get_rank(), dist.get_world_size())
