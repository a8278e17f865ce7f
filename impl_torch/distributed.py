"""Training in several processes: the communication between them."""

from __future__ import annotations

import atexit
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor, nn

from ddpm.launch import launched
from ddpm.shards import Shard, shard

# The group for means. The default group, in which gradients travel, is kept alive by
# DistributedDataParallel and by modules of torch that are imported after it, so its threads outlive
# the interpreter. A thread that then still holds a Python tensor aborts the process. Gradients are
# C++ tensors; the tensor of a mean is a Python tensor and so needs a group that ends in time.
_means: list[dist.ProcessGroup] = []


@dataclass(frozen=True)
class ProcessGroup:
    """The processes that compute one run together; by default only this one."""

    rank: int = 0
    size: int = 1

    def shard(self, batch_size: int) -> Shard:
        """Return the rows of a batch that this process works on."""
        return shard(batch_size, self.rank, self.size)

    def replica(self, model: nn.Module) -> nn.Module:
        """Return the model as it is called in training: its gradients are means over the group."""
        return model if self.size == 1 else nn.parallel.DistributedDataParallel(model)

    def weighted(self, loss: Tensor, rows: Shard) -> Tensor:
        """Scale the loss of some rows so that the mean over the group is the batch's loss."""
        weight = rows.weight(self.size)
        return loss if weight == 1 else loss * weight

    def mean(self, value: Tensor) -> Tensor:
        """Return the mean over the group, equal to the bit in each process."""
        if self.size == 1:
            return value
        total = value.detach().clone()
        dist.all_reduce(total, group=_means[0])
        return total / self.size

    def any(self, flag: bool) -> bool:
        """Tell whether the flag is set in any process of the group."""
        return flag if self.size == 1 else self.mean(torch.tensor(float(flag))).item() > 0


def join() -> ProcessGroup:
    """Meet the other processes that torchrun started, if it did (gloo, on the CPU)."""
    if launched().by != "torchrun":
        return ProcessGroup()
    if not dist.is_initialized():
        dist.init_process_group("gloo")
        _means.append(dist.new_group())
        atexit.register(dist.destroy_process_group)
        atexit.register(_means.clear)  # runs first; it drops the last reference, so threads end
    return ProcessGroup(dist.get_rank(), dist.get_world_size())
