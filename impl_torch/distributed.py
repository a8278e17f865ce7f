"""Training in several processes: what goes between them."""

from __future__ import annotations

import atexit
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor, nn

from ddpm.launch import launched
from ddpm.shards import Shard, shard

# The group that means travel in. The one that gradients do is never let go of: by
# DistributedDataParallel, and by torch's own modules that are imported after it. Its threads so
# outlive the interpreter, which aborts the process if one still holds a tensor of Python's. The
# gradients' are C++'s alone; a mean's is Python's.
_means: list[dist.ProcessGroup] = []


@dataclass(frozen=True)
class ProcessGroup:
    """The processes that compute one run together; usually this one alone."""

    rank: int = 0
    size: int = 1

    def shard(self, batch_size: int) -> Shard:
        """Return the rows of a batch that are this process's own."""
        return shard(batch_size, self.rank, self.size)

    def replica(self, model: nn.Module) -> nn.Module:
        """Return the model as it is called in training: its gradients are means over the group."""
        return model if self.size == 1 else nn.parallel.DistributedDataParallel(model)

    def weighed(self, loss: Tensor, rows: Shard) -> Tensor:
        """Scale a loss over some rows of a batch so that the group's mean is the whole batch's."""
        weight = rows.weight(self.size)
        return loss if weight == 1 else loss * weight

    def mean(self, value: Tensor) -> Tensor:
        """Return the mean over the group, the same to the bit in each process."""
        if self.size == 1:
            return value
        total = value.detach().clone()
        dist.all_reduce(total, group=_means[0])
        return total / self.size

    def any(self, flag: bool) -> bool:
        """Tell whether any process of the group says so."""
        return flag if self.size == 1 else self.mean(torch.tensor(float(flag))).item() > 0


def join() -> ProcessGroup:
    """Meet the other processes that torchrun started, if it did (gloo, on the CPU)."""
    if launched().by != "torchrun":
        return ProcessGroup()
    if not dist.is_initialized():
        dist.init_process_group("gloo")
        _means.append(dist.new_group())
        atexit.register(dist.destroy_process_group)
        atexit.register(_means.clear)  # first; held by nothing else then, its threads end with it
    return ProcessGroup(dist.get_rank(), dist.get_world_size())
